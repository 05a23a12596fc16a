// copy_checkpoint SOURCE OUT MAX_SHARD_BYTES [TENSOR...]
//
// Reads a checkpoint and writes it again, for the tests that open the copy with transformers. The
// tensors named come first, in that order (a folder does not say what the model order is), the
// others sorted behind them.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "linscan/io/checkpoint_writer.h"

namespace {

std::vector<std::string> in_order(std::vector<std::string> first, std::vector<std::string> all) {
  for (std::string& name : all) {
    if (std::ranges::find(first, name) == first.end()) {
      first.push_back(std::move(name));
    }
  }
  return first;
}

void copy(const std::vector<std::string>& arguments) {
  const linscan::Checkpoint checkpoint = linscan::Checkpoint::open(arguments.at(0));
  const std::vector<std::string> names =
      in_order({arguments.begin() + 3, arguments.end()}, checkpoint.names());
  std::vector<linscan::TensorEntry> entries;
  for (const std::string& name : names) {
    const linscan::TensorView& tensor = checkpoint.at(name);
    entries.push_back({name, tensor.dtype, tensor.shape});
  }
  linscan::CheckpointWriter writer(
      arguments.at(1),
      entries,
      {.max_shard_bytes = std::stoll(arguments.at(2)), .source = arguments.at(0)});
  for (const std::string& name : names) {
    const linscan::TensorView& tensor = checkpoint.at(name);
    writer.write(name, 0, tensor.data(), tensor.bytes);
    tensor.release();
  }
  writer.commit(checkpoint.config());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    copy({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "copy_checkpoint: error: %s\n", e.what());
    return 1;
  }
}
