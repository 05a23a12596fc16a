// Folders whose weights are in a form that is not read: refused by name, with what to do.
#pragma once

#include <filesystem>

namespace linscan {

// Throws Error(kUnsupported) when `folder` holds a GGUF file, an adapter, weights of another
// framework or Meta's original release; returns when it holds nothing that is known.
void refuse_other_forms(const std::filesystem::path& folder);

}  // namespace linscan
