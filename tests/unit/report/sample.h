// A result document in the shape that `linscan analyze` writes, with plausible numbers computed
// from the block index, and what a drawn report is searched for.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "linscan/base/json.h"

namespace linscan::testing {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

inline Json sample_scores(double held_out) {
  return {{"in_sample", held_out + 0.02},
          {"adjusted", held_out + 0.01},
          {"held_out", held_out},
          {"held_out_ci", {held_out - 0.005, held_out + 0.005}},
          {"median_feature", held_out - 0.1},
          {"without_top_pc", held_out - 0.05}};
}

inline Json sample_row(int block, int hidden) {
  const double wave = 0.5 + 0.2 * std::cos(0.7 * block);
  Json ranks = Json::object();
  for (int k = 1; k <= hidden; k *= 2) {
    ranks[std::to_string(k)] = 0.97 * std::pow(static_cast<double>(k) / hidden, 0.3);
  }
  Json row = {
      {"linearity",
       {{"stream", sample_scores(0.9 + 0.05 * wave)}, {"update", sample_scores(wave)}}},
      {"baselines",
       {{"scaled_identity", 0.85 + 0.1 * wave},
        {"diagonal", 0.86 + 0.1 * wave},
        {"orthogonal", 0.87 + 0.1 * wave},
        {"ridge", 0.9 + 0.05 * wave},
        {"rank", ranks},
        {"cca", wave}}},
      {"cosine", 0.9 + 0.05 * wave},
      {"angular", 0.1},
      {"block_influence", 0.1 - 0.05 * wave},
      {"norm", {{"in", 10.0 + block}, {"out", 11.0 + block}, {"update", 2.0}, {"ratio", 0.18}}},
      {"geometry", {{"anisotropy", 0.3}, {"intrinsic_dimension", 11.5}, {"effective_rank", 20.25}}},
      {"tokens",
       {{"without_first",
         {{"stream", {{"in_sample", 0.9}, {"held_out", 0.89}}},
          {"update", {{"in_sample", 0.5}, {"held_out", 0.48}}},
          {"cosine", 0.9},
          {"norm_ratio", 0.2}}},
        {"first", {{"count", 40}, {"norm_out", 99.5}, {"variance_share", 0.25}}}}},
      {"missing", Json::object()}};
  return row;
}

// `blocks` blocks of width 32, with embedding and post-norm point.
inline Json sample_document(int blocks) {
  constexpr int kHidden = 32;
  Json list = Json::array();
  for (int i = 0; i < blocks; ++i) {
    Json row = {{"block", i}};
    row.update(sample_row(i, kHidden));
    list.push_back(row);
  }
  return {{"schema", "linscan.analysis/1"},
          {"model",
           {{"path", "models/sample"},
            {"family", "llama"},
            {"blocks", blocks},
            {"hidden", kHidden},
            {"parameters", 656000},
            {"dtype", "bf16"},
            {"weights_sha256", std::string(64, 'a')}}},
          {"data",
           {{"files", {"corpus.txt"}},
            {"tokens", 4096},
            {"windows", 16},
            {"documents", 20},
            {"ctx", 256}}},
          {"compute", {{"device", "cpu"}, {"dtype", "fp32"}, {"seconds", 12.5}}},
          {"software", {{"linscan", "0.1.0"}}},
          {"n", 4096},
          {"d", kHidden},
          {"null_in_sample", 32.0 / 4095.0},
          {"seed", 0},
          {"config", {{"ctx", 256}}},
          {"protocol",
           {{"name", "default"},
            {"folds", 5},
            {"fold_unit", "document"},
            {"description", "Five folds by document."}}},
          {"warnings", {"scores depend on the text"}},
          {"metrics",
           {{"linearity.update.held_out",
             {{"label", "held-out R²"},
              {"group", "linearity"},
              {"formula", "1 - SSE/SST"},
              {"meaning", "share of the update that a linear map predicts"},
              {"range", {nullptr, 1}},
              {"direction", "higher"},
              {"source", "section 3"}}}}},
          {"embedding",
           {{"norm", 3.0},
            {"geometry",
             {{"anisotropy", 0.1}, {"intrinsic_dimension", 15.0}, {"effective_rank", 28.0}}}}},
          {"blocks", list},
          {"post_norm", sample_row(blocks, kHidden)}};
}

inline Json sample_sublayer(double held_out) {
  return {{"linearity",
           {{"stream", sample_scores(0.9 + held_out / 20)}, {"update", sample_scores(held_out)}}},
          {"cosine", 0.95},
          {"angular", 0.08},
          {"block_influence", 0.05},
          {"norm", {{"in", 10.0}, {"out", 10.5}, {"update", 1.5}, {"ratio", 0.15}}}};
}

// The same with the groups "sublayers" and "damage".
inline Json document_with_parts(int blocks) {
  Json document = sample_document(blocks);
  for (Json& block : document["blocks"]) {
    const int i = block["block"].get<int>();
    const double kl = 0.01 * std::pow(1.7, (i * 5) % 7);
    block["sublayers"] = {{"attention", sample_sublayer(0.2 + 0.01 * i)},
                          {"mlp", sample_sublayer(0.6 - 0.01 * i)}};
    block["damage"] = {{"remove", {{"ce", kl - 0.015}, {"kl", kl}, {"top1", 0.8}}},
                       {"linear", {{"ce", kl / 4}, {"kl", kl / 3}, {"top1", 0.9}}}};
  }
  const Json correlations = {{"linearity.update.held_out", 0.25},
                             {"block_influence", -0.5},
                             {"sublayers.mlp.norm.ratio", nullptr}};
  document["damage"] = {{"tokens", 4096},
                        {"windows", 16},
                        {"dense", {{"ce", 2.0}, {"perplexity", 7.389}}},
                        {"rank_correlation", {{"remove", correlations}, {"linear", correlations}}},
                        {"missing",
                         {{"rank_correlation.remove.sublayers.mlp.norm.ratio",
                           "the score is the same for all blocks"},
                          {"rank_correlation.linear.sublayers.mlp.norm.ratio",
                           "the score is the same for all blocks"}}}};
  return document;
}

}  // namespace linscan::testing
