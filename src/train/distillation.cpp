#include "linscan/train/distillation.h"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/stats/predictions.h"
#include "linscan/stats/ratio.h"
#include "train/cosine_distance.h"
#include "train/teacher_cache.h"

namespace linscan {
namespace {

// Sums over the predicted positions of one window.
struct WindowSums {
  double positions = 0;
  double kl = 0;
  double loss = 0;  // cross-entropy
  double agreements = 0;
};

// Figures of held-out positions, gathered by what varies independently: documents, or windows of
// the only one.
class Figures {
 public:
  explicit Figures(const std::vector<int64_t>& documents)
      : documents_(documents),
        by_document_(!documents.empty() && documents.front() != documents.back()) {}

  void add(const WindowSums& window) {
    const int64_t document = documents_.at(windows_);
    if (windows_ == 0 || !by_document_ || document != documents_[windows_ - 1]) {
      for (auto* sums : {&positions_, &kl_, &loss_, &agreements_}) {
        sums->push_back(0);
      }
    }
    ++windows_;
    positions_.back() += window.positions;
    kl_.back() += window.kl;
    loss_.back() += window.loss;
    agreements_.back() += window.agreements;
  }

  Json document() const {
    Json figures = Json::object();
    const auto put = [&](const char* name, const std::vector<double>& sums) {
      const Ratio ratio = ratio_of_sums(sums, positions_);
      figures[name] = number_or_null(ratio.value);
      figures[std::string(name) + "_stderr"] = number_or_null(ratio.error);
      return ratio;
    };
    put("kl", kl_);
    const Ratio loss = put("cross_entropy", loss_);
    const double perplexity = std::exp(loss.value);
    figures["perplexity"] = number_or_null(perplexity);
    figures["perplexity_stderr"] =
        number_or_null(loss.error ? std::optional(perplexity * *loss.error) : std::nullopt);
    put("top1", agreements_);
    double tokens = 0;
    for (const double positions : positions_) {
      tokens += positions;
    }
    figures["tokens"] = static_cast<int64_t>(tokens);
    figures["units"] = positions_.size();
    figures["unit"] = by_document_ ? "document" : "window";
    return figures;
  }

 private:
  const std::vector<int64_t>& documents_;
  bool by_document_;
  size_t windows_ = 0;
  std::vector<double> positions_, kl_, loss_, agreements_;
};

// The rows of a batch, window by window.
void add_windows(Figures& figures,
                 const BatchLayout& layout,
                 const at::Tensor& kl,
                 const at::Tensor& log_likelihood,
                 const at::Tensor& agrees) {
  int64_t first = 0;
  for (const int64_t length : layout.lengths()) {
    const auto sum = [&](const at::Tensor& rows) {
      return rows.narrow(0, first, length).sum().item<double>();
    };
    figures.add({static_cast<double>(length), sum(kl), -sum(log_likelihood), sum(agrees)});
    first += length;
  }
}

}  // namespace

// The teacher on one batch: what it was seen to predict before, or what it predicts now.
class BatchTeacher {
 public:
  BatchTeacher(FrozenModel& model,
               const TrainBatch& batch,
               const DistillationOptions& options,
               bool with_stream)
      : model_(model), batch_(batch), options_(options) {
    if (options.cache != nullptr) {
      known_ = options.cache->find(batch.windows);
    }
    if (!known_) {
      states_ = model.forward(batch.ids, batch.layout, with_stream);
    }
  }

  const ForwardStates& states() const { return states_; }

  // KL of the rows from `first_row` on, of which these are the student's logits; in order.
  at::Tensor kl(const at::Tensor& student, int64_t first_row) {
    const int64_t rows = student.size(0);
    if (known_) {
      return kl_from_top({known_->ids.narrow(0, first_row, rows),
                          known_->log_probabilities.narrow(0, first_row, rows)},
                         student,
                         options_.kl);
    }
    const at::Tensor logits = model_.logits(states_.normed.narrow(0, first_row, rows));
    if (options_.cache == nullptr) {
      return kl_divergence(logits, student, options_.kl);
    }
    const TopPredictions top = top_predictions(logits, options_.kl);
    ids_.push_back(top.ids);
    log_probabilities_.push_back(top.log_probabilities);
    return kl_from_top(top, student, options_.kl);
  }

  // To be called when all rows were asked for.
  void keep() {
    if (!ids_.empty()) {
      options_.cache->add(batch_.windows, {at::cat(ids_), at::cat(log_probabilities_)});
    }
  }

