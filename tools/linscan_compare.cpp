// linscan compare RESULT...: many models over normalised depth, or training runs over their steps,
// from saved results. Computes nothing but means and extremes.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/compare_inputs.h"
#include "common/run_main.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/report/comparison.h"
#include "linscan/report/dynamics.h"

namespace {

struct Options {
  linscan::tools::CompareArguments arguments;
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("RESULT",
                 options.arguments.results,
                 "result.json of `linscan analyze`, folders of them, the same of a training step "
                 "as STEP=RESULT, or folders of `linscan pretrain-reg`")
      ->required()
      ->group("Input");
  app.add_option(
         "--label",
         options.arguments.labels,
         "Names of the models, one per RESULT and in their order; default: the folder of "
         "the model, and what tells equal names apart. Over steps, results of one name are one "
         "run")
      ->group("Input")
      ->type_name("NAME");
  app.add_option("--over",
                 options.arguments.over,
                 "What the lines run over: depth, or training steps; default: steps where every "
                 "RESULT has one. Over depth a training run stands for its last step")
      ->check(CLI::IsMember({"depth", "steps"}))
      ->group("Input");
  app.add_option("--format", options.format, "What standard output shows")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown", "html"}))
      ->group("Output");
  app.add_option(
         "-o,--out", options.out, "Folder for comparison.json, comparison.csv and comparison.html")
      ->group("Output")
      ->type_name("DIR");
  app.add_flag("--force", options.force, "Replace existing output")->group("Output");
}

std::string render(const linscan::tools::CompareInputs& inputs, const std::string& format) {
  const bool steps = inputs.over_steps;
  if (format == "json") {
    return (steps ? linscan::make_dynamics(inputs.runs) : linscan::make_comparison(inputs.results))
               .dump(1) +
           "\n";
  }
  if (format == "csv") {
    return steps ? linscan::render_dynamics_csv(inputs.runs)
                 : linscan::render_comparison_csv(inputs.results);
  }
  if (format == "markdown") {
    return steps ? linscan::render_dynamics_markdown(inputs.runs)
                 : linscan::render_comparison_markdown(inputs.results);
  }
  if (format == "html") {
    return steps ? linscan::render_dynamics_html(inputs.runs)
                 : linscan::render_comparison_html(inputs.results);
  }
  return steps ? linscan::render_dynamics_table(inputs.runs)
               : linscan::render_comparison_table(inputs.results);
}

void write_outputs(const Options& options, const linscan::tools::CompareInputs& inputs) {
  const std::filesystem::path folder(options.out);
  linscan::AtomicFolder out(folder, options.force);
  for (const char* format : {"json", "csv", "html"}) {
    linscan::check_interrupt();
    linscan::write_file_atomically(out.staging() / ("comparison." + std::string(format)),
                                   render(inputs, format));
  }
  out.commit();
  linscan::log::info("report: {}", (folder / "comparison.html").string());
}

void compare(const Options& options) {
  if (!options.out.empty()) {
    linscan::AtomicFolder(options.out, options.force);  // refuses before anything is read
  }
  const linscan::tools::CompareInputs inputs =
      linscan::tools::read_compare_inputs(options.arguments);
  const std::string text = render(inputs, options.format);
  if (!options.out.empty()) {
    write_outputs(options, inputs);
  }
  std::cout << text;
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app(
      "linscan-compare",
      "Many models over depth, or training runs over steps, from saved results",
      "linscan compare results/pythia-70m results/gpt2 results/opt-125m --out comparison");
  Options options;
  add_options(app.cli(), options);
  return app.run(argc, argv, [&] { compare(options); });
}
