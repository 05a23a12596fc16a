#include "linscan/stats/predictions.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <functional>
#include <iterator>
#include <span>
#include <vector>

#include "stats/softmax_rows.h"

namespace linscan {
namespace {

// Logits on a CPU, one row after the other.
class Rows {
 public:
  explicit Rows(const at::Tensor& logits)
      : logits_(logits.to(at::kFloat).contiguous()), data_(logits_.const_data_ptr<float>()) {}

  int64_t count() const { return logits_.size(0); }
  std::span<const float> operator[](int64_t row) const {
    const int64_t width = logits_.size(1);
    return {data_ + row * width, static_cast<size_t>(width)};
  }

 private:
  at::Tensor logits_;
  const float* data_;
};

void for_each_row(int64_t count, const std::function<void(int64_t)>& work) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) work(i);
  });
}

std::vector<RowNormalizer> normalize(const Rows& logits) {
  std::vector<RowNormalizer> normalizers(static_cast<size_t>(logits.count()));
  for_each_row(logits.count(), [&](int64_t row) {
    normalizers[static_cast<size_t>(row)] = normalize_row(logits[row]);
  });
  return normalizers;
}

// Likelihoods of the targets; whether they are the most likely ones only where that is wanted.
PredictionRows score_rows(const Rows& logits,
                          const std::vector<RowNormalizer>& normalizers,
                          const at::Tensor& targets,
                          const at::Tensor& rows,
                          bool with_greedy) {
  const int64_t count = targets.size(0);
  PredictionRows scored;
  scored.log_likelihood = at::empty({count}, at::kDouble);
  if (with_greedy) scored.greedy = at::empty({count}, at::kBool);
  const at::Tensor target_ids = targets.contiguous();
  const at::Tensor row_ids = rows.contiguous();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = row_ids.const_data_ptr<int64_t>()[i];
    const int64_t target = target_ids.const_data_ptr<int64_t>()[i];
    TORCH_CHECK_INDEX(row >= 0 && row < logits.count(), "row ", row, " of ", logits.count());
    const std::span<const float> x = logits[row];
    TORCH_CHECK_INDEX(target >= 0 && target < std::ssize(x), "target ", target, " of ", x.size());
    const RowNormalizer& normalizer = normalizers[static_cast<size_t>(row)];
    const float own = normalizer.log_probability(x[static_cast<size_t>(target)]);
    scored.log_likelihood.data_ptr<double>()[i] = static_cast<double>(own);
    if (with_greedy) {
      // Most targets are not at the top: only for the others the row is searched.
      const bool at_top = own == normalizer.log_probability(normalizer.highest);
      scored.greedy.data_ptr<bool>()[i] = at_top && most_likely(x, normalizer) == target;
    }
  }
  return scored;
}

PredictionRows compare_rows(const ReferencePredictions& reference,
                            const at::Tensor& logits,
                            const at::Tensor& targets,
                            const at::Tensor& rows) {
  const Rows own(logits);
  const Rows theirs(reference.log_probabilities);
  const std::vector<RowNormalizer> normalizers = normalize(own);
  const at::Tensor kl = at::empty({own.count()}, at::kDouble);
  const at::Tensor best = at::empty({own.count()}, at::kLong);
  for_each_row(own.count(), [&](int64_t row) {
    const RowNormalizer& normalizer = normalizers[static_cast<size_t>(row)];
    kl.data_ptr<double>()[row] = row_divergence(theirs[row], own[row], normalizer);
    best.data_ptr<int64_t>()[row] = most_likely(own[row], normalizer);
  });
  PredictionRows compared = score_rows(own, normalizers, targets, rows, false);
  compared.greedy = best.index_select(0, rows) == targets;
  compared.kl = kl.index_select(0, rows);
  compared.agrees = (best == reference.most_likely).index_select(0, rows);
  return compared;
}

}  // namespace

PredictionRows score_predictions(const at::Tensor& logits,
                                 const at::Tensor& targets,
                                 const at::Tensor& rows,
                                 bool with_greedy) {
  if (logits.is_cpu()) {
    const Rows own(logits);
    return score_rows(own, normalize(own), targets, rows, with_greedy);
  }
  const at::Tensor log_probabilities = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor places = rows * logits.size(1) + targets;
  PredictionRows scored;
  scored.log_likelihood = log_probabilities.flatten().index_select(0, places).to(at::kDouble);
  if (with_greedy) {
    scored.greedy = log_probabilities.argmax(-1).index_select(0, rows) == targets;
  }
  return scored;
}

ReferencePredictions reference_predictions(const at::Tensor& logits) {
  if (!logits.is_cpu()) {
    const at::Tensor log_probabilities = at::log_softmax(logits, -1, at::kFloat);
    return {log_probabilities, log_probabilities.argmax(-1)};
  }
  const Rows rows(logits);
  ReferencePredictions reference{at::empty(logits.sizes(), at::kFloat),
                                 at::empty({rows.count()}, at::kLong)};
  for_each_row(rows.count(), [&](int64_t row) {
    const std::span<const float> x = rows[row];
    const RowNormalizer normalizer = normalize_row(x);
    float* const out = reference.log_probabilities.data_ptr<float>() + row * std::ssize(x);
    for (size_t i = 0; i < x.size(); ++i) out[i] = normalizer.log_probability(x[i]);
    reference.most_likely.data_ptr<int64_t>()[row] = most_likely(x, normalizer);
  });
  return reference;
}

PredictionRows compare_predictions(const ReferencePredictions& reference,
                                   const at::Tensor& logits,
                                   const at::Tensor& targets,
                                   const at::Tensor& rows) {
  TORCH_CHECK(logits.sizes() == reference.log_probabilities.sizes(), "rows of one vocabulary");
  if (logits.is_cpu()) return compare_rows(reference, logits, targets, rows);
  PredictionRows compared = score_predictions(logits, targets, rows, false);
  const at::Tensor ours = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor best = ours.argmax(-1);
  // A token that the reference excludes (probability 0) adds nothing, whatever the model says.
  const at::Tensor probabilities = reference.log_probabilities.exp();
  compared.greedy = best.index_select(0, rows) == targets;
  compared.kl = (probabilities * (reference.log_probabilities - ours))
                    .masked_fill_(probabilities == 0, 0)
                    .sum(-1, /*keepdim=*/false, at::kDouble)
                    .index_select(0, rows);
  compared.agrees = (best == reference.most_likely).index_select(0, rows);
  return compared;
}

}  // namespace linscan
