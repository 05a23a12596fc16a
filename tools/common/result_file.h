// Results named on the command line: a result.json or the folder that `linscan analyze --out` made.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "linscan/base/json.h"

namespace linscan::tools {

// The file behind the argument; a folder stands for the result.json in it.
std::filesystem::path result_file(const std::string& argument);

// Runs `body`; an error of it gets `path` in front.
void naming(const std::filesystem::path& path, const std::function<void()>& body);

}  // namespace linscan::tools
