// TwoNN of geometry.h: the two nearest neighbours of every row, proven, and the line through their
// ratios.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "linscan/base/linear.h"
#include "linscan/stats/geometry.h"

namespace linscan {
namespace {

constexpr int64_t kBlock = 1024;  // rows compared with so many others at a time
// The true two nearest are looked for among this many rows that may be nearest.
constexpr int64_t kCandidates = 4;
constexpr int64_t kGroup = 16;  // columns of which first only the lowest is looked at
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

// For some rows, the rows that may be nearest.
struct Candidates {
  at::Tensor bound;  // (Q, k) lower bounds of their squared distances, ascending
  at::Tensor index;  // (Q, k) int64; every other row is at least as far as the last bound
};

Candidates lowest_of_few(const at::Tensor& bound, int64_t count) {
  auto [value, index] = bound.topk(count, 1, /*largest=*/false, /*sorted=*/true);
  return {std::move(value), std::move(index)};
}

// The lowest of every row (dimension 1) or of every column (dimension 0), ascending: kCandidates,
// or all where there are not as many.
Candidates lowest_of(const at::Tensor& bound, int64_t dimension) {
  const at::Tensor by_query = dimension == 1 ? bound : bound.t();  // (Q, M)
  const int64_t size = by_query.size(1);
  // The lowest of all are in the groups with the lowest minima, which are much faster to find.
  const int64_t groups = size / kGroup;
  if (groups < 2 * kCandidates) {
    return lowest_of_few(by_query, std::min(kCandidates, size));
  }
  // Group g has the numbers g, g + groups, g + 2 groups, ...; what is left over is looked at whole.
  const at::Tensor minima = bound.slice(dimension, 0, groups * kGroup)
                                .unflatten(dimension, {kGroup, groups})
                                .amin(dimension);
  const at::Tensor best =
      std::get<1>((dimension == 1 ? minima : minima.t())
                      .topk(kCandidates, 1, /*largest=*/false, /*sorted=*/false));
  const at::Tensor members = at::arange(kGroup, best.options()) * groups;
  const at::Tensor rest = at::arange(groups * kGroup, size, best.options());
  const at::Tensor looked_at =
      at::cat({(best.unsqueeze(2) + members).flatten(1), rest.expand({best.size(0), -1})}, 1);
  const Candidates found = lowest_of_few(by_query.gather(1, looked_at), kCandidates);
  return {found.bound, looked_at.gather(1, found.index)};
}

// Lower bounds of all squared distances, computed in one dtype.
class Search {
 public:
  Search(const at::Tensor& rows, at::ScalarType type)
      : centered_(rows.to(type) - rows.mean(0, true, type)), count_(rows.size(0)) {
    // |a|^2 + |b|^2 - 2 ab is off by at most this share of |a|^2 + |b|^2.
    const double unit = type == at::kFloat ? std::numeric_limits<float>::epsilon() / 2
                                           : std::numeric_limits<double>::epsilon() / 2;
    bounded_ =
        centered_.square().sum(1) * (1 - static_cast<double>(rows.size(1) + 16) * unit);  // (M)
    for (int64_t begin = 0; begin < count_; begin += kBlock) {
      const int64_t end = begin + kBlock;
      blocks_.push_back(pack({centered_.slice(0, begin, end), bounded_.slice(0, begin, end)}));
    }
  }

  // Of all rows. Every pair is compared once.
  Candidates of_all() const {
    Candidates found = nothing(count_);
    for (int64_t begin = 0; begin < count_; begin += kBlock) {
      const int64_t end = std::min(begin + kBlock, count_);
      const at::Tensor own = centered_.slice(0, begin, end);
      const at::Tensor own_bounded = bounded_.slice(0, begin, end);
      for (int64_t other = begin; other < count_; other += kBlock) {
        at::Tensor bound = bounds(own, own_bounded, other);
        if (other == begin) {
          bound.diagonal().fill_(INFINITY);
        } else {
          note(found, other, begin, lowest_of(bound, 0));
        }
        note(found, begin, other, lowest_of(bound, 1));
      }
    }
    return best_of(found);
  }

