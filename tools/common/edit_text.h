// The text of the commands that edit: what maps are fitted to and edited models are judged on.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "common/data_options.h"
#include "linscan/edit/edit_data.h"
#include "linscan/model/model.h"

namespace linscan::tools {

struct EditText {
  DataOptions data;
  std::vector<std::string> evaluation_files;  // empty: a tenth of `data`
  int64_t evaluation_tokens = 65536;
  uint64_t seed = 0;

  EditText();
  void add_to(CLI::App& app);

  // Reads both: `wanted` tokens to fit to where --tokens does not say. Throws Error(kInput) for
  // windows longer than learned positions, and what load_windows and EditWindows throw.
  EditWindows load(const Model& model, int64_t wanted) const;
};

}  // namespace linscan::tools
