#include "linscan/analyze/pair_statistics.h"

#include <ATen/ATen.h>

namespace linscan {

void StateStatistics::start(const at::Tensor& mean, int64_t fold_count) {
  shift = mean;
  for (int64_t fold = 0; fold < fold_count; ++fold) {
    folds.push_back(StateMoments::zeros(shift));
  }
}

StateRows::StateRows(const at::Tensor& rows, const at::Tensor& shift, const at::Tensor& kept)
    : all(rows), shifted(rows - shift) {
  if (kept.defined()) {
    shifted = shifted.index_select(0, kept);
  }
}

void PairStatistics::start(const StateStatistics& x) {
  for (const StateMoments& fold : x.folds) {
    x_update.push_back(at::zeros_like(fold.gram).t());
    update_square.push_back(at::zeros_like(fold.sum));
  }
}

void PairStatistics::add(int64_t fold_index,
                         const at::Tensor& kept,
                         const StateRows& x,
                         const StateRows& y) {
  const auto fold = static_cast<size_t>(fold_index);
  const at::Tensor figures = Displacement::of_tokens(x.all, y.all);
  all.add(figures);
  if (kept.defined() && kept.numel() > 0) {
    rest.add(figures.index_select(1, kept));
  }
  const at::Tensor update = y.shifted - x.shifted;
  x_update[fold].addmm_(x.shifted.t(), update);
  update_square[fold].add_(at::linalg_vector_norm(update, 2, {0}).square_());
}

std::vector<PairMoments> PairStatistics::moments(const StateStatistics& x,
                                                 const StateStatistics& y) const {
  std::vector<PairMoments> folds;
  for (size_t k = 0; k < x_update.size(); ++k) {
    folds.push_back({x.folds[k], y.folds[k], x_update[k], update_square[k]});
  }
  return folds;
}

std::vector<PairMoments> PairStatistics::moments_with_first(const StateStatistics& x,
                                                            const StateStatistics& y) const {
  std::vector<PairMoments> folds;
  for (const PairMoments& fold : moments(x, y)) {
    folds.push_back(fold.clone());
  }
  for (size_t i = 0; i < x.first.size(); ++i) {
    folds[static_cast<size_t>(x.first[i].fold)].add_rows(
        x.first[i].rows.to(at::kDouble) - x.shift, y.first[i].rows.to(at::kDouble) - y.shift, 1);
  }
  return folds;
}

}  // namespace linscan
