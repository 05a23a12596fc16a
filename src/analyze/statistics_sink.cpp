#include "linscan/analyze/statistics_sink.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace linscan {
namespace {

constexpr const char* kNotFinite = "the states of this block are not finite";

bool finite(const std::vector<PairMoments>& folds) {
  return std::all_of(folds.begin(), folds.end(), [](const PairMoments& fold) {
    return std::isfinite((fold.x.gram.diagonal() + fold.y.gram.diagonal()).sum().item<double>());
  });
}

// Which rows of a batch are not the first of their window, (N) bool.
at::Tensor not_first(const BlockBatch& batch) {
  const int64_t rows = batch.resid_pre.size(0);
  return at::ones({rows}, batch.first_tokens.options().dtype(at::kBool))
      .index_fill_(0, batch.first_tokens, 0);
}

// Moments are added for this many rows at a time: their fp64 copies then stay in the cache.
constexpr int64_t kRowsAtOnce = 512;

}  // namespace

StatisticsSink::StatisticsSink(StatisticsOptions options)
    : options_(std::move(options)), pool_(options_.workers) {}

at::Tensor StatisticsSink::Source::mean() const {
  const at::Tensor mean = base.mean(0, false, at::kDouble);
  return added.defined() ? mean + added.mean(0, false, at::kDouble) : mean;
}

at::Tensor StatisticsSink::Source::rows(int64_t begin, int64_t end) const {
  const at::Tensor rows = base.slice(0, begin, end).to(at::kDouble);
  return added.defined() ? rows + added.slice(0, begin, end) : rows;
}

at::Tensor StatisticsSink::Source::select(const at::Tensor& index) const {
  const at::Tensor rows = base.index_select(0, index);
  return added.defined() ? rows.to(at::kDouble) + added.index_select(0, index) : rows;
}

StatisticsSink::Selection StatisticsSink::select(const BlockBatch& batch) const {
  Selection selection;
  selection.sources = {
      {.state = kInput, .base = batch.resid_pre, .added = {}, .known = batch.block > 0},
      {.state = kOutput, .base = batch.resid_post}};
  selection.links = {{kBlock, kInput, kOutput}};
  if (batch.final_norm.defined()) {
    selection.sources.push_back({.state = kNormed, .base = batch.final_norm});
    selection.links.push_back({kToNorm, kInput, kNormed});
  }
  if (options_.metrics.sublayers) {
    add_sublayers(batch, selection);
  }
  return selection;
}

void StatisticsSink::add_sublayers(const BlockBatch& batch, Selection& selection) {
  const at::Tensor& x = batch.resid_pre;
  if (!batch.middle.is_same(x)) {
    selection.sources.push_back({.state = kAfterAttention, .base = batch.middle});
    selection.links.push_back({kAttention, kInput, kAfterAttention});
    selection.links.push_back({kMlp, kAfterAttention, kOutput});
    return;
  }
  // The stream with one of two parallel outputs is nowhere in the model: it is summed in fp64,
  // where a small update loses no digits to the stream.
  if (batch.attn_out.defined()) {
    selection.sources.push_back({.state = kAfterAttention, .base = x, .added = batch.attn_out});
    selection.links.push_back({kAttention, kInput, kAfterAttention});
  }
  if (batch.mlp_out.defined()) {
    selection.sources.push_back({.state = kAfterMlp, .base = x, .added = batch.mlp_out});
    selection.links.push_back({kMlp, kInput, kAfterMlp});
  }
}

void StatisticsSink::observe(const BlockBatch& batch) {
  const Selection selection = select(batch);
  if (links_.empty()) {
    start(selection);
  }
  for (const Source& source : selection.sources) {
    if (!source.known) {
      keep_rows(batch, source);
    }
  }
  const at::Tensor others = options_.metrics.tokens ? not_first(batch) : at::Tensor();
  const int64_t rows = batch.resid_pre.size(0);
  for (int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    accumulate(batch, selection, others, begin, std::min(begin + kRowsAtOnce, rows));
  }
}

