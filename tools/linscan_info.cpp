// linscan info MODEL: what a checkpoint is, and whether it is supported. Reads headers only, never
// a weight. linscan info --families: what is supported at all.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/model_info.h"
#include "common/run_main.h"
#include "linscan/base/error.h"

namespace linscan::tools {
namespace {

struct Options {
  std::string model;
  bool tensors = false;
  bool families = false;
  std::string format = "table";
};

void add_options(CLI::App& app, Options& options) {
  CLI::Option* model =
      app.add_option(
             "MODEL,-m,--model", options.model, "HuggingFace folder: config.json and weights")
          ->group("Model");
  app.add_flag("--families",
               options.families,
               "List the families that are supported, with what is tested of each; no MODEL")
      ->excludes(model)
      ->group("Model");
  app.add_flag("--tensors",
               options.tensors,
               "List every tensor: dtype, shape and the weight of the decoder it is")
      ->group("Output");
  app.add_option("--format", options.format, "What standard output shows")
      ->check(CLI::IsMember({"table", "json", "markdown"}))
      ->group("Output");
}

void run_families(const Options& options) {
  const Json families = families_json();
  if (options.format == "json") {
    std::cout << families.dump(1) << '\n';
  } else {
    std::cout << (options.format == "markdown" ? render_families_markdown(families)
                                               : render_families(families));
  }
}

void run(const Options& options) {
  if (options.families) {
    run_families(options);
    return;
  }
  if (options.model.empty()) {
    fail(ErrorKind::kUsage, "MODEL is required (or --families)");
  }
  if (options.format == "markdown") {
    fail(ErrorKind::kUsage, "--format markdown: only with --families");
  }
  const ModelInfo info = read_model_info(options.model, options.tensors);
  if (options.format == "json") {
    std::cout << info.json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    std::cout << render_model_info(info.json);
  }
  if (info.problem) {
    std::cout.flush();
    throw *info.problem;
  }
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool("linscan-info",
               "What a checkpoint is, and whether it is supported. Reads no weights.\n"
               "Exit code 0: supported. 1: not supported or damaged; what can be said about it is "
               "printed all the same.",
               "linscan info ./pythia-70m --tensors");
  Options options;
  add_options(tool.cli(), options);
  return tool.run(argc, argv, [&] { run(options); });
}
