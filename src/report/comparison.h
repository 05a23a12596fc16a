// What a comparison draws on: validated models with unique labels, the metrics that are compared,
// and how the runs differ.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/report/comparison.h"
#include "report/document.h"
#include "report/numbers.h"

namespace linscan {

struct ComparedModel {
  std::string label;  // unique, clean
  ResultDocument analysis;
};

// A figure that is compared over depth.
struct ComparedMetric {
  std::string_view label;           // "update R²"
  std::string_view path;            // "linearity.update.held_out"
  std::string_view in_sample = {};  // the path that stands in where a result has no held-out score
};

class Comparison {
 public:
  // Keeps references into the documents, which must outlive it. Throws Error (kInput) with the
  // source of the first document that is not valid.
  explicit Comparison(const std::vector<ComparisonInput>& inputs);

  const std::vector<ComparedModel>& models() const { return models_; }

  // One remark per way in which the runs differ, and what that does to the numbers; then remarks on
  // scores that are in sample for some models only.
  std::vector<std::string> differences() const;
  // Warnings of the results themselves, each once, with the models that carry it.
  std::vector<std::string> warnings() const;
  // True where some models have the held-out score and others only the one in sample.
  bool mixed(const ComparedMetric& metric) const;
  bool any(std::string_view path) const;

 private:
  std::vector<ComparedModel> models_;
};

inline constexpr ComparedMetric kUpdateScore{
    "update R²", "linearity.update.held_out", "linearity.update.in_sample"};
inline constexpr ComparedMetric kStreamScore{
    "stream R²", "linearity.stream.held_out", "linearity.stream.in_sample"};
inline constexpr ComparedMetric kAttentionScore{"attention update R²",
                                                "sublayers.attention.linearity.update.held_out",
                                                "sublayers.attention.linearity.update.in_sample"};
inline constexpr ComparedMetric kMlpScore{"MLP update R²",
                                          "sublayers.mlp.linearity.update.held_out",
                                          "sublayers.mlp.linearity.update.in_sample"};
inline constexpr ComparedMetric kAttentionRatio{"attention norm ratio",
                                                "sublayers.attention.norm.ratio"};
inline constexpr ComparedMetric kMlpRatio{"MLP norm ratio", "sublayers.mlp.norm.ratio"};
inline constexpr ComparedMetric kRemovedKl{"removed KL", "damage.remove.kl"};
inline constexpr ComparedMetric kLinearKl{"linear KL", "damage.linear.kl"};
// Those that are shown, in the order of the figures.
inline constexpr std::array kComparedMetrics = {
    kUpdateScore,
    kStreamScore,
    ComparedMetric{"cosine", "cosine"},
    ComparedMetric{"norm ratio", "norm.ratio"},
    ComparedMetric{"block influence", "block_influence"},
    ComparedMetric{"anisotropy", "geometry.anisotropy"},
    ComparedMetric{"effective rank", "geometry.effective_rank"},
    ComparedMetric{"intrinsic dimension", "geometry.intrinsic_dimension"},
    kAttentionScore,
    kMlpScore,
    kAttentionRatio,
    kMlpRatio,
    kRemovedKl,
    kLinearKl};
// What was run: model, sample, protocol.
Json facts_json(const ResultDocument& analysis);
// The definitions of the compared metrics that some model has.
Json metric_definitions(const Comparison& comparison);

// Every path of them once: what JSON and CSV hold.
std::vector<std::string> compared_paths();

// The path whose numbers stand for the metric in this model.
std::string chosen_path(const ResultDocument& analysis, const ComparedMetric& metric);
bool is_in_sample(const ResultDocument& analysis, const ComparedMetric& metric);

// Block index over the last block's; a single block stands at 0.
double normalised_depth(const ResultDocument& analysis, size_t block);

struct Extreme {
  double value;
  size_t block;
};
struct Summary {
  double mean;  // over the blocks that have the number
  Extreme lowest;
  Extreme highest;  // the first block of several equal ones
  size_t blocks;
};
// Of the blocks, without the post-norm point; nothing where no block has the number.
std::optional<Summary> summarize_metric(const ResultDocument& analysis, std::string_view path);

// "a, b and c"; of more than eight the first and how many there are.
std::string name_list(const std::vector<std::string>& names);

// n / d, nothing where d is zero.
Number tokens_per_feature(const ResultDocument& analysis);

}  // namespace linscan
