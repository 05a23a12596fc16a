#include "linscan/report/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/error.h"
#include "report/columns.h"
#include "report/document.h"
#include "report/run_facts.h"
#include "report/text.h"

namespace linscan {
namespace {

// A number of a block as CSV and `check` name it; `metric` is the path that defines it.
struct Leaf {
  std::string path;    // "linearity.update.held_out_ci.low"
  std::string metric;  // "linearity.update.held_out"
};

std::vector<Leaf> leaves_of(const Column& column) {
  if (!column.interval) {
    return {{column.path, column.path}};
  }
  std::string metric = column.path;
  if (metric.ends_with("_ci")) {
    metric.resize(metric.size() - 3);
  }
  return {{column.path + ".low", metric}, {column.path + ".high", metric}};
}

// Blocks, post-norm point and embedding.
std::vector<Row> all_rows(const ResultDocument& analysis) {
  std::vector<Row> rows = analysis.rows();
  if (analysis.embedding()) {
    rows.push_back(*analysis.embedding());
  }
  return rows;
}

const Row* find_row(const std::vector<Row>& rows, const std::string& name) {
  const auto it =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name() == name; });
  return it == rows.end() ? nullptr : &*it;
}

int parts_of(std::string_view name) {
  return 1 + static_cast<int>(std::count(name.begin(), name.end(), '.'));
}

// `name` is one or more whole parts of `path`: "update" and "update.held_out" are, "date" is not.
bool names_part_of(std::string_view name, std::string_view path) {
  return fmt::format(".{}.", path).find(fmt::format(".{}.", name)) != std::string::npos;
}

bool matches(const Tolerance::Rule& rule, const Leaf& leaf) {
  return names_part_of(rule.name, leaf.metric) || names_part_of(rule.name, leaf.path);
}

double tolerance_of(const Tolerance& tolerance, const Leaf& leaf) {
  double value = tolerance.general;
  int longest = 0;
  for (const Tolerance::Rule& rule : tolerance.rules) {
    if (matches(rule, leaf) && parts_of(rule.name) >= longest) {
      value = rule.value;
      longest = parts_of(rule.name);
    }
  }
  return value;
}

class Comparer {
 public:
  Comparer(const Json& result, const Json& baseline, const Tolerance& tolerance)
      : result_(result), baseline_(baseline), tolerance_(tolerance) {}

  const ResultDocument& result() const { return result_; }
  const ResultDocument& baseline() const { return baseline_; }

  CheckOutcome compare() {
    const std::vector<Row> now = all_rows(result_), before = all_rows(baseline_);
    check_rule_names(now, before);
    std::set<std::string> paths_now, paths_before;
    for (const Column& column : collect_columns(now)) {
      paths_now.insert(column.path);
    }
    for (const Column& column : collect_columns(before)) {
      paths_before.insert(column.path);
      if (!paths_now.contains(column.path)) {
        outcome_.moved.push_back(gone("all", column.path, "not in the result"));
        continue;
      }
      for (const Leaf& leaf : leaves_of(column)) {
        compare_leaf(leaf, now, before);
      }
    }
    for (const std::string& path : paths_now) {
      if (!paths_before.contains(path)) {
        outcome_.extra.push_back(path);
      }
    }
    compare_row_names(now, before);
    sort_moves();
    return std::move(outcome_);
  }

 private:
  static Move gone(std::string block, std::string metric, std::string reason) {
    return {std::move(block), std::move(metric), {}, {}, {}, {}, std::move(reason)};
  }

  void check_rule_names(const std::vector<Row>& now, const std::vector<Row>& before) const {
    std::vector<Column> columns = collect_columns(now);
    const std::vector<Column> more = collect_columns(before);
    columns.insert(columns.end(), more.begin(), more.end());
    for (const Tolerance::Rule& rule : tolerance_.rules) {
      const bool known = std::any_of(columns.begin(), columns.end(), [&](const Column& column) {
        const std::vector<Leaf> leaves = leaves_of(column);
        return std::any_of(
            leaves.begin(), leaves.end(), [&](const Leaf& leaf) { return matches(rule, leaf); });
      });
      LINSCAN_CHECK(known,
                    kUsage,
                    "--tolerance {}={}: neither the result nor the baseline has a metric of this "
                    "name",
                    rule.name,
                    rule.value);
    }
  }

  // Metrics without an upper end have no natural unit: their tolerance is a share of the baseline.
  bool is_relative(const std::string& metric) const {
    const Json* definition = result_.definition(metric);
    definition = definition == nullptr ? baseline_.definition(metric) : definition;
    const Json* range = definition == nullptr ? nullptr : find_path(*definition, "range");
    return range == nullptr || !range->is_array() || !(*range)[1].is_number();
  }

  double allowed(const Leaf& leaf, double baseline) const {
    const double tolerance = tolerance_of(tolerance_, leaf);
    const double magnitude = std::abs(baseline);
    // A held-out score far below zero has lost its unit too.
    return tolerance * (is_relative(leaf.metric) ? magnitude : std::max(1.0, magnitude));
  }

