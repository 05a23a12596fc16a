// What the readers of weights do with a file before they look at its format.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "linscan/io/mapped_file.h"

namespace linscan {

// Maps a file of weights. Throws Error(kInput) for what cannot be mapped and for a Git LFS pointer,
// the small text that a clone without Git LFS leaves in place of the weights.
std::shared_ptr<MappedFile> map_weights(const std::filesystem::path& path);

// The bytes of the whole file.
std::string_view text_of(const MappedFile& file);

}  // namespace linscan
