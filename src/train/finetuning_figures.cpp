#include "train/finetuning_figures.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace linscan {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 6> kFigures{{
    {"stream", "/linearity/stream/held_out"},
    {"update", "/linearity/update/held_out"},
    {"stream_in_sample", "/linearity/stream/in_sample"},
    {"update_in_sample", "/linearity/update/in_sample"},
    {"norm_ratio", "/norm/ratio"},
    {"effective_rank", "/geometry/effective_rank"},
}};

constexpr const char* kBlock = "block";  // counts, does not measure

Json value_or_null(const Json& object, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return object.contains(at) && object.at(at).is_number() ? object.at(at) : Json();
}

// Mean and deviation of numbers; null where one is missing.
Json spread_of(const std::vector<Json>& values) {
  double sum = 0;
  for (const Json& value : values) {
    if (!value.is_number()) {
      return {{"mean", nullptr}, {"sd", nullptr}};
    }
    sum += value.get<double>();
  }
  const auto n = static_cast<double>(values.size());
  const double mean = sum / n;
  double squares = 0;
  for (const Json& value : values) {
    squares += (value.get<double>() - mean) * (value.get<double>() - mean);
  }
  return {{"mean", mean}, {"sd", n > 1 ? Json(std::sqrt(squares / (n - 1))) : Json()}};
}

}  // namespace

Json finetuning_figures(const Json& analysis) {
  Json blocks = Json::array();
  for (const Json& block : analysis.at("blocks")) {
    Json figures = {{kBlock, block.at("block")}};
    for (const auto& [name, pointer] : kFigures) {
      figures[name] = value_or_null(block, pointer);
    }
    blocks.push_back(std::move(figures));
  }
  return blocks;
}

Json mean_over_blocks(const Json& blocks) {
  Json means = Json::object();
  for (const auto& [name, pointer] : kFigures) {
    std::vector<Json> values;
    for (const Json& block : blocks) {
      values.push_back(block.at(name));
    }
    means[name] = spread_of(values)["mean"];
  }
  return means;
}

Json difference(const Json& a, const Json& b) {
  Json differences = Json::object();
  for (const auto& [name, value] : a.items()) {
    if (name != kBlock) {
      const Json& other = b.at(name);
      const bool both = value.is_number() && other.is_number();
      differences[name] = both ? Json(value.get<double>() - other.get<double>()) : Json();
    }
  }
  return differences;
}

Json spread(const std::vector<Json>& objects) {
  Json spreads = Json::object();
  for (const auto& [name, value] : objects.front().items()) {
    std::vector<Json> values;
    for (const Json& object : objects) {
      values.push_back(object.at(name));
    }
    if (name != kBlock) {
      spreads[name] = spread_of(values);
    }
  }
  return spreads;
}

Json change_of_blocks(const Json& before, const std::vector<Json>& after) {
  Json blocks = Json::array();
  for (size_t i = 0; i < before.size(); ++i) {
    std::vector<Json> states;
    std::vector<Json> changes;
    for (const Json& seed : after) {
      states.push_back(seed.at(i));
      changes.push_back(difference(seed.at(i), before.at(i)));
    }
    Json first = before.at(i);
    first.erase(kBlock);
    blocks.push_back({{"block", before.at(i).at(kBlock)},
                      {"before", std::move(first)},
                      {"after", spread(states)},
                      {"change", spread(changes)}});
  }
  return blocks;
}

}  // namespace linscan