 private:
  FrozenModel& model_;
  const TrainBatch& batch_;
  const DistillationOptions& options_;
  std::optional<TopPredictions> known_;
  ForwardStates states_;
  std::vector<at::Tensor> ids_, log_probabilities_;  // pieces of rows
};

FrozenModel::FrozenModel(const Model& source, at::ScalarType compute_dtype, at::Device device)
    : source_(source), device_(device), positions_(source.config, compute_dtype, device) {
  const WeightLoader loader(source.weights, source.config, compute_dtype, device);
  embedding_ = loader.embedding();
  for (int64_t block = 0; block < source.config.blocks(); ++block) {
    check_interrupt();
    blocks_.push_back(loader.block(block));
  }
  final_norm_ = loader.final_norm();
  head_ = loader.head();
}

ForwardStates FrozenModel::forward(const at::Tensor& ids,
                                   const BatchLayout& layout,
                                   bool with_stream) {
  const at::NoGradGuard no_grad;
  const BatchLayout placed = layout.to(device_);
  ForwardStates states;
  at::Tensor x = forward_embedding(config(), embedding_, ids, placed, device_);
  for (int64_t block = 0; block < config().blocks(); ++block) {
    if (with_stream) {
      states.stream.push_back(x);
    }
    x = forward_block(config(), block, blocks_[static_cast<size_t>(block)], x, placed, positions_)
            .resid_post;
  }
  if (with_stream) {
    states.stream.push_back(x);
  }
  states.normed = forward_final_norm(config(), final_norm_, x);
  return states;
}

at::Tensor FrozenModel::logits(const at::Tensor& normed) {
  const at::NoGradGuard no_grad;
  return forward_head(config(), head_, normed);
}

HeldOutText held_out_text(const TokenWindows& windows, int64_t batch_rows) {
  HeldOutText text{next_token_batches(windows, batch_rows), {}};
  for (const Window& window : windows.windows) {
    if (window.length >= 2) {
      text.documents.push_back(window.document);
    }
  }
  return text;
}

DistillationObjective::DistillationObjective(FrozenModel& teacher,
                                             TrainableModel& student,
                                             BatchSource batches,
                                             const HeldOutText& held_out,
                                             const DistillationOptions& options)
    : teacher_(teacher),
      student_(student),
      batches_(std::move(batches)),
      held_out_(held_out),
      options_(options) {
  LINSCAN_CHECK(!options_.weights.compares_states() ||
                    static_cast<int64_t>(options_.aligned.size()) == student.config().blocks(),
                kInternal,
                "{} aligned blocks for {} of the student",
                options_.aligned.size(),
                student.config().blocks());
}

void DistillationObjective::add_state_losses(const ForwardStates& teacher,
                                             const ForwardStates& student,
                                             double weight,
                                             LossParts& parts) const {
  const auto add = [&](const char* name, double own_weight, const auto& distance) {
    if (own_weight == 0) {
      return;
    }
    at::Tensor sum = at::zeros({}, student.normed.options().requires_grad(false));
    for (size_t block = 0; block < options_.aligned.size(); ++block) {
      sum = sum + distance(student.stream[block + 1],
                           teacher.stream[static_cast<size_t>(options_.aligned[block])]);
    }
    const auto count =
        static_cast<double>(student.normed.size(0)) * static_cast<double>(options_.aligned.size());
    parts.emplace_back(name, sum * (weight * own_weight / count));
  };
  add("mse", options_.weights.mse, mean_square_distance);
  add("cosine", options_.weights.cosine, cosine_distance);
}

LossParts DistillationObjective::prediction_losses(const TrainBatch& batch,
                                                   BatchTeacher& teacher,
                                                   const ForwardStates& student,
                                                   double weight,
                                                   at::Tensor* gradient) {
  const DistillationWeights& weights = options_.weights;
  const double mean = weight / static_cast<double>(batch.ids.size(0));
  at::Tensor kl = at::zeros({}, at::TensorOptions(student_.device()).dtype(at::kDouble));
  at::Tensor cross_entropy = kl.clone();
  const LogitLoss next_token =
      cross_entropy_loss(batch.targets.to(student_.device()), weights.cross_entropy * mean);
  const LogitLoss loss = [&](const at::Tensor& logits, int64_t first_row) {
    at::Tensor sum = at::zeros({}, logits.options().requires_grad(false));
    if (weights.kl > 0) {
      const at::Tensor part = teacher.kl(logits, first_row) * (weights.kl * mean);
      kl += part.detach();
      sum = sum + part;
    }
    if (weights.cross_entropy > 0) {
      const at::Tensor part = next_token(logits, first_row);
      cross_entropy += part.detach();
      sum = sum + part;
    }
    return sum;
  };
  student_.head_loss(student.normed, loss, gradient);
  LossParts parts;
  if (weights.kl > 0) {
    parts.emplace_back("kl", kl);
  }
  if (weights.cross_entropy > 0) {
    parts.emplace_back("cross_entropy", cross_entropy);
  }
  return parts;
}

LossParts DistillationObjective::accumulate(int64_t step, int64_t micro, double weight) {
  const TrainBatch batch = batches_(step, micro);
  const DistillationWeights& weights = options_.weights;
  BatchTeacher teacher(teacher_, batch, options_, weights.compares_states());
  const ForwardStates student = student_.forward(batch.ids, batch.layout, options_.checkpointing);
  LossParts parts;
  std::vector<at::Tensor> ends;
  std::vector<at::Tensor> gradients;
  if (weights.predicts()) {
    at::Tensor gradient;
    parts = prediction_losses(batch, teacher, student, weight, &gradient);
    teacher.keep();
    ends.push_back(student.normed);
    gradients.push_back(gradient);
  }
  LossParts states;
  add_state_losses(teacher.states(), student, weight, states);
  for (const auto& [name, term] : states) {
    ends.push_back(term);
    gradients.push_back(at::ones_like(term));
    parts.emplace_back(name, term.detach());
  }
  torch::autograd::backward(ends, gradients);
  return parts;
}

Json DistillationObjective::evaluate() {
  if (held_out_.batches.empty()) {
    return {};
  }
  const at::NoGradGuard no_grad;
  const DistillationWeights& weights = options_.weights;
  Figures figures(held_out_.documents);
  std::map<std::string, double> state_sums;
  double teacher_sum = 0;  // of log-likelihoods
  for (const TrainBatch& batch : held_out_.batches) {
    const ForwardStates teacher =
        teacher_.forward(batch.ids, batch.layout, weights.compares_states());
    const ForwardStates student = student_.forward(batch.ids, batch.layout, false);
    const at::Tensor targets = batch.targets.to(student_.device());
    std::vector<at::Tensor> kl;
    std::vector<at::Tensor> likelihoods;
    std::vector<at::Tensor> agrees;
    const LogitLoss compare = [&](const at::Tensor& logits, int64_t first_row) {
      const int64_t count = logits.size(0);
      const at::Tensor own = targets.narrow(0, first_row, count);
      const ReferencePredictions reference =
          reference_predictions(teacher_.logits(teacher.normed.narrow(0, first_row, count)));
      teacher_sum +=
          reference.log_probabilities.gather(1, own.unsqueeze(1)).sum(at::kDouble).item<double>();
      const PredictionRows rows =
          compare_predictions(reference, logits, own, at::arange(count, targets.options()));
      kl.push_back(rows.kl);
      likelihoods.push_back(rows.log_likelihood);
      agrees.push_back(rows.agrees);
      return rows.kl.sum();
    };
    student_.head_loss(student.normed, compare, nullptr);
    add_windows(figures, batch.layout, at::cat(kl), at::cat(likelihoods), at::cat(agrees));
    LossParts states;
    add_state_losses(teacher, student, static_cast<double>(batch.ids.size(0)), states);
    for (const auto& [name, sum] : states) {
      state_sums[name] += sum.item<double>();
    }
  }
  const Json json = figures.document();
  const auto number = [&](const char* key) {
    LINSCAN_CHECK(json[key].is_number(),
                  kNumeric,
                  "the {} of the student on the held-out text is not finite",
                  key);
    return json[key].get<double>();
  };
  const double judged = weights.predicts() ? weights.kl * number("kl") +
                                                 weights.cross_entropy * number("cross_entropy")
                                           : number("kl");
  Json result = {{"loss", judged}};
  result.update(json);
  const auto tokens = static_cast<double>(json["tokens"].get<int64_t>());
  result["teacher_cross_entropy"] = number_or_null(-teacher_sum / tokens);
  result["teacher_perplexity"] = number_or_null(std::exp(-teacher_sum / tokens));
  if (weights.mse > 0) {
    result["mse"] = number_or_null(state_sums["mse"] / weights.mse / tokens);
  }
  if (weights.cosine > 0) {
    result["cosine"] = number_or_null(state_sums["cosine"] / weights.cosine / tokens);
  }
  return result;
}

}  // namespace linscan
