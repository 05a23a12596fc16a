// What every command does the same: help style, general options, logging, signals, errors to exit
// codes.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace linscan::tools {

// Flags of the "General" group.
struct GeneralOptions {
  bool quiet = false;
  int verbose = 0;
};

// A CLI11 app in the house style: defaults shown, unknown configuration keys are errors, options of
// the "General" group added (-h, -q, -v, --config, --version). `example` is one real command shown
// at the end of --help.
class ToolApp {
 public:
  ToolApp(std::string name, std::string description, std::string example);

  CLI::App& cli() { return app_; }
  const std::string& name() const { return name_; }
  const GeneralOptions& general() const { return general_; }

  // Parses the command line, sets up logging and signals, runs `body` and turns every outcome into
  // an exit code: 0 done, 1 bad input or failed gate, 2 usage, 3 internal, 130 interrupted. The
  // only place that catches.
  int run(int argc, char** argv, const std::function<void()>& body);

 private:
  void add_general_options();
  // The command line, behind it options that only the environment sets, in reverse.
  std::vector<std::string> arguments(int argc, char** argv) const;

  std::string name_;
  CLI::App app_;
  GeneralOptions general_;
};

}  // namespace linscan::tools
