#include "linscan/stats/geometry.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace linscan {
namespace {

constexpr int64_t kChunk = 256;
// The true two nearest are looked for among this many rows that may be nearest.
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

struct Nearest {
  at::Tensor distances;  // (Q, 2) fp64: to the nearest and the second nearest other row
  at::Tensor proven;     // (Q) bool: no row that was not looked at can be nearer
};

// For the rows with numbers `queries`, (Q) int64. Candidates are found by distances in `type`, at
// their lower bound, and measured in fp64.
Nearest find_nearest(const at::Tensor& rows, const at::Tensor& queries, at::ScalarType type) {
  const at::Tensor centered = (rows.to(type) - rows.mean(0, true, type));
  const at::Tensor square = centered.square().sum(1);  // (M)
  const int64_t others = rows.size(0) - 1;
  const int64_t candidates = std::min(kCandidates, others);
  // |a - b|^2 = |a|^2 + |b|^2 - 2 ab is off by at most this share of |a|^2 + |b|^2.
  const double unit = type == at::kFloat ? std::numeric_limits<float>::epsilon() / 2
                                         : std::numeric_limits<double>::epsilon() / 2;
  const at::Tensor bounded = square * (1 - static_cast<double>(rows.size(1) + 8) * unit);
  std::vector<at::Tensor> distances;
  std::vector<at::Tensor> proven;
  for (int64_t begin = 0; begin < queries.size(0); begin += kChunk) {
    const at::Tensor chunk = queries.slice(0, begin, std::min(begin + kChunk, queries.size(0)));
    // Lower bounds up to the |a|^2 that a row has in common.
    at::Tensor bound =
        at::addmm(bounded.unsqueeze(0), centered.index_select(0, chunk), centered.t(), 1, -2);
    bound.scatter_(1, chunk.unsqueeze(1), INFINITY);
    const auto [lowest, index] = bound.topk(candidates, 1, /*largest=*/false, /*sorted=*/true);
    const at::Tensor neighbours = rows.index_select(0, index.flatten())
                                      .unflatten(0, {chunk.size(0), candidates})
                                      .to(at::kDouble);
    const at::Tensor exact =
        (neighbours - rows.index_select(0, chunk).unsqueeze(1)).square().sum(-1);
    const at::Tensor two = std::get<0>(exact.topk(2, 1, /*largest=*/false, /*sorted=*/true));
    const at::Tensor beyond = lowest.select(1, candidates - 1) + bounded.index_select(0, chunk);
    proven.push_back(candidates == others ? at::ones_like(beyond, at::kBool)
                                          : two.select(1, 1) <= beyond);
    distances.push_back(two.sqrt());
  }
  return {at::cat(distances), at::cat(proven)};
}

// Distances to the two nearest other rows, (M, 2) fp64. Rows far from the mean but close to each
// other are beyond fp32: what it cannot prove is looked for again in fp64.
at::Tensor two_nearest(const at::Tensor& rows) {
  const at::Tensor all = at::arange(rows.size(0), rows.options().dtype(at::kLong));
  const Nearest fast = find_nearest(rows, all, at::kFloat);
  const at::Tensor unproven = fast.proven.logical_not().nonzero().squeeze(1);
  if (unproven.numel() == 0) {
    return fast.distances;
  }
  return fast.distances.index_copy(
      0, unproven, find_nearest(rows, unproven, at::kDouble).distances);
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
    return Score::missing(
        fmt::format("needs at least {} distinct states, got {}", kFewestPoints, count));
  }
  const at::Tensor distances = two_nearest(points).cpu();
  const at::Tensor ratio = std::get<0>((distances.select(1, 1) / distances.select(1, 0)).sort());
  // F(mu_i) = i / M with i from 0; the largest ratios are left out.
  const auto kept =
      std::max<int64_t>(2, static_cast<int64_t>(static_cast<double>(count) * options.kept_share));
  const at::Tensor x = ratio.slice(0, 0, kept).log();
  const at::Tensor y = -at::log1p(-at::arange(kept, at::kDouble) / static_cast<double>(count));
  const double squares = x.square().sum().item<double>();
  if (!(squares > 0) || !std::isfinite(squares)) {
    return Score::missing("all points have neighbours at equal distances");
  }
  return Score::of((x * y).sum().item<double>() / squares);
}

}  // namespace linscan
