// linscan compare RESULT...: many models over normalised depth, from saved results. Computes
// nothing but means and extremes.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/result_file.h"
#include "common/run_main.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/report/comparison.h"

namespace {

struct Options {
  std::vector<std::string> results;
  std::vector<std::string> labels;
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("RESULT", options.results, "result.json of `linscan analyze`, or folders of them")
      ->required()
      ->group("Input");
  app.add_option("--label",
                 options.labels,
                 "Names of the models, one per RESULT and in their order; default: the folder of "
                 "the model, and what tells equal names apart")
      ->group("Input")
      ->type_name("NAME");
  app.add_option("--format", options.format, "What standard output shows")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown", "html"}))
      ->group("Output");
  app.add_option(
         "-o,--out", options.out, "Folder for comparison.json, comparison.csv and comparison.html")
      ->group("Output")
      ->type_name("DIR");
  app.add_flag("--force", options.force, "Replace existing output")->group("Output");
}

struct Inputs {
  std::vector<linscan::Json> documents;
  std::vector<linscan::ComparisonInput> list;
};

Inputs read_inputs(const Options& options) {
  const size_t count = options.results.size();
  LINSCAN_CHECK(options.labels.empty() || options.labels.size() == count,
                kUsage,
                "--label: {} name{} for {} result{}; give one per RESULT, after the last of them",
                options.labels.size(),
                options.labels.size() == 1 ? "" : "s",
                count,
                count == 1 ? "" : "s");
  Inputs inputs;
  inputs.documents.reserve(count);  // the list points into it
  for (size_t i = 0; i < count; ++i) {
    const std::filesystem::path path = linscan::tools::result_file(options.results[i]);
    inputs.documents.push_back(linscan::read_json_file(path));
    linscan::check_interrupt();
    inputs.list.push_back(
        {&inputs.documents.back(), path.string(), options.labels.empty() ? "" : options.labels[i]});
  }
  return inputs;
}

std::string render(const std::vector<linscan::ComparisonInput>& inputs, const std::string& format) {
  if (format == "json") {
    return linscan::make_comparison(inputs).dump(1) + "\n";
  }
  if (format == "csv") {
    return linscan::render_comparison_csv(inputs);
  }
  if (format == "markdown") {
    return linscan::render_comparison_markdown(inputs);
  }
  if (format == "html") {
    return linscan::render_comparison_html(inputs);
  }
  return linscan::render_comparison_table(inputs);
}

void write_outputs(const Options& options, const std::vector<linscan::ComparisonInput>& inputs) {
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
  const Inputs inputs = read_inputs(options);
  const std::string text = render(inputs.list, options.format);
  if (!options.out.empty()) {
    write_outputs(options, inputs.list);
  }
  std::cout << text;
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app(
      "linscan-compare",
      "Many models over normalised depth, from saved results",
      "linscan compare results/pythia-70m results/gpt2 results/opt-125m --out comparison");
  Options options;
  add_options(app.cli(), options);
  return app.run(argc, argv, [&] { compare(options); });
}
