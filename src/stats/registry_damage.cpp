#include "stats/registry_groups.h"

namespace linscan {
namespace {

constexpr std::string_view kRemoval = "Men et al. 2024, arXiv 2403.03853; docs/metrics.md";
constexpr std::string_view kLinear =
    "Razzhigaev et al. 2024, arXiv 2405.12250, section 5; docs/metrics.md";

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
};

}  // namespace

std::span<const MetricInfo> damage_metrics() {
  return kMetrics;
}

}  // namespace linscan
