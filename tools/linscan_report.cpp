// linscan report RESULT: a saved result as a table, CSV, Markdown or the HTML report. Computes
// nothing.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/result_file.h"
#include "common/run_main.h"
#include "linscan/base/files.h"
#include "linscan/base/json.h"
#include "linscan/base/log.h"
#include "linscan/report/report.h"

namespace {

struct Options {
  std::string result;
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option(
         "RESULT", options.result, "result.json of `linscan analyze`, or the folder it is in")
      ->required()
      ->group("Input");
  app.add_option("--format", options.format, "What to write")
      ->check(CLI::IsMember({"table", "csv", "markdown", "html", "json"}))
      ->group("Output");
  app.add_option("-o,--out", options.out, "File to write instead of standard output")
      ->group("Output");
  app.add_flag("--force", options.force, "Replace the file of --out if it exists")->group("Output");
}

std::string render(const linscan::Json& document, const std::string& format) {
  if (format == "csv") {
    return linscan::render_csv(document);
  }
  if (format == "markdown") {
    return linscan::render_markdown(document);
  }
  if (format == "html") {
    return linscan::render_html(document);
  }
  if (format == "json") {
    linscan::validate_analysis(document);
    return document.dump(2) + "\n";
  }
  return linscan::render_table(document);
}

void report(const Options& options) {
  if (!options.out.empty()) {
    linscan::require_writable_output(options.out, options.force);
  }
  const std::filesystem::path path = linscan::tools::result_file(options.result);
  const linscan::Json document = linscan::read_json_file(path);
  std::string text;
  linscan::tools::naming(path, [&] { text = render(document, options.format); });
  if (options.out.empty()) {
    std::cout << text;
    return;
  }
  linscan::write_file_atomically(options.out, text);
  linscan::log::info("wrote {}", options.out);
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app("linscan-report",
                              "Table, CSV, Markdown or HTML report of a saved result",
                              "linscan report results/result.json --format html --out report.html");
  Options options;
  add_options(app.cli(), options);
  return app.run(argc, argv, [&] { report(options); });
}