void StatisticsSink::start(const Selection& selection) {
  for (const Source& source : selection.sources) {
    if (!source.known) {
      states_[source.state].start(source.mean(), options_.folds);
    }
  }
  links_ = selection.links;
  for (const Link& link : links_) {
    pairs_[link.pair].start(states_[link.x]);
  }
}

void StatisticsSink::keep_rows(const BlockBatch& batch, const Source& source) {
  StateStatistics& state = states_[source.state];
  if (options_.metrics.tokens) {
    state.first.push_back({batch.fold, source.select(batch.first_tokens)});
  }
  const bool sublayer = source.state == kAfterAttention || source.state == kAfterMlp;
  if (!options_.metrics.geometry || sublayer) {
    return;
  }
  const auto& rows = options_.sampled_rows;
  const auto begin = std::lower_bound(rows.begin(), rows.end(), batch.first_row);
  const auto end = std::lower_bound(begin, rows.end(), batch.first_row + source.base.size(0));
  std::vector<int64_t> local(begin, end);
  for (int64_t& row : local) {
    row -= batch.first_row;
  }
  state.sampled.push_back(source.select(at::tensor(local, at::kLong).to(source.base.device())));
}

void StatisticsSink::accumulate(const BlockBatch& batch,
                                const Selection& selection,
                                const at::Tensor& others,
                                int64_t begin,
                                int64_t end) {
  const at::Tensor kept =
      others.defined() ? others.slice(0, begin, end).nonzero().squeeze(1) : at::Tensor();
  std::array<std::optional<StateRows>, kStates> rows;
  for (const Source& source : selection.sources) {
    StateStatistics& state = states_[source.state];
    const StateRows& added = rows[source.state].emplace(source.rows(begin, end), state.shift, kept);
    if (!source.known) {
      state.folds[static_cast<size_t>(batch.fold)].add_lower(added.shifted);
    }
  }
  for (const Link& link : selection.links) {
    pairs_[link.pair].add(batch.fold, kept, *rows[link.x], *rows[link.y]);
  }
}

void StatisticsSink::finish_block(int64_t block) {
  if (block == 0) {
    embedding_norm_ = pairs_[kBlock].all.norm_in();
  }
  for (size_t state = block == 0 ? kInput : kOutput; state < kStates; ++state) {
    for (StateMoments& fold : states_[state].folds) {
      fold.symmetrize();
    }
  }
  BlockScores scores =
      score(*find_link(kBlock), /*score_inputs=*/block == 0 && options_.metrics.geometry);
  if (options_.metrics.sublayers && scores.failure.empty()) {
    scores.attention = score_sublayer(kAttention);
    scores.mlp = score_sublayer(kMlp);
  }
  results_.push_back(std::move(scores));
  if (const Link* link = find_link(kToNorm)) {
    post_norm_ = score(*link, /*score_inputs=*/false);
  }
  // The states after this block are those before the next one.
  StateStatistics output = std::move(states_[kOutput]);
  output.sampled.clear();
  states_ = {};
  states_[kInput] = std::move(output);
  pairs_ = {};
  links_.clear();
}

const StatisticsSink::Link* StatisticsSink::find_link(Pair pair) const {
  const auto it = std::find_if(
      links_.begin(), links_.end(), [&](const Link& link) { return link.pair == pair; });
  return it == links_.end() ? nullptr : &*it;
}

std::vector<PairMoments> StatisticsSink::moments_of(const Link& link) const {
  const StateStatistics& x = states_[link.x];
  const StateStatistics& y = states_[link.y];
  return options_.metrics.tokens ? pairs_[link.pair].moments_with_first(x, y)
                                 : pairs_[link.pair].moments(x, y);
}

