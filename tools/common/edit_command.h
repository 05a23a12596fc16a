// linscan prune and linscan linearize: one command with two defaults.
#pragma once

#include "common/edit_options.h"

namespace linscan::tools {

void run_edit(const EditOptions& options);

}  // namespace linscan::tools
