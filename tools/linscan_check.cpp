// linscan check RESULT BASELINE: the gate for continuous integration. Exits 1 and says what moved
// where a model's figures are no longer those of the baseline.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/result_file.h"
#include "common/run_main.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/report/check.h"
#include "linscan/report/report.h"

namespace {

struct Options {
  std::string result;
  std::string baseline;
  std::vector<std::string> tolerances = {"0.001"};
  std::vector<std::string> allowed;
  std::string format = "table";
};

std::string fact_help() {
  std::string text = "Facts of the run that may differ all the same, comma-separated:";
  for (const std::string_view name : linscan::check_facts()) {
    text += " " + std::string(name);
  }
  return text;
}

void add_options(CLI::App& app, Options& options) {
  app.add_option(
         "RESULT", options.result, "result.json of `linscan analyze`, or the folder it is in")
      ->required()
      ->group("Input");
  app.add_option("BASELINE", options.baseline, "An earlier one, to compare with")
      ->required()
      ->group("Input");
  app.add_option("--tolerance",
                 options.tolerances,
                 "How far a number may move: X for all, NAME=X for the metrics with this name or "
                 "group; may be repeated. R², cosine and shares: X itself; metrics without upper "
                 "end (norms, ranks, dimensions): X times the baseline")
      ->group("Method")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("[NAME=]X");
  app.add_option("--allow-different", options.allowed, fact_help())
      ->group("Method")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option("--format", options.format, "What standard output shows")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown"}))
      ->group("Output");
}

linscan::Json read_result(const std::string& argument) {
  const std::filesystem::path path = linscan::tools::result_file(argument);
  linscan::Json document = linscan::read_json_file(path);
  linscan::check_interrupt();
  linscan::tools::naming(path, [&] { linscan::validate_analysis(document); });
  return document;
}

void check(const Options& options) {
  linscan::Tolerance tolerance;
  for (const std::string& text : options.tolerances) {
    linscan::add_tolerance(text, tolerance);
  }
  const linscan::Json result = read_result(options.result);
  const linscan::Json baseline = read_result(options.baseline);
  const linscan::CheckOutcome outcome =
      linscan::check_result(result, baseline, tolerance, options.allowed);
  if (options.format == "json") {
    std::cout << linscan::check_document(outcome, tolerance).dump(1) << '\n';
  } else if (options.format == "csv") {
    std::cout << linscan::render_check_csv(outcome);
  } else if (options.format == "markdown") {
    std::cout << linscan::render_check_markdown(outcome);
  } else {
    std::cout << linscan::render_check_table(outcome);
  }
  LINSCAN_CHECK(outcome.passed(),
                kGate,
                "{}: {} number{} moved from {}",
                options.result,
                outcome.moved.size(),
                outcome.moved.size() == 1 ? "" : "s",
                options.baseline);
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app(
      "linscan-check",
      "Exits 1 and says what moved where a model's figures are no longer those of a baseline",
      "linscan check results/ baseline.json --tolerance 1e-3 --tolerance intrinsic_dimension=0.05");
  Options options;
  add_options(app.cli(), options);
  return app.run(argc, argv, [&] { check(options); });
}