BlockScores StatisticsSink::score(const Link& link, bool score_inputs) {
  const MetricChoice& wanted = options_.metrics;
  const PairStatistics& sums = pairs_[link.pair];
  const std::vector<PairMoments> folds = moments_of(link);
  const std::vector<PairMoments> without_first =
      wanted.tokens ? sums.moments(states_[link.x], states_[link.y]) : std::vector<PairMoments>();
  const PairMoments all = PairMoments::sum(folds);
  BlockScores scores;
  std::optional<PairScoring> pair;
  std::optional<PairScoring> rest;
  if (!finite(folds)) {
    scores.failure = kNotFinite;
  } else {
    if (wanted.geometry) {
      add_geometry_tasks(all.y, states_[link.y].sampled, scores.geometry.emplace());
    }
    if (wanted.linearity || wanted.baselines) {
      pair.emplace(all, folds, LinearityOptions{.baselines = wanted.baselines}).add_tasks(pool_);
    }
    if (wanted.tokens) {
      scores.tokens = describe_first_tokens(link, all.y);
      if (sums.rest.n > 0) {
        rest.emplace(PairMoments::sum(without_first),
                     without_first,
                     LinearityOptions{.baselines = false})
            .add_tasks(pool_);
      }
    }
  }
  if (score_inputs) {
    add_geometry_tasks(all.x, states_[link.x].sampled, embedding_geometry_.emplace());
  }
  pool_.run();
  if (pair) {
    PairScores solved = pair->finish();
    if (wanted.linearity) {
      scores.linearity = std::move(solved.linearity);
    }
    if (wanted.baselines) {
      scores.baselines = std::move(solved.baselines);
    }
  }
  if (rest) {
    scores.tokens->without_first = rest->finish().linearity;
  }
  if (wanted.linearity && scores.failure.empty()) {
    scores.displacement = sums.all;
  }
  return scores;
}

SublayerScores StatisticsSink::score_sublayer(Pair pair) {
  SublayerScores scores;
  const Link* link = find_link(pair);
  if (link == nullptr) {
    scores.failure = "the block has no such sublayer";
    return scores;
  }
  const std::vector<PairMoments> folds = moments_of(*link);
  if (!finite(folds)) {
    scores.failure = kNotFinite;
    return scores;
  }
  PairScoring scoring(PairMoments::sum(folds), folds, LinearityOptions{.baselines = false});
  scoring.add_tasks(pool_);
  pool_.run();
  scores.linearity = scoring.finish().linearity;
  scores.displacement = pairs_[pair].all;
  return scores;
}

void StatisticsSink::add_geometry_tasks(const StateMoments& state,
                                        const std::vector<at::Tensor>& sampled,
                                        GeometryScores& scores) {
  // The longest tasks come first.
  pool_.add([this, &sampled, &scores] {
    scores.intrinsic_dimension = linscan::intrinsic_dimension(at::cat(sampled), options_.two_nn);
  });
  pool_.add([&state, &scores] {
    const GeometryScores spectrum = score_spectrum(state.centered());
    scores.anisotropy = spectrum.anisotropy;
    scores.effective_rank = spectrum.effective_rank;
  });
}

FirstTokenScores StatisticsSink::describe_first_tokens(const Link& link,
                                                       const StateMoments& all) const {
  const PairStatistics& sums = pairs_[link.pair];
  FirstTokenScores scores;
  const at::Tensor mean = all.mean();
  double first_variance = 0;
  double norm = 0;
  for (const StateStatistics::Kept& first : states_[link.y].first) {
    const at::Tensor y = first.rows.to(at::kDouble);
    first_variance += (y - mean).square().sum().item<double>();
    norm += y.square().sum(1).sqrt().sum().item<double>();
    scores.count += y.size(0);
  }
  scores.norm_out = norm / static_cast<double>(scores.count);
  const double variance = all.centered_diagonal().sum().item<double>();
  scores.variance_share = variance > 0 ? Score::of(first_variance / variance)
                                       : Score::missing("the states have no variance");
  if (sums.rest.n > 0) {
    scores.rest = sums.rest;
    return scores;
  }
  const Score single = Score::missing("every window is one token long");
  for (TargetScores* missing : {&scores.without_first.stream, &scores.without_first.update}) {
    missing->in_sample = missing->held_out = single;
  }
  return scores;
}

}  // namespace linscan
