#include "linscan/analyze/probe.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "linscan/analyze/engine.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/model/description.h"
#include "linscan/stats/logistic.h"
#include "linscan/text/tokenizer.h"

namespace linscan {
namespace {

struct ProbeScore {
  double accuracy = 0;
  double standard_error = 0;
};

// Windows of one text each; `document` is the passage that texts share.
TokenWindows windows_of(const LabelledTexts& texts, const EncodedTexts& encoded) {
  TokenWindows windows;
  std::map<std::string_view, int32_t> passages;
  for (size_t i = 0; i < encoded.examples.size(); ++i) {
    const std::vector<int32_t>& ids = encoded.examples[i].texts.front();
    const auto passage =
        passages.emplace(texts.records[i].group, static_cast<int32_t>(passages.size())).first;
    windows.windows.push_back({static_cast<int64_t>(windows.ids.size()),
                               static_cast<int32_t>(ids.size()),
                               passage->second});
    windows.ids.insert(windows.ids.end(), ids.begin(), ids.end());
  }
  windows.documents = static_cast<int64_t>(passages.size());
  return windows;
}

// Keeps the last token's state of every text and scores each block when it has run.
class ProbeSink final : public Sink {
 public:
  // labels, folds  (texts) in the order in which the engine stores them.
  ProbeSink(const std::vector<int64_t>& labels, const std::vector<int64_t>& folds, int64_t classes)
      : labels_(at::tensor(labels, at::kLong)),
        folds_(at::tensor(folds, at::kLong)),
        classes_(classes) {}

  void observe(const BlockBatch& batch) override {
    if (batch.block == 0) {
      keep(batch, batch.resid_pre, embedded_);
    }
    keep(batch, batch.resid_post, states_);
  }

  void finish_block(int64_t block) override {
    if (block == 0) {
      embedding_ = score(embedded_);
    }
    blocks_.push_back(score(states_));
  }

  const std::vector<ProbeScore>& blocks() const { return blocks_; }
  const ProbeScore& embedding() const { return *embedding_; }

 private:
  static void keep(const BlockBatch& batch, const at::Tensor& rows, std::vector<at::Tensor>& to) {
    std::vector<int64_t> last;
    int64_t end = 0;
    for (const int64_t length : batch.layout.lengths()) {
      end += length;
      last.push_back(end - 1);
    }
    to.push_back(rows.index_select(0, at::tensor(last, at::kLong).to(rows.device())));
  }

  ProbeScore score(std::vector<at::Tensor>& kept) const {
    const at::Tensor states = at::cat(kept);
    kept.clear();
    const at::Tensor labels = labels_.to(states.device());
    int64_t right = 0;
    for (int64_t fold = 0; fold <= folds_.max().item<int64_t>(); ++fold) {
      const at::Tensor held_out = (folds_ == fold).nonzero().squeeze(1).to(states.device());
      const at::Tensor fitted = (folds_ != fold).nonzero().squeeze(1).to(states.device());
      const LogisticFit fit =
          fit_logistic(states.index_select(0, fitted), labels.index_select(0, fitted), classes_);
      right += (fit.predict(states.index_select(0, held_out)) == labels.index_select(0, held_out))
                   .sum()
                   .item<int64_t>();
    }
    const auto n = static_cast<double>(labels.size(0));
    const double accuracy = static_cast<double>(right) / n;
    return {accuracy, std::sqrt(accuracy * (1 - accuracy) / n)};
  }

  at::Tensor labels_;  // (texts) int64 host
  at::Tensor folds_;   // the same
  int64_t classes_;
  std::vector<at::Tensor> embedded_;
  std::vector<at::Tensor> states_;
  std::optional<ProbeScore> embedding_;
  std::vector<ProbeScore> blocks_;
};

Json to_json(const ProbeScore& score) {
  return {{"accuracy", score.accuracy}, {"stderr", score.standard_error}};
}

// The share of the most frequent class, and how many texts each class has.
Json describe_classes(const LabelledTexts& texts) {
  Json counts = Json::object();
  int64_t most = 0;
  for (size_t k = 0; k < texts.classes.size(); ++k) {
    const int64_t count =
        std::ranges::count(texts.records, static_cast<int64_t>(k), &LabelledRecord::label);
    counts[texts.classes[k]] = count;
    most = std::max(most, count);
  }
  return {{"classes", counts},
          {"chance", static_cast<double>(most) / static_cast<double>(texts.records.size())}};
}

}  // namespace

void add_probe(const Model& model,
               const LabelledTexts& texts,
               const LabelledFile& file,
               const ProbeOptions& options,
               Json& result) {
  LINSCAN_CHECK(!texts.classes.empty(),
                kInput,
                "{}: preferences have no classes to probe for; expected boolq, cb, multirc or text",
                file.file.string());
  const Tokenizer tokenizer = Tokenizer::load(model.checkpoint.folder());
  const EncodedTexts encoded =
      encode_labelled(texts, tokenizer, model.config.vocabulary, options.context);
  const TokenWindows windows = windows_of(texts, encoded);
  LINSCAN_CHECK(options.folds > 1 && windows.documents >= options.folds,
                kInput,
                "{}: {} distinct texts for {} folds; probing needs at least two folds, and a text "
                "for each",
                file.file.string(),
                windows.documents,
                options.folds);
  if (encoded.cut > 0) {
    log::warn("{} probed texts are longer than {} tokens: their beginnings are cut",
              encoded.cut,
              options.context);
  }
  const at::Device device = parse_device(options.device);
  const at::ScalarType dtype =
      choose_compute_dtype(options.dtype, stored_in_16_bits(model), device);
  const FoldPlan folds = assign_folds(windows, options.folds, options.seed);
  const MemoryPlan plan =
      plan_memory(model,
                  windows,
                  folds,
                  {.compute_dtype = dtype,
                   .memory_limit = memory_limit_or_default(options.memory_limit),
                   .pair_statistics = false,
                   .sublayers = false,
                   .first_tokens = false,
                   .sampled_rows = 0,
                   .logits = false});
  const Schedule schedule = Schedule::make(windows, folds, plan.batch_rows);
  std::vector<int64_t> labels;
  std::vector<int64_t> fold_of_text;
  for (const ScheduledBatch& batch : schedule.batches) {
    for (const int64_t window : batch.windows) {
      labels.push_back(texts.records[static_cast<size_t>(window)].label);
      fold_of_text.push_back(batch.fold);
    }
  }
  ProbeSink probe(labels, fold_of_text, static_cast<int64_t>(texts.classes.size()));
  Engine engine(model, windows, schedule, plan, dtype, device);
  const std::array<Sink*, 1> sinks = {&probe};
  const std::optional<BadWeights> bad = engine.run(sinks);
  LINSCAN_CHECK(!bad,
                kNumeric,
                "{}: {} (block {}): it cannot be probed",
                model.checkpoint.folder().string(),
                bad->reason,
                bad->block);
  for (size_t block = 0; block < probe.blocks().size(); ++block) {
    result["blocks"][block]["probe"] = to_json(probe.blocks()[block]);
  }
  Json& about = result["probe"];
  about = {{"task", name(texts.kind)},
           {"file", file.file.string()},
           {"sha256", texts.sha256},
           {"texts", texts.records.size()},
           {"passages", windows.documents},
           {"tokens", encoded.tokens},
           {"cut", encoded.cut},
           {"ctx", options.context},
           {"folds", folds.folds},
           {"state", "last token"},
           {"embedding", to_json(probe.embedding())}};
  about.update(describe_classes(texts));
}

}  // namespace linscan
