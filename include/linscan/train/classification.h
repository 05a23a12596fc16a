// Fine-tuning on labelled texts: a linear head on the state after the final norm at the last token,
// as the *ForSequenceClassification models of transformers have it; classes, or preferences between
// two texts. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "linscan/model/block.h"
#include "linscan/text/labelled.h"
#include "linscan/train/loop.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

// Each example is one text with its class, or the preferred text and the rejected one.
struct LabelledSet {
  std::vector<std::string> classes;  // K >= 2 names; empty: preferences, one score for each text
  std::vector<LabelledExample> train;
  std::vector<LabelledExample> validation;

  bool preferences() const { return classes.empty(); }
  int64_t scores() const { return preferences() ? 1 : static_cast<int64_t>(classes.size()); }
};

// Cross-entropy in nats, mean over B texts. scores  (B, K), labels  (B) int64.
at::Tensor class_loss(const at::Tensor& scores, const at::Tensor& labels);

// -log sigmoid(chosen - rejected), mean over B pairs (Ouyang et al. 2022, equation 1 for two
// answers). scores  (2 B, 1): chosen, rejected, chosen, ...
at::Tensor preference_loss(const at::Tensor& scores);

// Texts of examples behind one another without padding.
struct LabelledBatch {
  at::Tensor ids;     // (N) int64 host
  at::Tensor last;    // (B) int64 host: the row of each text's last token
  at::Tensor labels;  // (examples) int64 host
  BatchLayout layout;
};
LabelledBatch labelled_batch(const std::vector<const LabelledExample*>& examples);

struct ClassificationOptions {
  int64_t batch = 8;               // examples of a micro-batch
  int64_t accumulation = 1;        // micro-batches of a step, as the loop has it
  int64_t evaluation_rows = 4096;  // tokens that go through the model together in evaluate()
  uint64_t seed = 0;               // of the head and of the order of examples
  bool checkpointing = false;
};

class ClassificationObjective : public Objective {
 public:
  // `model` and `data` must outlive the objective. The head starts from seeded normal numbers with
  // deviation 0.02. Throws Error(kInput) where either part of `data` is empty.
  ClassificationObjective(TrainableModel& model,
                          const LabelledSet& data,
                          const ClassificationOptions& options);

  // Parts: "cross_entropy" or "preference", mean over the micro-batch's examples. Every epoch is
  // another order of all examples; a micro-batch may hold the end of one and the begin of the next.
  LossParts accumulate(int64_t step, int64_t micro, double weight) override;
  std::vector<Parameter> parameters() const override;
  // The mean: texts differ in length.
  int64_t tokens_per_micro_batch() const override;
  // Of the validation part: {"loss", "accuracy", "examples"} and of classes "f1" (of the second
  // class where there are two, else the mean over classes) and "majority" (the accuracy of always
  // naming the most frequent class), of preferences "margin" (mean difference of scores).
  Json evaluate() override;

  const at::Tensor& head() const { return head_; }  // (K, C) fp32 leaf

  // Scores (B, K) fp32 of a batch's texts.
  at::Tensor scores(const LabelledBatch& batch);

 private:
  at::Tensor loss(const at::Tensor& scores, const at::Tensor& labels) const;
  const LabelledExample& example(int64_t index);

  TrainableModel& model_;
  const LabelledSet& data_;
  ClassificationOptions options_;
  at::Tensor head_;
  std::vector<int64_t> order_;  // of epoch_
  int64_t epoch_ = -1;
};

// Steps that show every training example `epochs` times, at least one.
int64_t steps_of_epochs(const LabelledSet& data,
                        double epochs,
                        const ClassificationOptions& options);

}  // namespace linscan
