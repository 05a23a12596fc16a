// The outcome of a check as table, Markdown, CSV and JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/report/check.h"
#include "report/numbers.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

constexpr size_t kShown = 50;
constexpr int kDigits = 6;

std::string signed_text(Number difference) {
  return (difference.value_or(0) > 0 ? "+" : "") + significant(difference, 3);
}

TextTable moves_table(const CheckOutcome& outcome) {
  TextTable table;
  table.columns = {{"", "block"},
                   {"", "metric", true},
                   {"", "baseline"},
                   {"", "now"},
                   {"", "difference"},
                   {"", "allowed"}};
  bool reasons = false;
  for (const Move& move : outcome.moved) {
    reasons |= !move.reason.empty();
  }
  if (reasons) {
    table.columns.push_back({"", "why", true});
  }
  for (const Move& move : outcome.moved) {
    if (table.rows.size() == kShown) {
      break;
    }
    table.rows.push_back({move.block,
                          clean_text(move.metric),
                          significant(move.baseline, kDigits),
                          significant(move.now, kDigits),
                          signed_text(move.difference),
                          significant(move.allowed, 3)});
    if (reasons) {
      table.rows.back().push_back(move.reason);
    }
  }
  return table;
}

std::string passed_line(const CheckOutcome& outcome) {
  std::string line = fmt::format("passed: {} numbers within the tolerance", outcome.compared);
  if (!outcome.nearest) {
    return line + ", none of them changed";
  }
  const Move& move = *outcome.nearest;
  return line +
         fmt::format("; nearest to it: {} {} {}, {} to {} (difference {}, allowed {})",
                     move.block == "post_norm" || move.block == "embedding" ? "the" : "block",
                     move.block,
                     clean_text(move.metric),
                     significant(move.baseline, kDigits),
                     significant(move.now, kDigits),
                     signed_text(move.difference),
                     significant(move.allowed, 3));
}

std::string failed_line(const CheckOutcome& outcome) {
  size_t missing = 0;
  for (const Move& move : outcome.moved) {
    missing += move.difference ? 0 : 1;
  }
  std::string line = fmt::format("{} of {} numbers moved past the tolerance",
                                 outcome.moved.size() - missing,
                                 outcome.compared);
  if (missing > 0) {
    line += fmt::format(", {} missing on one side", missing);
  }
  if (outcome.moved.size() > kShown) {
    line += fmt::format("; the first {} are shown (--format csv or json has all)", kShown);
  }
  return line;
}

// What is said in any case, one remark each.
std::vector<std::string> remarks(const CheckOutcome& outcome) {
  std::vector<std::string> out;
  if (!outcome.differing.empty()) {
    out.push_back("allowed to differ: " + join_words(outcome.differing));
  }
  if (!outcome.extra.empty()) {
    const std::string first = clean_text(outcome.extra.front());
    out.push_back(outcome.extra.size() == 1
                      ? fmt::format("not in the baseline and not checked: {}", first)
                      : fmt::format("not in the baseline and not checked: {} and {} more",
                                    first,
                                    outcome.extra.size() - 1));
  }
  return out;
}

std::string verdict(const CheckOutcome& outcome) {
  std::string line = outcome.passed() ? passed_line(outcome) : failed_line(outcome);
  for (const std::string& remark : remarks(outcome)) {
    line += "; " + remark;
  }
  return line;
}

Json move_json(const Move& move) {
  Json json = {{"block", move.block},
               {"metric", move.metric},
               {"baseline", number_or_null(move.baseline)},
               {"now", number_or_null(move.now)},
               {"difference", number_or_null(move.difference)},
               {"allowed", number_or_null(move.allowed)}};
  if (!move.reason.empty()) {
    json["reason"] = move.reason;
  }
  return json;
}

std::string csv_number(const std::optional<double>& value) {
  return value ? exact(*value) : "";
}

}  // namespace

std::string render_check_table(const CheckOutcome& outcome) {
  return (outcome.passed() ? "" : draw_text_table(moves_table(outcome)) + "\n") + verdict(outcome) +
         "\n";
}

std::string render_check_markdown(const CheckOutcome& outcome) {
  return (outcome.passed() ? "" : draw_markdown_table(moves_table(outcome)) + "\n") +
         markdown_text(verdict(outcome)) + "\n";
}

std::string render_check_csv(const CheckOutcome& outcome) {
  std::string out = "block,metric,baseline,now,difference,allowed,reason\r\n";
  for (const Move& move : outcome.moved) {
    out += fmt::format("{},{},{},{},{},{},{}\r\n",
                       csv_field(move.block),
                       csv_field(move.metric),
                       csv_number(move.baseline),
                       csv_number(move.now),
                       csv_number(move.difference),
                       csv_number(move.allowed),
                       csv_field(move.reason));
  }
  return out;
}

Json check_document(const CheckOutcome& outcome, const Tolerance& tolerance) {
  Json rules = Json::object();
  for (const Tolerance::Rule& rule : tolerance.rules) {
    rules[rule.name] = rule.value;
  }
  Json document = {{"schema", kCheckSchema},
                   {"passed", outcome.passed()},
                   {"compared", outcome.compared},
                   {"tolerance", {{"general", tolerance.general}, {"rules", rules}}},
                   {"differing", outcome.differing},
                   {"not_in_baseline", outcome.extra},
                   {"nearest", nullptr},
                   {"moved", Json::array()}};
  if (outcome.nearest) {
    document["nearest"] = move_json(*outcome.nearest);
  }
  for (const Move& move : outcome.moved) {
    document["moved"].push_back(move_json(move));
  }
  return document;
}

}  // namespace linscan
