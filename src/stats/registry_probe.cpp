#include "stats/registry_groups.h"

namespace linscan {
namespace {

constexpr std::string_view kSource =
    "Alain and Bengio 2016, arXiv 1610.01644; Razzhigaev et al. 2024, arXiv 2405.12250, figure 5";

constexpr MetricInfo kMetrics[] = {
    {"probe.accuracy",
     "probe",
     "probe: accuracy",
     "share of held-out texts with argmax_k (W h + b)_k = label, h the last token's resid_post",
     "How often a logistic regression on the last token's state after the block names the class of "
     "a held-out text.",
     0.0,
     1.0,
     "none",
     kSource},
    {"probe.stderr",
     "probe",
     "probe: standard error",
     "sqrt(a (1 - a) / texts), a the accuracy",
     "Binomial standard error of the probe's accuracy.",
     0.0,
     0.5,
     "none",
     kSource},
};

}  // namespace

std::span<const MetricInfo> probe_metrics() {
  return kMetrics;
}

}  // namespace linscan
