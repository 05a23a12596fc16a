#include "linscan/analyze/rank_correlation.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {
namespace {

constexpr size_t kFewestBlocks = 3;

struct Predictor {
  std::string_view path;
  bool unexplained = false;  // an R^2: enters as 1 - R^2
};

constexpr Predictor kPredictors[] = {
    {"linearity.update.held_out", true},
    {"linearity.stream.held_out", true},
    {"block_influence"},
    {"angular"},
    {"norm.ratio"},
    {"norm.update"},
    {"sublayers.attention.linearity.update.held_out", true},
    {"sublayers.attention.block_influence"},
    {"sublayers.attention.norm.ratio"},
    {"sublayers.mlp.linearity.update.held_out", true},
    {"sublayers.mlp.block_influence"},
    {"sublayers.mlp.norm.ratio"},
};

const Json* find(const Json& json, std::string_view path) {
  const Json* at = &json;
  while (true) {
    const size_t dot = path.find('.');
    if (!at->is_object()) {
      return nullptr;
    }
    const auto it = at->find(std::string(path.substr(0, dot)));
    if (it == at->end()) {
      return nullptr;
    }
    at = &*it;
    if (dot == std::string_view::npos) {
      return at;
    }
    path.remove_prefix(dot + 1);
  }
}

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    for (size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
    }
    begin = end;
  }
  return ranks;
}

// Score and damage of the blocks that have both.
struct Pairs {
  std::vector<double> scores;
  std::vector<double> damage;
};

Pairs pairs_of(const Json& blocks, const Predictor& predictor, const std::string& edit) {
  Pairs pairs;
  for (const Json& block : blocks) {
    const Json* score = find(block, predictor.path);
    const Json* damage = find(block, "damage." + edit + ".kl");
    if (score != nullptr && score->is_number() && damage != nullptr && damage->is_number()) {
      const auto value = score->get<double>();
      pairs.scores.push_back(predictor.unexplained ? 1 - value : value);
      pairs.damage.push_back(damage->get<double>());
    }
  }
  return pairs;
}

bool constant(const std::vector<double>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end();
}

std::string why_missing(const Pairs& pairs) {
  if (pairs.scores.size() < kFewestBlocks) {
    return "needs at least " + std::to_string(kFewestBlocks) +
           " blocks with this score and a KL, got " + std::to_string(pairs.scores.size());
  }
  return constant(pairs.scores) ? "the score is the same for all blocks"
                                : "the damage is the same for all blocks";
}

}  // namespace

std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b) {
  if (a.size() < kFewestBlocks || a.size() != b.size()) {
    return std::nullopt;
  }
  const std::vector<double> rank_a = ranks_of(a), rank_b = ranks_of(b);
  const double mean = (static_cast<double>(a.size()) - 1) / 2;  // of any ranks, ties or not
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (rank_a[i] - mean) * (rank_b[i] - mean);
    aa += (rank_a[i] - mean) * (rank_a[i] - mean);
    bb += (rank_b[i] - mean) * (rank_b[i] - mean);
  }
  if (aa == 0 || bb == 0) {
    return std::nullopt;
  }
  return std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

void add_rank_correlations(Json& result) {
  const Json& blocks = result.at("blocks");
  Json correlations = Json::object();
  Json missing = Json::object();
  for (const std::string edit : {"remove", "linear"}) {
    Json& by_score = correlations[edit] = Json::object();
    for (const Predictor& predictor : kPredictors) {
      const std::string path(predictor.path);
      const bool known = std::any_of(blocks.begin(), blocks.end(), [&](const Json& block) {
        return find(block, path) != nullptr;
      });
      if (!known) {
        continue;
      }
      const Pairs pairs = pairs_of(blocks, predictor, edit);
      const std::optional<double> rho = rank_correlation(pairs.scores, pairs.damage);
      by_score[path] = rho ? Json(*rho) : Json(nullptr);
      if (!rho) {
        missing["rank_correlation." + edit + "." + path] = why_missing(pairs);
      }
    }
  }
  Json& damage = result["damage"];
  damage["rank_correlation"] = std::move(correlations);
  if (!missing.empty()) {
    damage["missing"].update(missing);
  }
}

}  // namespace linscan