  // queries  (Q) int64
  Candidates of(const at::Tensor& queries) const {
    const at::Tensor rows = centered_.index_select(0, queries);
    const at::Tensor rows_bounded = bounded_.index_select(0, queries);
    Candidates found = nothing(queries.size(0));
    for (int64_t block = 0; block < count_; block += kBlock) {
      at::Tensor bound = bounds(rows, rows_bounded, block);
      const at::Tensor self =
          queries.unsqueeze(1) == at::arange(block, block + bound.size(1), queries.options());
      bound.masked_fill_(self, INFINITY);
      note(found, 0, block, lowest_of(bound, 1));
    }
    return best_of(found);
  }

 private:
  // Between some centred rows (Q, C) and those of the block that begins at row `block`: (Q, B).
  at::Tensor bounds(const at::Tensor& some, const at::Tensor& some_bounded, int64_t block) const {
    return apply_linear(blocks_[static_cast<size_t>(block / kBlock)], some * -2)
        .add_(some_bounded.unsqueeze(1));
  }

  // Room for kCandidates of every block.
  Candidates nothing(int64_t queries) const {
    const auto room = static_cast<int64_t>(blocks_.size()) * kCandidates;
    return {at::full({queries, room}, INFINITY, centered_.options()),
            at::zeros({queries, room}, centered_.options().dtype(at::kLong))};
  }

  // What queries from number `first` on found in the block that begins at row `block`.
  static void note(Candidates& all, int64_t first, int64_t block, const Candidates& found) {
    const int64_t begin = block / kBlock * kCandidates;
    const auto place = [&](const at::Tensor& part, const at::Tensor& values) {
      part.slice(0, first, first + values.size(0))
          .slice(1, begin, begin + values.size(1))
          .copy_(values);
    };
    place(all.bound, found.bound);
    place(all.index, found.index + block);
  }

  Candidates best_of(const Candidates& all) const {
    const Candidates best = lowest_of_few(all.bound, std::min(kCandidates, count_ - 1));
    return {best.bound, all.index.gather(1, best.index)};
  }

  at::Tensor centered_;         // (M, C)
  at::Tensor bounded_;          // (M): |row|^2, less the error of a distance
  std::vector<Linear> blocks_;  // kBlock centred rows each, with their bounded_ as bias
  int64_t count_;
};

struct Nearest {
  at::Tensor distances;  // (Q, 2) fp64: to the nearest and the second nearest other row
  at::Tensor proven;     // (Q) bool: no row that was not looked at can be nearer
};

// Measures the candidates of the rows with numbers `queries`, (Q) int64, in fp64.
Nearest measure(const at::Tensor& rows, const at::Tensor& queries, const Candidates& candidates) {
  std::vector<at::Tensor> distances;
  for (int64_t begin = 0; begin < queries.size(0); begin += kBlock) {
    const at::Tensor own = rows.index_select(0, queries.slice(0, begin, begin + kBlock));
    const at::Tensor index = candidates.index.slice(0, begin, begin + kBlock);
    const at::Tensor others = rows.index_select(0, index.flatten())
                                  .unflatten(0, {index.size(0), index.size(1)})
                                  .to(at::kDouble);
    const at::Tensor square = others.sub_(own.unsqueeze(1)).square_().sum(-1);
    distances.push_back(std::get<0>(square.topk(2, 1, /*largest=*/false, /*sorted=*/true)));
  }
  const at::Tensor two = at::cat(distances);
  const bool all_looked_at = candidates.index.size(1) == rows.size(0) - 1;
  const at::Tensor beyond = candidates.bound.select(1, candidates.bound.size(1) - 1);
  return {two.sqrt(),
          all_looked_at ? at::ones_like(beyond, at::kBool) : two.select(1, 1) <= beyond};
}

// Distances to the two nearest other rows, (M, 2) fp64. Rows far from the mean but close to each
// other are beyond fp32: what it cannot prove is looked for again in fp64.
at::Tensor two_nearest(const at::Tensor& rows) {
  const at::Tensor all = at::arange(rows.size(0), rows.options().dtype(at::kLong));
  const Nearest fast = measure(rows, all, Search(rows, at::kFloat).of_all());
  const at::Tensor unproven = fast.proven.logical_not().nonzero().squeeze(1);
  if (unproven.numel() == 0) {
    return fast.distances;
  }
  const Search exact(rows, at::kDouble);
  at::Tensor distances = fast.distances;
  for (int64_t begin = 0; begin < unproven.size(0); begin += kBlock) {
    const at::Tensor queries = unproven.slice(0, begin, begin + kBlock);
    distances.index_copy_(0, queries, measure(rows, queries, exact.of(queries)).distances);
  }
  return distances;
}

}  // namespace

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
