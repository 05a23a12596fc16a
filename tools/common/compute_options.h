// The "Compute" group: where and how tensors are worked on. Shared by every command that runs a
// model.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

namespace linscan::tools {

struct ComputeOptions {
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  std::string memory_limit = "auto";

  void add_to(CLI::App& app);
  // Bytes; 0 for "auto".
  int64_t memory_limit_bytes() const;
};

}  // namespace linscan::tools
