// linscan analyze MODEL: how linear is each block of a decoder, and how far can the number be
// trusted.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "common/compute_options.h"
#include "common/data_options.h"
#include "common/output.h"
#include "common/run_main.h"
#include "linscan/analyze/analysis.h"
#include "linscan/analyze/probe.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/edit/damage.h"
#include "linscan/edit/spans.h"
#include "linscan/model/description.h"
#include "linscan/model/model.h"
#include "linscan/report/report.h"
#include "linscan/stats/registry.h"
#include "linscan/text/labelled.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

struct AnalyzeOptions {
  std::string model;
  DataOptions data;
  uint64_t seed = 0;
  ComputeOptions compute;
  bool dry_run = false;
  std::vector<std::string> metrics = {"linearity", "baselines", "geometry", "tokens"};
  int64_t folds = 5;
  int64_t spans = 0;
  bool paper = false;
  std::string probe_data;
  std::string dump_activations;
  std::string format = "table";
  std::string out;
  bool force = false;
};

std::string group_help(std::string_view group) {
  if (group == "sublayers") {
    return "the figures of linearity for attention and MLP, each with its own input";
  }
  if (group == "damage") {
    return "change of cross-entropy, KL and top-1 agreement when one block is removed or replaced "
           "by its map: a second pass";
  }
  if (group == "probe") {
    return "a linear classifier of --probe-data on the states of each block";
  }
  std::string text;
  for (const MetricInfo& metric : metric_registry()) {
    if (metric.group == group && metric.path.find("update.") == std::string_view::npos &&
        metric.path.find("without_first.") == std::string_view::npos) {
      text += (text.empty() ? "" : "; ") + std::string(metric.label);
    }
  }
  return text;
}

std::string metric_help() {
  std::string text = "Comma-separated groups: all (every one that needs no labels), none";
  for (const std::string_view group : metric_groups()) {
    text += fmt::format(", {} ({})", group, group_help(group));
  }
  return text;
}

