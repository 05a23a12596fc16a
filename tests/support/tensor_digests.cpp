// tensor_digests FOLDER: one line per tensor of a checkpoint, as this program reads it, for tests
// that read the same files in Python: name, dtype, shape ("2,3"), SHA-256 of the bytes, separated
// by tabs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <exception>
#include <string>

#include "linscan/base/digest.h"
#include "linscan/io/checkpoint.h"

int main(int argc, char** argv) {
  using namespace linscan;
  if (argc != 2) {
    fmt::print(stderr, "usage: tensor_digests FOLDER\n");
    return 2;
  }
  try {
    const Checkpoint checkpoint = Checkpoint::open(argv[1]);
    for (const std::string& tensor_name : checkpoint.names()) {
      const TensorView& tensor = checkpoint.at(tensor_name);
      Sha256 digest;
      digest.update(tensor.data(), tensor.bytes);
      fmt::print("{}\t{}\t{}\t{}\n",
                 tensor_name,
                 name(tensor.dtype),
                 fmt::join(tensor.shape, ","),
                 digest.finish());
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
