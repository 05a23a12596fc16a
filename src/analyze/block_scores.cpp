#include "linscan/analyze/block_scores.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace linscan {
namespace {

// Builds one JSON object and notes why numbers are absent.
class Writer {
 public:
  Json value(const std::string& path, const Score& score) {
    if (score.value && std::isfinite(*score.value)) {
      return *score.value;
    }
    missing_[path] = score.reason.empty() ? "the value is not finite" : score.reason;
    return nullptr;
  }

  Json value(const std::string& path, double number) { return value(path, Score::of(number)); }

  Json target(const std::string& path, const TargetScores& scores) {
    Json json;
    json["in_sample"] = value(path + ".in_sample", scores.in_sample);
    json["adjusted"] = value(path + ".adjusted", scores.adjusted);
    json["held_out"] = value(path + ".held_out", scores.held_out);
    if (scores.held_out_interval) {
      json["held_out_ci"] = {scores.held_out_interval->first, scores.held_out_interval->second};
    } else {
      json["held_out_ci"] = nullptr;
    }
    json["median_feature"] = value(path + ".median_feature", scores.median_feature);
    json["without_top_pc"] = value(path + ".without_top_pc", scores.without_top_pc);
    return json;
  }

  Json linearity(const std::string& path, const LinearityScores& scores) {
    return {{"stream", target(path + ".stream", scores.stream)},
            {"update", target(path + ".update", scores.update)}};
  }

  // Figures of a pair's displacement, by their keys in the entry that `path` names ("" or with a
  // dot at its end).
  Json displacement(const std::string& path, const Displacement& moved) {
    return {{"cosine", value(path + "cosine", moved.cosine())},
            {"angular", value(path + "angular", moved.angular())},
            {"block_influence", value(path + "block_influence", moved.block_influence())},
            {"norm",
             {{"in", value(path + "norm.in", moved.norm_in())},
              {"out", value(path + "norm.out", moved.norm_out())},
              {"update", value(path + "norm.update", moved.norm_update())},
              {"ratio", value(path + "norm.ratio", moved.norm_ratio())}}}};
  }

  void sublayer(const std::string& name,
                const std::optional<SublayerScores>& scores,
                Json& sublayers) {
    const std::string path = "sublayers." + name;
    if (!scores) {
      return;
    }
    if (!scores->failure.empty()) {
      missing_[path] = scores->failure;
      return;
    }
    Json json = {{"linearity", linearity(path + ".linearity", scores->linearity)}};
    json.update(displacement(path + ".", *scores->displacement));
    sublayers[name] = std::move(json);
  }

  // In sample and held out only.
  Json short_target(const std::string& path, const TargetScores& scores) {
    return {{"in_sample", value(path + ".in_sample", scores.in_sample)},
            {"held_out", value(path + ".held_out", scores.held_out)}};
  }

  Json baselines(const BaselineScores& scores) {
    Json json;
    json["scaled_identity"] = value("baselines.scaled_identity", scores.scaled_identity);
    json["diagonal"] = value("baselines.diagonal", scores.diagonal);
    json["orthogonal"] = value("baselines.orthogonal", scores.orthogonal);
    json["ridge"] = value("baselines.ridge", scores.ridge);
    json["rank"] = Json::object();
    for (const auto& [rank, score] : scores.rank) {
      json["rank"][std::to_string(rank)] = value("baselines.rank." + std::to_string(rank), score);
    }
    json["cca"] = value("baselines.cca", scores.cca);
    return json;
  }

  Json geometry(const GeometryScores& scores) {
    return {
        {"anisotropy", value("geometry.anisotropy", scores.anisotropy)},
        {"intrinsic_dimension", value("geometry.intrinsic_dimension", scores.intrinsic_dimension)},
        {"effective_rank", value("geometry.effective_rank", scores.effective_rank)}};
  }

  Json tokens(const FirstTokenScores& scores) {
    const std::string path = "tokens.without_first";
    const Score single = Score::missing("every window is one token long");
    Json rest;
    rest["stream"] = short_target(path + ".stream", scores.without_first.stream);
    rest["update"] = short_target(path + ".update", scores.without_first.update);
    rest["cosine"] =
        value(path + ".cosine", scores.rest ? Score::of(scores.rest->cosine()) : single);
    rest["norm_ratio"] =
        value(path + ".norm_ratio", scores.rest ? Score::of(scores.rest->norm_ratio()) : single);
    Json first;
    first["count"] = scores.count;
    first["norm_out"] = value("tokens.first.norm_out", scores.norm_out);
    first["variance_share"] = value("tokens.first.variance_share", scores.variance_share);
    return {{"without_first", std::move(rest)}, {"first", std::move(first)}};
  }

  // Adds "missing" where something is.
  Json finish(Json json) {
    if (!missing_.empty()) {
      json["missing"] = std::move(missing_);
    }
    return json;
  }

 private:
  Json missing_ = Json::object();
};

}  // namespace

Json to_json(const BlockScores& scores) {
  Writer writer;
  Json json = Json::object();
  if (!scores.failure.empty()) {
    json["missing"] = {{"*", scores.failure}};
    return json;
  }
  if (scores.linearity) {
    json["linearity"] = writer.linearity("linearity", *scores.linearity);
  }
  if (scores.baselines) {
    json["baselines"] = writer.baselines(*scores.baselines);
  }
  if (const auto& moved = scores.displacement) {
    json.update(writer.displacement("", *moved));
  }
  if (scores.geometry) {
    json["geometry"] = writer.geometry(*scores.geometry);
  }
  if (scores.attention || scores.mlp) {
    Json& sublayers = json["sublayers"] = Json::object();
    writer.sublayer("attention", scores.attention, sublayers);
    writer.sublayer("mlp", scores.mlp, sublayers);
  }
  if (scores.tokens) {
    json["tokens"] = writer.tokens(*scores.tokens);
  }
  return writer.finish(std::move(json));
}

Json to_json(const GeometryScores& scores) {
  Writer writer;
  Json json = {{"geometry", writer.geometry(scores)}};
  return writer.finish(std::move(json));
}

}  // namespace linscan
