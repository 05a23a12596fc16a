// A checkpoint with random weights, as transformers would initialise it. Needs libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "linscan/base/json.h"
#include "linscan/io/checkpoint_writer.h"

namespace linscan {

// Writes a model of `config` (a config.json; `where` names it in errors) to `folder`: weights in
// its torch_dtype (float32 where it names none, or bfloat16), drawn as
// PreTrainedModel._init_weights of transformers does: matrices and embeddings normal with the
// spread that the config names (`initializer_range`, `init_std`, `initializer_factor`, else 0.02),
// biases 0, norms 1; where the family says so, what is added to the stream with 1/sqrt(2L) of that.
// The same seed gives the same bits. Throws what reading such a config and CheckpointWriter throw.
void write_random_model(const Json& config,
                        std::string_view where,
                        const std::filesystem::path& folder,
                        uint64_t seed,
                        CheckpointWriterOptions options = {});

}  // namespace linscan
