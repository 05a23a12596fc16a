#include "eval/divergence.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/model/description.h"
#include "linscan/stats/ratio.h"
#include "linscan/text/corpus.h"

namespace linscan {
namespace {

// Sums over the positions of each document, or of each window where a text is one document:
// positions of one unit are alike, so the units are what varies independently.
struct Units {
  std::vector<double> kl;
  std::vector<double> agreements;
  std::vector<double> positions;
};

Units gather_units(const PerplexityText& text,
                   std::span<const ComparedRequest> scores,
                   bool by_document) {
  Units units;
  int64_t last = -1;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!by_document || text.chunk_document[i] != last) {
      for (auto* sums : {&units.kl, &units.agreements, &units.positions}) sums->push_back(0);
    }
    last = text.chunk_document[i];
    units.kl.back() += scores[i].kl;
    units.agreements.back() += static_cast<double>(scores[i].agreements);
    units.positions.back() += static_cast<double>(text.chunked[i].scored);
  }
  return units;
}

Json summarize(const PerplexityText& text, std::span<const ComparedRequest> scores) {
  const bool by_document = text.documents > 1;
  const Units units = gather_units(text, scores, by_document);
  Json summary;
  if (scores.empty()) {
    summary = {
        {"kl", nullptr}, {"kl_stderr", nullptr}, {"top1", nullptr}, {"top1_stderr", nullptr}};
    summary["reason"] = "no window has a second token";
    return summary;
  }
  const Ratio kl = ratio_of_sums(units.kl, units.positions);
  const Ratio top1 = ratio_of_sums(units.agreements, units.positions);
  summary["kl"] = number_or_null(kl.value);
  summary["kl_stderr"] = number_or_null(kl.error);
  summary["top1"] = number_or_null(top1.value);
  summary["top1_stderr"] = number_or_null(top1.error);
  summary["positions"] = count_scored(text.chunked);
  summary["units"] = units.positions.size();
  summary["unit"] = by_document ? "document" : "window";
  if (!kl.error) {
    summary["reason"] =
        fmt::format("stderr: one {} has no spread", summary["unit"].get<std::string>());
  }
  return summary;
}

// The reference must see the texts as the same tokens.
void check_same_tokens(const Model& reference,
                       const ComparedText& compared,
                       const PromptEncoder& own,
                       const PromptEncoder& other,
                       const std::string& text_field) {
  CorpusReader reader({compared.file}, text_field);
  while (const auto document = reader.next()) {
    check_interrupt();
    LINSCAN_CHECK(own.encode_plain(*document) == other.encode_plain(*document),
                  kInput,
                  "--kl-against {}: its tokenizer cuts {} into other tokens than the model's, so "
                  "their predictions cannot be compared",
                  reference.checkpoint.folder().string(),
                  compared.file.string());
  }
}

}  // namespace

void check_comparable(const Model& reference,
                      const Model& model,
                      std::span<const ComparedText> texts,
                      const PromptEncoder* encoder,
                      const DivergenceOptions& options) {
  const std::string folder = reference.checkpoint.folder().string();
  LINSCAN_CHECK(reference.config.vocabulary == model.config.vocabulary,
                kInput,
                "--kl-against {}: a vocabulary of {} ids, but the model's has {}",
                folder,
                reference.config.vocabulary,
                model.config.vocabulary);
  LINSCAN_CHECK(
      !reference.config.learned_positions || options.context - 1 <= reference.config.max_positions,
      kInput,
      "--kl-against {}: learned positions for {} tokens only; give a --ctx up to that",
      folder,
      reference.config.max_positions);
  std::optional<PromptEncoder> other;
  for (const ComparedText& compared : texts) {
    if (compared.text->raw) continue;
    if (!other) {
      other.emplace(reference.checkpoint.folder(), options.context, reference.config.vocabulary);
    }
    check_same_tokens(reference, compared, *encoder, *other, options.text_field);
  }
}

Divergence measure_divergence(const Model& reference,
                              std::span<const ComparedText> texts,
                              const DivergenceOptions& options,
                              Scorer& model) {
  std::vector<ScoreRequest> requests;
  for (const ComparedText& compared : texts) {
    requests.insert(requests.end(), compared.text->chunked.begin(), compared.text->chunked.end());
  }
  const WeightLoader loader(
      reference.weights, reference.config, options.compute_dtype, options.device);
  Scorer dense(reference.config, loader, options.scorer);
  const std::vector<ComparedRequest> scores = Scorer::compare(dense, model, requests);

  Divergence divergence;
  Json files = Json::object();
  size_t next = 0;
  for (const ComparedText& compared : texts) {
    const auto own = std::span(scores).subspan(next, compared.text->chunked.size());
    next += own.size();
    double sum = 0;
    for (const ComparedRequest& score : own) sum += score.score.log_likelihood;
    divergence.log_likelihoods.push_back(sum);
    files[compared.file.string()] = summarize(*compared.text, own);
  }
  divergence.result = {{"reference", describe_model(reference)},
                       {"formula",
                        "KL(reference || model), nats, mean over predicted positions of "
                        "the chunked windows"},
                       {"texts", std::move(files)}};
  divergence.result["reference"]["weights_sha256"] = reference.checkpoint.weights_sha256();
  return divergence;
}

}  // namespace linscan
