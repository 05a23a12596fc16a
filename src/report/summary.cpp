// The sentences of summarize(). Each stands on its own numbers and is left out where they are
// missing.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/columns.h"
#include "report/facts.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr std::string_view kUpdate = "linearity.update.held_out";
constexpr std::string_view kUpdateInterval = "linearity.update.held_out_ci";
constexpr std::string_view kStream = "linearity.stream.held_out";

using Scored = std::pair<double, const Row*>;

// Blocks that have the metric, lowest first; equal values stay in block order.
std::vector<Scored> ranked(const ResultDocument& analysis, std::string_view path) {
  std::vector<Scored> out;
  for (const Row& row : analysis.blocks()) {
    if (const Number value = row.number(path); value) {
      out.emplace_back(*value, &row);
    }
  }
  std::stable_sort(
      out.begin(), out.end(), [](const Scored& a, const Scored& b) { return a.first < b.first; });
  return out;
}

Number median(std::vector<double> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Number median(const std::vector<Scored>& scored) {
  std::vector<double> values;
  for (const Scored& item : scored) {
    values.push_back(item.first);
  }
  return median(values);
}

// "0.512 [0.498, 0.526]", without brackets where there is no interval.
std::string with_interval(const Row& row, std::string_view path, std::string_view interval) {
  const std::string range = interval_text(row, interval, 3);
  return fixed(row.number(path), 3) + (range == kMissingMark ? "" : " " + range);
}

// How many other blocks cannot be told from `row` because their intervals overlap its own.
size_t overlapping(const std::vector<Scored>& scored, const Row& row, std::string_view interval) {
  const std::string low = std::string(interval) + ".low";
  const std::string high = std::string(interval) + ".high";
  size_t count = 0;
  for (const Scored& item : scored) {
    const Row& other = *item.second;
    if (&other != &row && row.number(low) && row.number(high) && other.number(low) &&
        other.number(high) && *other.number(low) <= *row.number(high) &&
        *other.number(high) >= *row.number(low)) {
      ++count;
    }
  }
  return count;
}

std::string overlap_remark(const std::vector<Scored>& scored, const Row& row) {
  const size_t count = overlapping(scored, row, kUpdateInterval);
  return count == 0 ? ""
                    : fmt::format(
                          " The interval of block {} overlaps that of {} other{}, so its "
                          "place in the order is not settled.",
                          row.name(),
                          count,
                          count == 1 ? "" : "s");
}

void describe_update(const ResultDocument& analysis, std::vector<std::string>& out) {
  const std::vector<Scored> scored = ranked(analysis, kUpdate);
  if (scored.empty()) {
    return;
  }
  const Row& least = *scored.front().second;
  const Row& most = *scored.back().second;
  if (scored.size() == 1) {
    out.push_back(fmt::format("The update of block {} has a held-out R² of {}.",
                              most.name(),
                              with_interval(most, kUpdate, kUpdateInterval)));
    return;
  }
  out.push_back(
      fmt::format("By the held-out R² of its update, block {} is the most linear with {} and block "
                  "{} the least "
                  "with {}; the median over {} blocks is {}.{}{}",
                  most.name(),
                  with_interval(most, kUpdate, kUpdateInterval),
                  least.name(),
                  with_interval(least, kUpdate, kUpdateInterval),
                  scored.size(),
                  fixed(median(scored), 3),
                  overlap_remark(scored, most),
                  scored.size() > 2 ? overlap_remark(scored, least) : ""));
  const auto negative = std::count_if(
      scored.begin(), scored.end(), [](const Scored& item) { return item.first < 0; });
  if (negative > 0) {
    out.push_back(
        fmt::format("In {} block{} the held-out score is negative: on unseen documents "
                    "the fitted map does no better than predicting the mean.",
                    negative,
                    negative == 1 ? "" : "s"));
  }
}

void describe_stream(const ResultDocument& analysis, std::vector<std::string>& out) {
  const std::vector<Scored> stream = ranked(analysis, kStream);
  if (!stream.empty()) {
    const std::string remark =
        " Input and output share the residual path, so it is read against scaled identity, not "
        "against zero.";
    out.push_back(stream.size() == 1
                      ? fmt::format("The stream's held-out R² is {}.{}",
                                    fixed(stream.front().first, 5),
                                    remark)
                      : fmt::format("The stream's held-out R² lies between {} (block {}) and {} "
                                    "(block {}).{}",
                                    fixed(stream.front().first, 5),
                                    stream.front().second->name(),
                                    fixed(stream.back().first, 5),
                                    stream.back().second->name(),
                                    remark));
  }
  std::vector<double> identity, removed;
  for (const Row& row : analysis.blocks()) {
    const Number simple = row.number("baselines.scaled_identity");
    const Number full = row.number("linearity.stream.in_sample");
    if (simple && full && *simple < 1) {
      identity.push_back(*simple);
      removed.push_back((*full - *simple) / (1 - *simple));
    }
  }
  if (!identity.empty()) {
    out.push_back(
        fmt::format("One scalar per block (scaled identity) explains {} of the "
                    "stream's variance in the median block; the full affine map removes "
                    "{} of what that scalar leaves, in sample.",
                    percent(median(identity)),
                    percent(median(removed))));
  }
}

void describe_sample(const ResultDocument& analysis, std::vector<std::string>& out) {
  std::vector<double> gaps;
  for (const Row& row : analysis.blocks()) {
    const Number in_sample = row.number("linearity.update.in_sample");
    const Number held_out = row.number(kUpdate);
    if (in_sample && held_out) {
      gaps.push_back(*in_sample - *held_out);
    }
  }
  if (!gaps.empty() && analysis.null_score()) {
    out.push_back(
        fmt::format("In-sample scores of the update stand {} above the held-out ones in "
                    "the median block; data without any relation would score {} in sample.",
                    significant(median(gaps), 2),
                    significant(analysis.null_score(), 2)));
  }
  if (analysis.d() > 0 && analysis.n() < 5 * analysis.d()) {
    out.push_back(fmt::format(
        "n is only {} d. Below 5 d the in-sample scores mostly measure the "
        "size of the sample; more tokens are needed.",
        significant(static_cast<double>(analysis.n()) / static_cast<double>(analysis.d()), 2)));
  }
}

void describe_first_tokens(const ResultDocument& analysis, std::vector<std::string>& out) {
  const std::vector<Scored> shares = ranked(analysis, "tokens.first.variance_share");
  if (shares.empty()) {
    return;
  }
  const Row& row = *shares.back().second;
  std::string text = fmt::format(
      "The first tokens of the windows carry up to {} of the stream's "
      "variance (after block {})",
      percent(shares.back().first),
      row.name());
  const std::string path = "tokens.without_first.update.held_out";
  if (row.number(kUpdate) && row.number(path)) {
    text += fmt::format("; without them the held-out R² of that block's update is {} instead of {}",
                        fixed(row.number(path), 3),
                        fixed(row.number(kUpdate), 3));
  }
  out.push_back(text + ".");
}

void describe_sublayers(const ResultDocument& analysis, std::vector<std::string>& out) {
  const Number attention =
      median(ranked(analysis, "sublayers.attention.linearity.update.held_out"));
  const Number mlp = median(ranked(analysis, "sublayers.mlp.linearity.update.held_out"));
  if (attention && mlp) {
    out.push_back(fmt::format(
        "The held-out R² of what a sublayer adds is {} for attention and {} for the MLP "
        "in the median block.",
        fixed(attention, 3),
        fixed(mlp, 3)));
  }
}

void describe_edit(const ResultDocument& analysis,
                   std::string_view path,
                   std::string_view edit,
                   std::vector<std::string>& out) {
  const std::vector<Scored> scored = ranked(analysis, path);
  if (scored.size() > 1) {
    out.push_back(
        fmt::format("{}, block {} moves the predictions the least (KL {}) and block {} "
                    "the most ({}).",
                    edit,
                    scored.front().second->name(),
                    significant(scored.front().first, 2),
                    scored.back().second->name(),
                    significant(scored.back().first, 2)));
  }
}

}  // namespace

std::vector<std::string> summarize(const ResultDocument& analysis) {
  std::vector<std::string> out;
  describe_update(analysis, out);
  describe_stream(analysis, out);
  describe_sample(analysis, out);
  describe_first_tokens(analysis, out);
  describe_sublayers(analysis, out);
  describe_edit(analysis, "damage.remove.kl", "Left out alone", out);
  describe_edit(analysis, "damage.linear.kl", "Replaced by its fitted map", out);
  if (!out.empty()) {
    const bool damage = analysis.any("damage.remove.kl") || analysis.any("damage.linear.kl");
    out.push_back(std::string("A score describes how well a linear map predicts activations on "
                              "this text. ") +
                  (damage ? "The damage says what happens to the predictions when that block alone "
                            "is edited, not what several edits do together."
                          : "It does not say what happens to the model's predictions when a block "
                            "is removed or replaced."));
  }
  return out;
}

}  // namespace linscan
