#include "linscan/stats/geometry.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace linscan {
namespace {

constexpr int64_t kChunk = 512;
// fp32 distances of far outliers are rough: the true two nearest are looked for among this many.
constexpr int64_t kCandidates = 8;
constexpr int64_t kFewestPoints = 20;

// Rows that differ from all before them. (M, C) fp32 on any device
at::Tensor distinct_rows(const at::Tensor& rows) {
  const at::Tensor host = rows.cpu().contiguous();
  const auto bytes = static_cast<size_t>(host.size(1)) * sizeof(float);
  const char* data = reinterpret_cast<const char*>(host.const_data_ptr<float>());
  std::unordered_set<std::string_view> seen;
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < host.size(0); ++i) {
    if (seen.insert(std::string_view(data + static_cast<size_t>(i) * bytes, bytes)).second) {
      kept.push_back(i);
    }
  }
  if (static_cast<int64_t>(kept.size()) == host.size(0)) {
    return rows;
  }
  return rows.index_select(0, at::tensor(kept, rows.options().dtype(at::kLong)));
}

// Distances to the two nearest other rows, (M, 2) fp64.
at::Tensor two_nearest(const at::Tensor& rows) {
  const at::Tensor centered = rows - rows.mean(0, true);
  const at::Tensor square = centered.square().sum(1);  // (M)
  const int64_t count = rows.size(0);
  const int64_t candidates = std::min(kCandidates, count - 1);
  std::vector<at::Tensor> nearest;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, count);
    const at::Tensor chunk = centered.slice(0, begin, end);
    // |a - b|^2 up to the |a|^2 that a row has in common.
    at::Tensor distance = at::addmm(square.unsqueeze(0), chunk, centered.t(), 1, -2);
    distance.diagonal(begin).fill_(INFINITY);
    const at::Tensor index = std::get<1>(distance.topk(candidates, 1, /*largest=*/false, /*sorted=*/false));
    const at::Tensor neighbours = rows.index_select(0, index.flatten()).unflatten(0, {end - begin, candidates});
    const at::Tensor exact =
        (neighbours.to(at::kDouble) - rows.slice(0, begin, end).unsqueeze(1)).square().sum(-1).sqrt();
    nearest.push_back(std::get<0>(exact.topk(2, 1, /*largest=*/false, /*sorted=*/true)));
  }
  return at::cat(nearest);
}

}  // namespace

GeometryScores score_spectrum(const StateMoments& moments) {
  GeometryScores scores;
  const at::Tensor values = at::linalg_eigvalsh(moments.centered()).clamp_min(0);
  const double total = values.sum().item<double>();
  if (!(total > 0)) {
    scores.anisotropy = scores.effective_rank = Score::missing("the states have no variance");
    return scores;
  }
  const at::Tensor share = values / total;
  scores.anisotropy = Score::of(share.max().item<double>());
  scores.effective_rank = Score::of(std::exp(-at::xlogy(share, share).sum().item<double>()));
  return scores;
}

Score intrinsic_dimension(const at::Tensor& rows, const TwoNnOptions& options) {
  const at::Tensor points = distinct_rows(rows);
  const int64_t count = points.size(0);
  if (count < kFewestPoints) {
    return Score::missing(fmt::format("needs at least {} distinct states, got {}", kFewestPoints, count));
  }
  const at::Tensor distances = two_nearest(points).cpu();
  const at::Tensor ratio = std::get<0>((distances.select(1, 1) / distances.select(1, 0)).sort());
  // F(mu_i) = i / M with i from 0; the largest ratios are left out.
  const auto kept = std::max<int64_t>(2, static_cast<int64_t>(static_cast<double>(count) * options.kept_share));
  const at::Tensor x = ratio.slice(0, 0, kept).log();
  const at::Tensor y = -at::log1p(-at::arange(kept, at::kDouble) / static_cast<double>(count));
  const double squares = x.square().sum().item<double>();
  if (!(squares > 0) || !std::isfinite(squares)) {
    return Score::missing("all points have neighbours at equal distances");
  }
  return Score::of((x * y).sum().item<double>() / squares);
}

}  // namespace linscan
