// Groups of the registry that are tables of their own or follow from another one.
#pragma once

#include <span>
#include <vector>

#include "linscan/stats/registry.h"

namespace linscan {

// The metrics of "linearity" for attention and MLP, "sublayers.attention.cosine" and so on.
std::vector<MetricInfo> sublayer_metrics(std::span<const MetricInfo> linearity);

// What an edit of one block does to the model.
std::span<const MetricInfo> damage_metrics();

// What a linear classifier reads off the states.
std::span<const MetricInfo> probe_metrics();

}  // namespace linscan
