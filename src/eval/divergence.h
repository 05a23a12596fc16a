// How far a model's predictions of texts are from those of another.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/eval/perplexity.h"
#include "linscan/eval/scorer.h"
#include "linscan/model/model.h"

namespace linscan {

struct ComparedText {
  std::filesystem::path file;
  const PerplexityText* text;
};

struct Divergence {
  Json result;                          // the member "divergence"
  std::vector<double> log_likelihoods;  // the judged model's, of each text's chunked windows
};

struct DivergenceOptions {
  int64_t context = 0;  // of the chunked windows
  std::string text_field = "text";
  at::ScalarType compute_dtype = at::kFloat;
  at::Device device = at::kCPU;
  ScorerOptions scorer;
};

// Throws Error(kInput) where the reference has another vocabulary than the model, cuts the texts
// into other tokens or has no positions for the windows. encoder  of the model; nullptr where all
// texts are token ids.
void check_comparable(const Model& reference,
                      const Model& model,
                      std::span<const ComparedText> texts,
                      const PromptEncoder* encoder,
                      const DivergenceOptions& options);

// The chunked windows of the texts through both models.
Divergence measure_divergence(const Model& reference,
                              std::span<const ComparedText> texts,
                              const DivergenceOptions& options,
                              Scorer& model);

}  // namespace linscan
