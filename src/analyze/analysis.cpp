#include "linscan/analyze/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/analyze/activation_writer.h"
#include "linscan/analyze/engine.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/base/random.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/model/description.h"
#include "linscan/stats/registry.h"

namespace linscan {
namespace {

constexpr int64_t kNeighbourTokens =
    4096;  // of the intrinsic dimension: its cost grows with the square
constexpr double kPaperKeptShare = 0.2;  // TwoNN of the code published with the paper
constexpr int64_t kTokensPerDimension =
    5;  // below n = 5 d the held-out score says more about n than about the block

// The run with every choice made.
struct Setup {
  at::Device device;
  at::ScalarType compute_dtype;
  FoldPlan folds;
  Schedule schedule;
  MemoryPlan memory;
  std::vector<int64_t> sampled_rows;
};

// Storage rows of the tokens whose neighbours are looked for, ascending: a seeded sample, or with
// --paper the first ones in text order.
std::vector<int64_t> choose_sampled_rows(const TokenWindows& windows,
                                         const Schedule& schedule,
                                         const AnalysisOptions& options) {
  std::vector<int64_t> rows(
      static_cast<size_t>(schedule.rows));  // storage row of the token at each text position
  int64_t storage_row = 0;
  for (const ScheduledBatch& batch : schedule.batches) {
    for (const int64_t index : batch.windows) {
      const Window& window = windows.windows[static_cast<size_t>(index)];
      for (int64_t i = 0; i < window.length; ++i) {
        rows[static_cast<size_t>(window.offset + i)] = storage_row++;
      }
    }
  }
  if (!options.paper) {
    Random(options.seed).shuffle(rows);
  }
  rows.resize(static_cast<size_t>(std::min(schedule.rows, kNeighbourTokens)));
  std::sort(rows.begin(), rows.end());
  return rows;
}

Setup prepare(const Model& model, const TokenWindows& windows, const AnalysisOptions& options) {
  const at::Device device = parse_device(options.device);
  Setup setup{device,
              choose_compute_dtype(options.dtype, stored_in_16_bits(model), device),
              {},
              {},
              {},
              {}};
  setup.folds = assign_folds(windows, options.paper ? 1 : options.folds, options.seed);
  const int64_t sampled =
      options.metrics.geometry
          ? std::min<int64_t>(static_cast<int64_t>(windows.ids.size()), kNeighbourTokens)
          : 0;
  setup.memory = plan_memory(model,
                             windows,
                             setup.folds,
                             {.compute_dtype = setup.compute_dtype,
                              .memory_limit = memory_limit_or_default(options.memory_limit),
                              .pair_statistics = options.metrics.statistics(),
                              .sublayers = options.metrics.sublayers,
                              .first_tokens = options.metrics.tokens,
                              .sampled_rows = sampled,
                              .logits = options.dump_activations.has_value(),
                              .workers = TaskPool::workers_for(device)});
  setup.schedule = Schedule::make(windows, setup.folds, setup.memory.batch_rows);
  if (options.metrics.geometry) {
    setup.sampled_rows = choose_sampled_rows(windows, setup.schedule, options);
  }
  return setup;
}

Json describe_data(const TokenWindows& windows, const AnalysisOptions& options) {
  return {{"files", windows.files},
          {"tokens", windows.ids.size()},
          {"windows", windows.windows.size()},
          {"documents", windows.documents},
          {"ctx", options.context},
          {"sha256", windows.sha256},
          {"bundled", options.bundled_data},
          {"invalid_utf8", windows.invalid_utf8}};
}

Json describe_metrics(const MetricChoice& metrics) {
  Json json = Json::object();
  for (const MetricInfo& metric : metric_registry()) {
    const bool wanted = (metric.group == "linearity" && metrics.linearity) ||
                        (metric.group == "baselines" && metrics.baselines) ||
                        (metric.group == "geometry" && metrics.geometry) ||
                        (metric.group == "sublayers" && metrics.sublayers) ||
                        (metric.group == "damage" && metrics.damage) ||
                        (metric.group == "tokens" && metrics.tokens) ||
                        (metric.group == "probe" && metrics.probe);
    if (wanted) {
      json[std::string(metric.path)] = {
          {"label", metric.label},
          {"group", metric.group},
          {"formula", metric.formula},
          {"meaning", metric.meaning},
          {"range", {number_or_null(metric.lowest), number_or_null(metric.highest)}},
          {"direction", metric.direction},
          {"source", metric.source}};
    }
  }
  return json;
}

Json describe_protocol(const Setup& setup, const AnalysisOptions& options) {
  Json protocol;
  protocol["name"] = options.paper ? "paper" : "default";
  protocol["folds"] = setup.folds.folds;
  protocol["fold_unit"] = setup.folds.unit;
  protocol["fold_of_window"] = setup.folds.fold_of_window;
  if (options.paper) {
    protocol["description"] =
        "The published protocol: 128 random non-overlapping chunks of 512 characters, each a "
        "window of its own; every score "
        "in sample. The last point of the paper's figure 1 is \"post_norm\". Moments are "
        "accumulated and solved in fp64, the "
        "published code used fp32.";
  } else {
    protocol["description"] = fmt::format(
        "Held-out scores by {}-fold cross-validation, a fold being {}: each fold is predicted by "
        "the map fitted to the others; "
        "intervals are 95 % over folds. All other scores are in sample. The residual stream is "
        "kept in fp32, moments in fp64.",
        setup.folds.folds,
        setup.folds.unit == "document" ? "whole documents" : "a span of neighbouring windows");
  }
  return protocol;
}

std::vector<std::string> collect_warnings(const Model& model,
                                          const TokenWindows& windows,
                                          const Setup& setup,
                                          const AnalysisOptions& options) {
  std::vector<std::string> warnings;
  const auto n = static_cast<int64_t>(windows.ids.size());
  const int64_t d = model.config.hidden;
  if (options.bundled_data) {
    warnings.push_back(
        "scores depend on the text: these are for the bundled corpus of stories; name your own "
        "with "
        "--data for figures to publish");
  }
  if (options.metrics.statistics() && n <= d + 1) {
    warnings.push_back(
        fmt::format("{} tokens for {} features: every in-sample score is 1 by construction and "
                    "nothing can be held out; "
                    "give at least {} tokens",
                    n,
                    d,
                    kTokensPerDimension * d));
  } else if (options.metrics.statistics() && n < kTokensPerDimension * d) {
    warnings.push_back(
        fmt::format("only {:.1f} tokens per feature (n = {}, d = {}): in-sample scores are "
                    "inflated and held-out "
                    "scores pessimistic; give at least {} tokens",
                    static_cast<double>(n) / static_cast<double>(d),
                    n,
                    d,
                    kTokensPerDimension * d));
  }
  if (options.context > model.config.max_positions) {
    warnings.push_back(
        fmt::format("windows of {} tokens are longer than the {} positions the model was made for",
                    options.context,
                    model.config.max_positions));
  }
  if (windows.invalid_utf8 > 0) {
    warnings.push_back(fmt::format("{} invalid UTF-8 sequences in the text were replaced by U+FFFD",
                                   windows.invalid_utf8));
  }
  if (!options.paper && options.metrics.linearity && setup.folds.unit != "document") {
    warnings.push_back(
        fmt::format("{} document{} for {} folds: folds are spans of neighbouring windows instead",
                    windows.documents,
                    windows.documents == 1 ? "" : "s",
                    setup.folds.folds));
  }
  return warnings;
}

// "blocks", "post_norm" and "embedding"; blocks that were never reached carry the reason.
void add_scores(const StatisticsSink& sink,
                int64_t blocks,
                const std::string& failure,
                Json& result) {
  Json list = Json::array();
  for (int64_t block = 0; block < blocks; ++block) {
    const auto& scored = sink.blocks();
    Json scores = block < static_cast<int64_t>(scored.size())
                      ? to_json(scored[static_cast<size_t>(block)])
                      : to_json(BlockScores{.failure = failure});
    Json entry = {{"block", block}};
    entry.update(scores);
    list.push_back(std::move(entry));
  }
  if (sink.embedding_geometry()) {
    Json embedding = {{"norm", number_or_null(sink.embedding_norm())}};
    embedding.update(to_json(*sink.embedding_geometry()));
    result["embedding"] = std::move(embedding);
  }
  result["blocks"] = std::move(list);
  if (sink.post_norm()) {
    result["post_norm"] = to_json(*sink.post_norm());
  }
}

}  // namespace

int64_t default_tokens(int64_t hidden) {
  return std::max<int64_t>(16384, 8 * hidden);
}

Json plan_analysis(const Model& model,
                   const TokenWindows& windows,
                   const AnalysisOptions& options) {
  const Setup setup = prepare(model, windows, options);
  Json plan = {{"schema", "linscan.plan/1"}};
  plan["model"] = describe_model(model);
  plan["data"] = describe_data(windows, options);
  plan["device"] = setup.device.str();
  plan["dtype"] = dtype_name(setup.compute_dtype);
  plan.update(setup.memory.to_json());
  plan["batches"] = setup.schedule.batches.size();
  return plan;
}

namespace {

// edited  nullptr: the model as it is on disk.
Analysis run_analysis(const Model& model,
                      const EditedModel* edited,
                      const TokenWindows& windows,
                      const AnalysisOptions& options) {
  const DecoderConfig& config = edited == nullptr ? model.config : edited->config;
  const auto start = std::chrono::steady_clock::now();
  const Setup setup = prepare(model, windows, options);
  const std::vector<std::string> warnings = collect_warnings(model, windows, setup, options);
  for (const std::string& warning : warnings) {
    log::warn("{}", warning);
  }

  StatisticsSink statistics({.metrics = options.metrics,
                             .folds = setup.folds.folds,
                             .blocks = config.blocks(),
                             .sampled_rows = setup.sampled_rows,
                             .two_nn = {.kept_share = options.paper ? kPaperKeptShare : 0.9},
                             .workers = setup.memory.workers});
  std::optional<ActivationWriter> dump;
  std::vector<Sink*> sinks;
  if (options.metrics.statistics()) {
    sinks.push_back(&statistics);
  }
  if (options.dump_activations) {
    sinks.push_back(&dump.emplace(*options.dump_activations, config, windows, setup.schedule));
  }
  const EditedModel unchanged = EditedModel::unchanged(model);
  Engine engine(edited == nullptr ? unchanged : *edited,
                windows,
                setup.schedule,
                setup.memory,
                setup.compute_dtype,
                setup.device);
  const std::optional<BadWeights> bad = engine.run(sinks);
  if (dump && !bad) {
    dump->commit();
  }

  Analysis analysis;
  if (bad) {
    analysis.failure = fmt::format("{}: {} (block {}); blocks from there on were not scored",
                                   model.checkpoint.folder().string(),
                                   bad->reason,
                                   bad->block);
  }
  const auto n = static_cast<int64_t>(windows.ids.size());
  Json& result = analysis.result;
  result["schema"] = "linscan.analysis/1";
  result["model"] = describe_model(model);
  if (edited == nullptr) {
    result["model"]["weights_sha256"] = engine.weights_sha256();
  } else {
    result["model"]["blocks"] = config.blocks();
  }
  result["data"] = describe_data(windows, options);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result["compute"] = {{"device", setup.device.str()},
                       {"dtype", dtype_name(setup.compute_dtype)},
                       {"threads", threads()},
                       {"seconds", seconds},
                       {"tokens_per_second", static_cast<double>(n) / seconds},
                       {"peak_memory_bytes", peak_memory_bytes()},
                       {"seconds_by_part",
                        {{"forward", engine.seconds().forward},
                         {"statistics", engine.seconds().sinks},
                         {"loading", engine.seconds().loading}}}};
  result["software"] = describe_software(torch_version());
  result["date"] = now_utc();
  result["n"] = n;
  result["d"] = model.config.hidden;
  result["null_in_sample"] = null_in_sample(n, model.config.hidden);
  result["seed"] = options.seed;
  result["config"] = Json::object();
  result["protocol"] = describe_protocol(setup, options);
  result["plan"] = setup.memory.to_json();
  result["warnings"] = warnings;
  result["metrics"] = describe_metrics(options.metrics);
  add_scores(statistics, config.blocks(), bad ? bad->reason : "", result);
  return analysis;
}

}  // namespace

Analysis analyze(const Model& model, const TokenWindows& windows, const AnalysisOptions& options) {
  return run_analysis(model, nullptr, windows, options);
}

Analysis analyze(const EditedModel& model,
                 const TokenWindows& windows,
                 const AnalysisOptions& options) {
  return run_analysis(*model.source, &model, windows, options);
}

}  // namespace linscan
