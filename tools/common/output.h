// What a finished command leaves: its document on standard output, its options as a file for
// --config.
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan::tools {

// How a document is drawn; a format that it does not have is null.
struct Renderers {
  std::string (*table)(const Json&);
  std::string (*markdown)(const Json&);
  std::string (*csv)(const Json&) = nullptr;
};

// `format` is one of table, json, csv and markdown. Throws Error(kInput) for one that the document
// does not have.
std::string draw_document(const Json& document,
                          const std::string& format,
                          const Renderers& renderers);

// The options in effect as a file for --config; keys with empty lists are left out. JSON's strings,
// numbers, booleans and arrays are TOML's too.
std::string config_toml(std::string_view command, const Json& config);

}  // namespace linscan::tools
