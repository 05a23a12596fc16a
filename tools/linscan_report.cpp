// linscan report RESULT: a saved result as a table, CSV, Markdown or the HTML report. Computes
// nothing.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/output.h"
#include "common/result_file.h"
#include "common/run_main.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/json.h"
#include "linscan/base/log.h"
#include "linscan/report/distillation.h"
#include "linscan/report/edit_report.h"
#include "linscan/report/evaluation.h"
#include "linscan/report/finetuning.h"
#include "linscan/report/ladder_report.h"
#include "linscan/report/report.h"
#include "linscan/report/training.h"

namespace {

struct Options {
  std::string result;
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option(
         "RESULT",
         options.result,
         "A result (result.json of `linscan analyze` or of a training, the report of an edit, a "
         "ladder, an evaluation), or the folder of a result.json")
      ->required()
      ->group("Input");
  app.add_option("--format", options.format, "What to write")
      ->check(CLI::IsMember({"table", "csv", "markdown", "html", "json"}))
      ->group("Output");
  app.add_option("-o,--out", options.out, "File to write instead of standard output")
      ->group("Output");
  app.add_flag("--force", options.force, "Replace the file of --out if it exists")->group("Output");
}

// How documents of one schema are checked and shown.
struct Schema {
  std::string_view name;
  void (*validate)(const linscan::Json&);
  std::string (*html)(const linscan::Json&);
  linscan::tools::Renderers renderers;
};

constexpr Schema kSchemas[] = {
    {linscan::kAnalysisSchema,
     linscan::validate_analysis,
     linscan::render_html,
     {linscan::render_table, linscan::render_markdown, linscan::render_csv}},
    {linscan::kEditSchema,
     linscan::validate_edit,
     linscan::render_edit_html,
     {linscan::render_edit_table, linscan::render_edit_markdown}},
    {linscan::kLadderSchema,
     linscan::validate_ladder,
     linscan::render_ladder_html,
     {linscan::render_ladder_table, linscan::render_ladder_markdown, linscan::render_ladder_csv}},
    {linscan::kEvaluationSchema,
     linscan::validate_evaluation,
     linscan::render_evaluation_html,
     {linscan::render_evaluation_table,
      linscan::render_evaluation_markdown,
      linscan::render_evaluation_csv}},
    {linscan::kTrainingSchema,
     linscan::validate_training,
     linscan::render_training_html,
     {linscan::render_training_table,
      linscan::render_training_markdown,
      linscan::render_training_csv}},
    {linscan::kDistillationSchema,
     linscan::validate_distillation,
     linscan::render_distillation_html,
     {linscan::render_distillation_table, linscan::render_distillation_markdown}},
    {linscan::kFinetuningSchema,
     linscan::validate_finetuning,
     linscan::render_finetuning_html,
     {linscan::render_finetuning_table, linscan::render_finetuning_markdown}}};

// That of the document; of an analysis, whose check then names the schema, where it is none.
const Schema& schema_of(const linscan::Json& document) {
  if (document.is_object()) {
    const auto name = document.find("schema");
    for (const Schema& schema : kSchemas) {
      if (name != document.end() && *name == schema.name) {
        return schema;
      }
    }
  }
  return kSchemas[0];
}

std::string render(const linscan::Json& document, const std::string& format) {
  const Schema& schema = schema_of(document);
  schema.validate(document);
  return format == "html" ? schema.html(document)
                          : linscan::tools::draw_document(document, format, schema.renderers);
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