void add_options(CLI::App& app, AnalyzeOptions& o) {
  app.add_option("MODEL,-m,--model", o.model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  o.data.add_to(app);
  app.add_option("--seed", o.seed, "Seed of folds, sampled tokens and paper chunks")
      ->group("Data")
      ->type_name("S");
  o.compute.add_to(app);
  app.add_flag("--dry-run", o.dry_run, "Print the plan as JSON (memory, reads, batches) and stop")
      ->group("Compute");
  app.add_option("--metrics", o.metrics, metric_help())
      ->group("Method")
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option(
         "--probe-data",
         o.probe_data,
         "Labelled texts of the metric probe, JSON lines: KIND boolq, cb, multirc, or text, the "
         "default (fields text and label)")
      ->group("Method")
      ->type_name("[KIND=]FILE");
  app.add_option("--folds", o.folds, "Held-out folds; 1: no held-out scores")
      ->group("Method")
      ->check(CLI::Range(int64_t{1}, int64_t{100}))
      ->type_name("K");
  app.add_option(
         "--spans",
         o.spans,
         "Fit linear maps of all spans of up to S blocks too: what they explain of the update, "
         "and with the metrics of damage what they cost, under \"spans\" in the JSON; a second "
         "pass. 0: none")
      ->group("Method")
      ->check(CLI::Range(int64_t{0}, int64_t{1000}))
      ->type_name("S");
  app.add_flag(
         "--paper", o.paper, "The published protocol: 128 chunks of 512 characters, in sample")
      ->group("Method");
  app.add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown"}));
  app.add_option("-o,--out", o.out, "Folder for result.json, layers.csv, report.html and run.toml")
      ->group("Output")
      ->type_name("DIR");
  app.add_option("--dump-activations",
                 o.dump_activations,
                 "Write all states and logits as fp32 safetensors (small runs)")
      ->group("Output")
      ->type_name("FILE");
  app.add_flag("--force", o.force, "Replace existing output")->group("Output");
}

MetricChoice choose_metrics(const std::vector<std::string>& names) {
  MetricChoice choice;
  for (const std::string& name : names) {
    const bool all = name == "all";
    choice.linearity |= all || name == "linearity";
    choice.baselines |= all || name == "baselines";
    choice.geometry |= all || name == "geometry";
    choice.sublayers |= all || name == "sublayers";
    choice.damage |= all || name == "damage";
    choice.tokens |= all || name == "tokens";
    choice.probe |= name == "probe";
    const auto groups = metric_groups();
    if (!all && name != "none" && std::find(groups.begin(), groups.end(), name) == groups.end()) {
      fail(ErrorKind::kUsage,
           "--metrics {}: expected all, none or some of {}",
           name,
           fmt::join(groups, ", "));
    }
  }
  return choice;
}

AnalysisOptions to_analysis(const AnalyzeOptions& o) {
  AnalysisOptions options;
  options.metrics = choose_metrics(o.metrics);
  options.folds = o.folds;
  options.seed = o.seed;
  options.context = o.data.context;
  options.dtype = o.compute.dtype;
  options.device = o.compute.device;
  options.memory_limit = o.compute.memory_limit_bytes();
  options.paper = o.paper;
  options.bundled_data = o.data.bundled();
  if (!o.dump_activations.empty()) {
    options.dump_activations = o.dump_activations;
  }
  return options;
}

// The options that decide the numbers, as result.json keeps them.
Json effective_config(const AnalyzeOptions& o, const Json& result) {
  return {{"model", o.model},
          {"data", result["data"]["files"]},
          {"tokens", result["data"]["tokens"]},
          {"ctx", o.data.context},
          {"text-field", o.data.text_field},
          {"seed", o.seed},
          {"dtype", result["compute"]["dtype"]},
          {"device", result["compute"]["device"]},
          {"threads", threads()},
          {"memory-limit", o.compute.memory_limit},
          {"metrics", o.metrics},
          {"folds", o.folds},
          {"spans", o.spans},
          {"paper", o.paper},
          {"probe-data", o.probe_data}};
}

// Without the bundled corpus, which has no name on the command line.
Json config_of_file(const AnalyzeOptions& o, Json config) {
  if (o.data.bundled()) {
    config.erase("data");
  }
  if (o.probe_data.empty()) {
    config.erase("probe-data");
  }
  return config;
}

void write_outputs(const AnalyzeOptions& o, const Json& result) {
  const fs::path folder(o.out);
  AtomicFolder out(folder, o.force);
  write_file_atomically(out.staging() / "result.json", result.dump(1) + "\n");
  write_file_atomically(out.staging() / "layers.csv", render_csv(result));
  write_file_atomically(out.staging() / "report.html", render_html(result));
  write_file_atomically(out.staging() / "run.toml",
                        config_toml("analyze", config_of_file(o, result["config"])));
  out.commit();
  log::info("report: {}", (folder / "report.html").string());
}

// With the choices that the analysis made.
DamageOptions damage_options(const Model& model, const AnalysisOptions& options) {
  const at::Device device = parse_device(options.device);
  return {.seed = options.seed,
          .variants = {.compute_dtype =
                           choose_compute_dtype(options.dtype, stored_in_16_bits(model), device),
                       .device = device,
                       .memory_limit = memory_limit_or_default(options.memory_limit)}};
}

// The labelled texts, read before the work.
struct ProbeData {
  LabelledFile file;
  LabelledTexts texts;
};

std::optional<ProbeData> read_probe_data(const AnalyzeOptions& o, bool wanted) {
  LINSCAN_CHECK(wanted == !o.probe_data.empty(),
                kUsage,
                "--metrics probe and --probe-data FILE go together: {} is missing",
                wanted ? "--probe-data" : "--metrics probe");
  if (!wanted) {
    return std::nullopt;
  }
  const bool has_kind = o.probe_data.find('=') != std::string::npos;
  const LabelledFile file = has_kind ? parse_labelled_file(o.probe_data, "--probe-data")
                                     : LabelledFile{LabelledKind::kText, o.probe_data};
  return ProbeData{file, read_labelled(file.kind, file.file, {.text_field = o.data.text_field})};
}

void run(const AnalyzeOptions& o) {
  set_threads(o.compute.threads);
  const AnalysisOptions options = to_analysis(o);
  const std::optional<ProbeData> probe = read_probe_data(o, options.metrics.probe);
  // Outputs are checked before the work, not after it.
  if (!o.out.empty() && !o.dry_run) {
    AtomicFolder(o.out, o.force);
  }
  if (options.dump_activations) {
    require_writable_output(*options.dump_activations, o.force);
  }
  const Model model = open_model(o.model);
  const int64_t tokens = o.data.tokens > 0 ? o.data.tokens : default_tokens(model.config.hidden);
  const TokenWindows windows =
      load_windows(o.data, o.model, model.config.vocabulary, tokens, o.paper, o.seed);
  if (model.config.learned_positions && options.context > model.config.max_positions) {
    fail_input("--ctx {}: {} has learned positions for {} tokens only",
               options.context,
               o.model,
               model.config.max_positions);
  }
  const DamageOptions damage = damage_options(model, options);
  const SpanOptions spans{.longest = o.spans,
                          .damage = options.metrics.damage,
                          .sample_tokens = damage.sample_tokens,
                          .seed = damage.seed,
                          .variants = damage.variants};
  if (o.dry_run) {
    Json plan = plan_analysis(model, windows, options);
    if (options.metrics.damage) {
      plan["damage"] = plan_damage(model, windows, damage);
    }
    if (o.spans > 0) {
      plan["spans"] = plan_spans(model, windows, spans);
    }
    std::cout << plan.dump(1) << '\n';
    return;
  }
  Analysis analysis = analyze(model, windows, options);
  if (options.metrics.damage && analysis.failure.empty()) {
    add_damage(model, windows, damage, analysis.result);
  }
  if (o.spans > 0 && analysis.failure.empty()) {
    add_spans(model, windows, spans, analysis.result);
  }
  if (probe && analysis.failure.empty()) {
    add_probe(model,
              probe->texts,
              probe->file,
              {.folds = options.folds,
               .seed = options.seed,
               .context = options.context,
               .dtype = options.dtype,
               .device = options.device,
               .memory_limit = options.memory_limit},
              analysis.result);
  }
  analysis.result["config"] = effective_config(o, analysis.result);
  if (!o.out.empty()) {
    write_outputs(o, analysis.result);
  }
  std::cout << draw_document(
      analysis.result, o.format, {render_table, render_markdown, render_csv});
  if (!analysis.failure.empty()) {
    throw_error(ErrorKind::kNumeric, analysis.failure);
  }
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool(
      "linscan-analyze",
      "How linear is each block of a transformer decoder, and how far can that number be trusted?",
      "linscan analyze ./pythia-70m --data wiki.txt --out pythia-70m-linearity");
  AnalyzeOptions options;
  add_options(tool.cli(), options);
  return tool.run(argc, argv, [&] { run(options); });
}
