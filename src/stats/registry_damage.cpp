#include "stats/registry_groups.h"

namespace linscan {
namespace {

constexpr std::string_view kRemoval = "Men et al. 2024, arXiv 2403.03853; docs/metrics.md";
constexpr std::string_view kLinear =
    "Razzhigaev et al. 2024, arXiv 2405.12250, section 5; docs/metrics.md";

struct ErrorText {
  std::string_view formula, meaning;
};

constexpr ErrorText kStreamError = {
    "percentile over tokens of ||h_out - h_map|| / ||h_out||",
    "Held-out error of the block's map, token by token, as a share of the state it predicts."};
constexpr ErrorText kUpdateError = {
    "percentile over tokens of ||h_out - h_map|| / ||h_out - h_in||",
    "The same as a share of what the block adds; from 1 on, doing nothing is no worse."};

constexpr MetricInfo token_error(std::string_view path,
                                 std::string_view label,
                                 const ErrorText& text) {
  return {path,
          "damage",
          label,
          text.formula,
          text.meaning,
          0.0,
          std::nullopt,
          "lower",
          "Razzhigaev et al. 2024, arXiv 2405.12250, figure 9; docs/metrics.md"};
}

constexpr MetricInfo kMetrics[] = {
    {"damage.remove.ce",
     "damage",
     "removed: cross-entropy",
     "mean_t (-log p_edited(next)) - mean_t (-log p_dense(next))",
     "Change of the cross-entropy when the block is left out, in nats per token.",
     std::nullopt,
     std::nullopt,
     "none",
     kRemoval},
    {"damage.remove.kl",
     "damage",
     "removed: KL",
     "mean_t KL(p_dense || p_edited)",
     "How far the model's predictions move when the block is left out, in nats per token.",
     0.0,
     std::nullopt,
     "none",
     kRemoval},
    {"damage.remove.top1",
     "damage",
     "removed: top-1 agreement",
     "share of positions with argmax p_edited = argmax p_dense",
     "How often the most likely token stays the same when the block is left out.",
     0.0,
     1.0,
     "none",
     kRemoval},
    {"damage.linear.ce",
     "damage",
     "linear: cross-entropy",
     "as damage.remove.ce",
     "Change of the cross-entropy when the block is replaced by its fitted map, in nats per token.",
     std::nullopt,
     std::nullopt,
     "none",
     kLinear},
    {"damage.linear.kl",
     "damage",
     "linear: KL",
     "as damage.remove.kl",
     "How far the model's predictions move when the block is replaced by its fitted map, in nats "
     "per token.",
     0.0,
     std::nullopt,
     "none",
     kLinear},
    {"damage.linear.top1",
     "damage",
     "linear: top-1 agreement",
     "as damage.remove.top1",
     "How often the most likely token stays the same when the block is replaced by its fitted map.",
     0.0,
     1.0,
     "none",
     kLinear},
    token_error("damage.linear.error.stream.p5", "stream error, percentile 5", kStreamError),
    token_error("damage.linear.error.stream.p25", "stream error, percentile 25", kStreamError),
    token_error("damage.linear.error.stream.p50", "stream error, median", kStreamError),
    token_error("damage.linear.error.stream.p75", "stream error, percentile 75", kStreamError),
    token_error("damage.linear.error.stream.p95", "stream error, percentile 95", kStreamError),
    token_error("damage.linear.error.stream.p99", "stream error, percentile 99", kStreamError),
    token_error("damage.linear.error.update.p5", "update error, percentile 5", kUpdateError),
    token_error("damage.linear.error.update.p25", "update error, percentile 25", kUpdateError),
    token_error("damage.linear.error.update.p50", "update error, median", kUpdateError),
    token_error("damage.linear.error.update.p75", "update error, percentile 75", kUpdateError),
    token_error("damage.linear.error.update.p95", "update error, percentile 95", kUpdateError),
    token_error("damage.linear.error.update.p99", "update error, percentile 99", kUpdateError),
};

}  // namespace

std::span<const MetricInfo> damage_metrics() {
  return kMetrics;
}

}  // namespace linscan