  void compare_leaf(const Leaf& leaf, const std::vector<Row>& now, const std::vector<Row>& before) {
    for (const Row& old_row : before) {
      const Row* new_row = find_row(now, old_row.name());
      if (new_row == nullptr) {
        continue;  // the row as a whole is reported
      }
      Move move{old_row.name(),
                leaf.path,
                old_row.number(leaf.path),
                new_row->number(leaf.path),
                {},
                {},
                {}};
      if (!move.baseline && !move.now) {
        continue;
      }
      if (!move.baseline || !move.now) {
        move.reason = move.baseline ? "now: " + new_row->reason(leaf.metric)
                                    : "baseline: " + old_row.reason(leaf.metric);
        outcome_.moved.push_back(std::move(move));
        continue;
      }
      ++outcome_.compared;
      move.difference = *move.now - *move.baseline;
      move.allowed = allowed(leaf, *move.baseline);
      judge(std::move(move));
    }
  }

  // Share of the allowed difference that is used; above 1: moved.
  static double use(const Move& move) {
    if (!move.difference || !move.allowed) {
      return std::numeric_limits<double>::infinity();
    }
    const double size = std::abs(*move.difference);
    return size == 0 ? 0 : size / *move.allowed;  // infinite where nothing is allowed
  }

  void judge(Move move) {
    if (use(move) > 1) {
      outcome_.moved.push_back(std::move(move));
    } else if (use(move) > 0 && (!outcome_.nearest || use(move) > use(*outcome_.nearest))) {
      outcome_.nearest = std::move(move);
    }
  }

  // Blocks are as many on both sides; the post-norm point or the embedding may be on one only.
  void compare_row_names(const std::vector<Row>& now, const std::vector<Row>& before) {
    for (const Row& row : before) {
      if (find_row(now, row.name()) == nullptr) {
        outcome_.moved.push_back(gone(row.name(), "all", "not in the result"));
      }
    }
    for (const Row& row : now) {
      if (find_row(before, row.name()) == nullptr) {
        outcome_.extra.push_back(row.name());
      }
    }
  }

  void sort_moves() {
    std::stable_sort(outcome_.moved.begin(),
                     outcome_.moved.end(),
                     [](const Move& a, const Move& b) { return use(a) > use(b); });
  }

  ResultDocument result_;
  ResultDocument baseline_;
  const Tolerance& tolerance_;
  CheckOutcome outcome_;
};

// The facts in which the two differ, as text; throws where one of them was not allowed to.
std::vector<std::string> differing_facts(const ResultDocument& result,
                                         const ResultDocument& baseline,
                                         const std::vector<std::string>& allowed) {
  const std::vector<RunFact> now = run_facts(result), before = run_facts(baseline);
  std::vector<std::string> differing, refused, names;
  bool other_model = false;
  for (size_t i = 0; i < now.size(); ++i) {
    if (now[i].value == before[i].value) {
      continue;
    }
    const std::string text =
        fmt::format("{} (baseline {}, result {})", now[i].name, before[i].shown, now[i].shown);
    if (std::find(allowed.begin(), allowed.end(), now[i].name) != allowed.end()) {
      differing.push_back(text);
      continue;
    }
    other_model |= now[i].name == "model";
    refused.push_back(text);
    names.emplace_back(now[i].name);
  }
  if (refused.empty()) {
    return differing;
  }
  fail_input("not comparable, they differ in {}; {}",
             join_words(refused),
             other_model ? std::string("take a baseline of this model")
                         : fmt::format("take a new baseline, or pass --allow-different {} where "
                                       "that is meant",
                                       fmt::join(names, ",")));
}

double parse_tolerance(std::string_view text, std::string_view argument) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LINSCAN_CHECK(error == std::errc() && end == text.data() + text.size() && std::isfinite(value) &&
                    value >= 0,
                kUsage,
                "--tolerance {}: expected a number from 0 up, or NAME=NUMBER",
                argument);
  return value;
}

}  // namespace

void add_tolerance(std::string_view text, Tolerance& tolerance) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    tolerance.general = parse_tolerance(text, text);
    return;
  }
  const std::string_view name = text.substr(0, equals);
  LINSCAN_CHECK(!name.empty(), kUsage, "--tolerance {}: expected NAME=NUMBER", text);
  tolerance.rules.push_back({std::string(name), parse_tolerance(text.substr(equals + 1), text)});
}

std::vector<std::string_view> check_facts() {
  std::vector<std::string_view> names = run_fact_names();
  std::erase(names, std::string_view("model"));
  return names;
}

CheckOutcome check_result(const Json& result,
                          const Json& baseline,
                          const Tolerance& tolerance,
                          const std::vector<std::string>& allowed) {
  const std::vector<std::string_view> known = check_facts();
  for (const std::string& name : allowed) {
    LINSCAN_CHECK(std::find(known.begin(), known.end(), name) != known.end(),
                  kUsage,
                  "--allow-different {}: expected some of {}",
                  name,
                  fmt::join(known, ", "));
  }
  Comparer comparer(result, baseline, tolerance);
  std::vector<std::string> differing =
      differing_facts(comparer.result(), comparer.baseline(), allowed);
  CheckOutcome outcome = comparer.compare();
  outcome.differing = std::move(differing);
  LINSCAN_CHECK(outcome.compared > 0 || !outcome.moved.empty(),
                kInput,
                "the result and the baseline have no number in common: nothing was checked");
  return outcome;
}

}  // namespace linscan
