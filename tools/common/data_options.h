// The "Data" group: which text, how much of it, cut how. Shared by every command that pushes text
// through a model.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "linscan/text/windows.h"

namespace linscan::tools {

struct DataOptions {
  std::vector<std::string> files;  // empty: the bundled corpus
  int64_t tokens = 0;              // 0: the command's default
  int64_t context = 512;
  std::string text_field = "text";
  std::string default_tokens =
      "16,384 or 8 times the hidden size, whichever is more";  // for --help

  void add_to(CLI::App& app);
  bool bundled() const { return files.empty(); }
};

// Reads the windows of `options` for the model in `folder` (its tokenizer is opened only when some
// file is text). `paper_seed` >= 0 draws the published protocol's chunks instead.
TokenWindows load_windows(const DataOptions& options,
                          const std::filesystem::path& folder,
                          int64_t vocabulary_size,
                          int64_t tokens,
                          bool paper,
                          uint64_t seed);

}  // namespace linscan::tools
