// Extended grapheme clusters (Unicode 17, as in HF tokenizers), on top of utf8proc's tables.
#pragma once

#include <cstddef>
#include <string_view>

namespace linscan {

// End of the cluster of `text` that starts at `begin` < size. Precondition: valid UTF-8, `begin` at
// the start of a cluster.
size_t grapheme_end(std::string_view text, size_t begin);

}  // namespace linscan
