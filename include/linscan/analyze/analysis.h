// `linscan analyze` as a function: a checkpoint and token windows in, the result document out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "linscan/analyze/plan.h"
#include "linscan/analyze/statistics_sink.h"
#include "linscan/base/json.h"
#include "linscan/model/model.h"
#include "linscan/model/weights.h"
#include "linscan/text/windows.h"

namespace linscan {

struct AnalysisOptions {
  MetricChoice metrics{.linearity = true, .baselines = true, .geometry = true, .tokens = true};
  int64_t folds = 5;
  uint64_t seed = 0;
  int64_t context = 512;
  std::string dtype = "auto";
  std::string device = "auto";
  int64_t memory_limit = 0;  // bytes; 0: four fifths of what is free
  bool paper = false;        // the published protocol: in sample, TwoNN with its settings
  bool bundled_data = false;
  std::optional<std::filesystem::path> dump_activations;
};

// What the run would do, without reading weights: the memory plan with data counts, as printed by
// --dry-run.
Json plan_analysis(const Model& model, const TokenWindows& windows, const AnalysisOptions& options);

struct Analysis {
  Json result;          // "schema": "linscan.analysis/1"
  std::string failure;  // why some blocks could not be scored; empty when all were
};

// Runs the analysis. The result is complete but for "config", which the caller knows.
Analysis analyze(const Model& model, const TokenWindows& windows, const AnalysisOptions& options);

// The same of a model that was edited in memory: its weights have no digest, so
// "model.weights_sha256" is absent.
Analysis analyze(const EditedModel& model,
                 const TokenWindows& windows,
                 const AnalysisOptions& options);

// Tokens that the default protocol asks for: 16,384, or 8 times the hidden size where that is more.
int64_t default_tokens(int64_t hidden);

}  // namespace linscan
