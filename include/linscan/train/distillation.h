// A student trained to predict as its teacher does (Hinton et al. 2015), and to have its states
// (the paper, section 5). Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/block.h"
#include "linscan/model/model.h"
#include "linscan/model/weights.h"
#include "linscan/train/distillation_loss.h"
#include "linscan/train/language_model.h"
#include "linscan/train/loop.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

// A model that is only run: all its weights in memory, packed for inference.
class FrozenModel {
 public:
  // `source` must outlive this.
  FrozenModel(const Model& source, at::ScalarType compute_dtype, at::Device device);

  const DecoderConfig& config() const { return source_.config; }
  const Model& source() const { return source_; }

  // As TrainableModel has it, without a graph; `stream` stays empty unless it is asked for.
  ForwardStates forward(const at::Tensor& ids, const BatchLayout& layout, bool with_stream);
  at::Tensor logits(const at::Tensor& normed);

 private:
  const Model& source_;
  at::Device device_;
  EmbeddingWeights embedding_;
  std::vector<BlockWeights> blocks_;
  Norm final_norm_;
  HeadWeights head_;
  PositionCache positions_;
};

// Held-out text: batches, and the document of every window in their order.
struct HeldOutText {
  std::vector<TrainBatch> batches;
  std::vector<int64_t> documents;
};

// Windows of one token predict nothing and are left out.
HeldOutText held_out_text(const TokenWindows& windows, int64_t batch_rows);

class BatchTeacher;
class TeacherCache;

struct DistillationOptions {
  DistillationWeights weights;
  KlOptions kl;
  // For every block of the student, how many blocks of the teacher its state is behind: the state
  // after block b is compared with the teacher's resid_post.{aligned[b] - 1}. Needed where the
  // weights compare states.
  std::vector<int64_t> aligned;
  // Where the teacher's predictions are kept and looked up; nullptr: it runs for every batch. Only
  // for kl with top_k, without losses on states.
  TeacherCache* cache = nullptr;
  bool checkpointing = false;
  int64_t tokens_per_micro_batch = 0;
};

class DistillationObjective : public Objective {
 public:
  // All must outlive the objective. Both models have one vocabulary; with losses on states also one
  // width.
  DistillationObjective(FrozenModel& teacher,
                        TrainableModel& student,
                        BatchSource batches,
                        const HeldOutText& held_out,
                        const DistillationOptions& options);

  // Parts, each with its weight: "kl" and "cross_entropy", means over tokens in nats; "mse", the
  // mean over tokens, blocks and features; "cosine", the mean over tokens and blocks.
  LossParts accumulate(int64_t step, int64_t micro, double weight) override;
  int64_t tokens_per_micro_batch() const override { return options_.tokens_per_micro_batch; }

  // Of the held-out text, with standard errors over documents (over windows where there is one
  // document): "kl" (of all tokens, temperature 1), "cross_entropy", "perplexity", "top1" (share of
  // positions at which both have the same likeliest token), "tokens", "units", "unit"; "mse" and
  // "cosine" where they have a weight, without it; "teacher_cross_entropy" and
  // "teacher_perplexity". "loss", which decides about early stopping, is the weighted
  // sum of KL and cross-entropy, or KL where neither has a weight.
  Json evaluate() override;

 private:
  // The losses on logits, with their weights and times `weight`. Gradients go to the head's
  // parameters at once, and those of the student's normed states to `gradient`.
  LossParts prediction_losses(const TrainBatch& batch,
                              BatchTeacher& teacher,
                              const ForwardStates& student,
                              double weight,
                              at::Tensor* gradient);
  // Appends the losses on states, with their weights and times `weight`.
  void add_state_losses(const ForwardStates& teacher,
                        const ForwardStates& student,
                        double weight,
                        LossParts& parts) const;

  FrozenModel& teacher_;
  TrainableModel& student_;
  BatchSource batches_;
  const HeldOutText& held_out_;
  DistillationOptions options_;
};

}  // namespace linscan
