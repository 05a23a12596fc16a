#include "edit/measuring.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/stats/predictions.h"
#include "linscan/stats/ratio.h"

namespace linscan {
namespace {

constexpr int64_t kLogitBytes = int64_t{64} * 1024 * 1024;  // of one model's logits at a time

// The predicting rows of a batch, which token each has to predict, and in which window it stands.
struct Predicting {
  at::Tensor rows;     // (M) int64, within the batch
  at::Tensor targets;  // (M) int64
  at::Tensor windows;  // (M) int64, index into the measured windows
};

Predicting predicting_rows(const EditPass& pass, const EditBatch& batch, int64_t first_window) {
  std::vector<int64_t> rows, targets, windows;
  int64_t row = 0;
  for (const int64_t index : batch.windows) {
    const Window& window = pass.windows().windows[static_cast<size_t>(index)];
    for (int64_t i = 0; i + 1 < window.length; ++i) {
      rows.push_back(row + i);
      targets.push_back(pass.windows().ids[static_cast<size_t>(window.offset + i + 1)]);
      windows.push_back(first_window);
    }
    row += window.length;
    ++first_window;
  }
  const auto tensor = [](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong);
  };
  return {tensor(rows).to(pass.device()), tensor(targets).to(pass.device()), tensor(windows)};
}

// Sums by window of one model's figures: cross-entropy, KL, agreement, count.
struct WindowSums {
  explicit WindowSums(int64_t windows) : sums(at::zeros({4, windows}, at::kDouble)) {}

  void add(const PredictionRows& rows, const at::Tensor& windows) {
    const at::Tensor figures = at::stack({-rows.log_likelihood.cpu(),
                                          rows.kl.cpu(),
                                          rows.agrees.cpu().to(at::kDouble),
                                          at::ones({windows.size(0)}, at::kDouble)});
    sums.index_add_(1, windows, figures);
  }

  Measure measure() const {
    Measure m;
    m.tokens = sums[3].sum().item<int64_t>();
    if (m.tokens == 0) {
      return m;
    }
    // Windows of one token predict nothing and are no units.
    const at::Tensor units = sums.index_select(1, sums[3].nonzero().flatten()).contiguous();
    const auto row = [&](int64_t figure) {
      return std::span(units[figure].const_data_ptr<double>(), static_cast<size_t>(units.size(1)));
    };
    const auto mean = [&](int64_t figure, double& error) {
      const Ratio ratio = ratio_of_sums(row(figure), row(3));
      error = ratio.error.value_or(0);
      return ratio.value;
    };
    m.cross_entropy = mean(0, m.cross_entropy_error);
    m.kl = mean(1, m.kl_error);
    m.top1 = mean(2, m.top1_error);
    return m;
  }

  at::Tensor sums;  // (4, windows)
};

}  // namespace

double Measure::perplexity() const {
  return std::exp(cross_entropy);
}

std::vector<Measure> measure_streams(EditPass& pass,
                                     const Stream& dense,
                                     const std::vector<const Stream*>& edited) {
  const DecoderConfig& config = pass.model().config;
  const Norm norm = pass.loader().final_norm();
  const HeadWeights head = pass.loader().head();
  int64_t windows = 0;
  for (const EditBatch& batch : pass.batches()) {
    windows += batch.measured ? static_cast<int64_t>(batch.windows.size()) : 0;
  }
  std::vector<WindowSums> sums(edited.size() + 1, WindowSums(0));
  for (WindowSums& sum : sums) {
    sum = WindowSums(windows);
  }
  const int64_t chunk = std::max<int64_t>(1, kLogitBytes / (4 * config.vocabulary));
  const auto logits_of = [&](const Stream& stream, const EditBatch& batch, const at::Tensor& rows) {
    const at::Tensor x = stream.load(batch, pass.device()).index_select(0, rows);
    return forward_head(config, head, forward_final_norm(config, norm, x));
  };
  int64_t first_window = 0;
  for (const EditBatch& batch : pass.batches()) {
    if (!batch.measured) {
      continue;
    }
    const Predicting all = predicting_rows(pass, batch, first_window);
    first_window += static_cast<int64_t>(batch.windows.size());
    for (int64_t begin = 0; begin < all.rows.size(0); begin += chunk) {
      check_interrupt();
      const int64_t count = std::min(chunk, all.rows.size(0) - begin);
      const at::Tensor rows = all.rows.narrow(0, begin, count);
      const at::Tensor targets = all.targets.narrow(0, begin, count);
      const at::Tensor places = all.windows.narrow(0, begin, count);
      const at::Tensor dense_logits = logits_of(dense, batch, rows);
      const ReferencePredictions reference = reference_predictions(dense_logits);
      const at::Tensor each = at::arange(count, targets.options());
      sums[0].add(compare_predictions(reference, dense_logits, targets, each), places);
      for (size_t i = 0; i < edited.size(); ++i) {
        const at::Tensor logits =
            edited[i] == &dense ? dense_logits : logits_of(*edited[i], batch, rows);
        sums[i + 1].add(compare_predictions(reference, logits, targets, each), places);
      }
    }
  }
  std::vector<Measure> measures;
  for (const WindowSums& sum : sums) {
    measures.push_back(sum.measure());
    LINSCAN_CHECK(std::isfinite(measures.back().cross_entropy),
                  kNumeric,
                  "{}: predictions of an edited model are not finite",
                  pass.model().checkpoint.folder().string());
  }
  return measures;
}

}  // namespace linscan
