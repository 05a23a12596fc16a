#include "report/edit_document.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/report/edit_report.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kRunnersUp = 4;   // of a round
constexpr size_t kMostNames = 16;  // blocks that are listed one by one
constexpr size_t kFewNames = 4;    // where several lists stand in a line

using Blocks = std::vector<int64_t>;

const Json& list_at(const Json& json, const char* key) {
  static const Json empty = Json::array();
  const auto it = json.find(key);
  return it != json.end() && it->is_array() ? *it : empty;
}

std::string listed(const Blocks& blocks, size_t most) {
  std::string text;
  for (size_t i = 0; i < blocks.size() && i < most; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", blocks[i]);
  }
  return blocks.size() > most ? fmt::format("{}, … ({} in all)", text, blocks.size()) : text;
}

Blocks difference(const Blocks& blocks, const Blocks& without) {
  Blocks rest;
  std::copy_if(blocks.begin(), blocks.end(), std::back_inserter(rest), [&](int64_t block) {
    return std::find(without.begin(), without.end(), block) == without.end();
  });
  return rest;
}

// "12.3 ± 0.4" with the standard error, where there is one.
std::string with_error(Number value, Number error, int digits) {
  const std::string text = significant(value, digits);
  return value && error && *error > 0 ? fmt::format("{} ± {}", text, significant(error, 2)) : text;
}

std::string whole(Number value) {
  return value && std::abs(*value) < 1e15 ? grouped(std::llround(*value)) : fixed(value, 0);
}

// `same`: this is the model that the others are compared with.
std::vector<std::string> measure_row(const Json& measure, std::string name, bool same = false) {
  const auto at = [&](const char* figure) { return number_at(measure, figure); };
  return {std::move(name),
          significant(at("perplexity"), 4),
          with_error(at("cross_entropy"), at("cross_entropy_stderr"), 4),
          same ? std::string() : with_error(at("kl"), at("kl_stderr"), 3),
          same ? std::string() : with_error(at("top1"), at("top1_stderr"), 3),
          whole(at("tokens"))};
}

std::vector<TextTable::Column> measure_columns(const char* first) {
  return {{"", first, true},
          {"", "perplexity"},
          {"", "cross-entropy"},
          {"", "KL"},
          {"", "top-1"},
          {"", "tokens"}};
}

}  // namespace

EditDocument::EditDocument(const Json& document) : json_(&document) {
  validate_edit(document);
}

std::string EditDocument::model_name() const {
  const std::string name = last_component(text_at(*json_, "model.path"));
  return name.empty() || name == "." ? text_at(*json_, "model.family") : name;
}

std::string EditDocument::headline() const {
  Blocks edited;
  if (const Json* plan = find_path(*json_, "plan"); plan != nullptr) {
    for (const Json& operation : list_at(*plan, "operations")) {
      const auto end = operation.at("end").get<int64_t>();
      for (auto block = operation.at("begin").get<int64_t>(); block < end; ++block) {
        edited.push_back(block);
      }
    }
  }
  std::string recipe = text_at(*json_, "recipe");
  if (recipe.empty()) {
    recipe = "edit";
  }
  return edited.empty() ? recipe
                        : fmt::format("{}: block{} {}",
                                      recipe,
                                      edited.size() == 1 ? "" : "s",
                                      listed(edited, kMostNames));
}

std::vector<Fact> EditDocument::facts() const {
  std::vector<Fact> facts;
  const auto add = [&](const char* label, const std::string& value, const std::string& note = "") {
    if (!value.empty()) {
      facts.push_back({label, value, note});
    }
  };
  add("method", text_at(*json_, "recipe"));
  add("blocks chosen by", text_at(*json_, "criterion"));
  const Json& blocks = list_at(*json_, "blocks");
  if (!blocks.empty()) {
    const auto left = std::count_if(blocks.begin(), blocks.end(), [](const Json& block) {
      const auto becomes = block.find("becomes");
      return becomes != block.end() && becomes->is_number();
    });
    add("blocks", fmt::format("{} → {}", blocks.size(), left));
  }
  const Number before = number_at(*json_, "parameters.before");
  const Number after = number_at(*json_, "parameters.after");
  if (before && after) {
    add("parameters",
        fmt::format("{} → {}", short_count(*before), short_count(*after)),
        *before > 0 ? percent(*after / *before) + " left" : "");
  }
  add("export", text_at(*json_, "export.form"), text_at(*json_, "export.reason"));
  return facts;
}

std::vector<std::string> EditDocument::warnings() const {
  std::vector<std::string> out;
  for (const Json& item : list_at(*json_, "warnings")) {
    out.push_back(clean_text(item.get_ref<const std::string&>()));
  }
  return out;
}

std::vector<EditSearch> EditDocument::searches() const {
  std::vector<EditSearch> searches;
  for (const Json& search : list_at(*json_, "searches")) {
    EditSearch& out = searches.emplace_back();
    out.recipe = text_at(search, "recipe");
    Blocks best;
    for (const Json& round : search.at("rounds")) {
      std::vector<EditTrial>& trials = out.rounds.emplace_back();
      Blocks first;
      for (const Json& trial : round) {
        const Blocks blocks = trial.at("blocks").get<Blocks>();
        trials.push_back({listed(blocks, kMostNames),
                          listed(difference(blocks, best), kFewNames),
                          number_at(trial, "cross_entropy"),
                          number_at(trial, "kl")});
        first = trials.size() == 1 ? blocks : first;
      }
      best = first;
    }
  }
  return searches;
}

std::string EditDocument::verification() const {
  const Number difference = number_at(*json_, "verification.largest_logit_difference");
  if (!difference) {
    return "";
  }
  return fmt::format(
      "Opened again after writing: on {} tokens no logit differs from the model in "
      "memory by more than {}.",
      whole(number_at(*json_, "verification.tokens")),
      significant(difference, 2));
}

TextTable EditDocument::measures() const {
  TextTable table;
  table.columns = measure_columns("model");
  for (const auto& [key, name] : {std::pair{"unedited", "before"}, std::pair{"edited", "after"}}) {
    const Json* measure = find_path(*json_, key);
    if (measure != nullptr && measure->is_object()) {
      table.rows.push_back(measure_row(*measure, name, measure == find_path(*json_, "unedited")));
    }
  }
  return table;
}

TextTable EditDocument::finalists() const {
  TextTable table;
  table.columns = measure_columns("edit");
  for (const Json& finalist : list_at(*json_, "finalists")) {
    const auto blocks = finalist.at("blocks").get<Blocks>();
    table.rows.push_back(measure_row(
        finalist, fmt::format("{}: {}", text_at(finalist, "recipe"), listed(blocks, kFewNames))));
  }
  return table;
}

TextTable EditDocument::blocks() const {
  TextTable table;
  table.columns = {{"", "block"}, {"", "what became of it", true}, {"", "now block"}};
  for (const Json& block : list_at(*json_, "blocks")) {
    const Number becomes = number_at(block, "becomes");
    table.rows.push_back({std::to_string(block.at("block").get<int64_t>()),
                          text_at(block, "action"),
                          becomes ? fixed(becomes, 0) : ""});
  }
  return table;
}

TextTable EditDocument::fits() const {
  TextTable table;
  table.columns = {{"", "in block"},
                   {"", "method", true},
                   {"", "for blocks"},
                   {"", "tokens"},
                   {"", "unknowns"},
                   {"tokens per", "unknown"},
                   {"", "rank"},
                   {"un-", "explained"}};
  for (const Json& fit : list_at(*json_, "fits")) {
    const Number begin = number_at(fit, "begin"), end = number_at(fit, "end");
    const Number tokens = number_at(fit, "tokens"), unknowns = number_at(fit, "unknowns");
    const bool span = begin && end && *begin < *end;
    table.rows.push_back({fixed(number_at(fit, "block"), 0),
                          text_at(fit, "method"),
                          !span ? "sweep"
                          : *end == *begin + 1
                              ? fixed(begin, 0)
                              : fmt::format("{} to {}", fixed(begin, 0), fixed(*end - 1, 0)),
                          whole(tokens),
                          whole(unknowns),
                          tokens && unknowns && *unknowns > 0 ? significant(*tokens / *unknowns, 3)
                                                              : std::string(kMissingMark),
                          whole(number_at(fit, "rank")),
                          percent(number_at(fit, "unexplained"))});
  }
  return table;
}

TextTable search_table(const EditSearch& search) {
  TextTable table;
  table.columns = {{"", "round"},
                   {"", "added", true},
                   {"", "cross-entropy"},
                   {"", "KL"},
                   {"next best", "(cross-entropy)", true}};
  for (size_t r = 0; r < search.rounds.size(); ++r) {
    const std::vector<EditTrial>& trials = search.rounds[r];
    if (trials.empty()) {
      continue;
    }
    std::vector<std::string> others;
    for (size_t t = 1; t < trials.size() && t <= kRunnersUp; ++t) {
      others.push_back(
          fmt::format("{} ({})", trials[t].added, significant(trials[t].cross_entropy, 4)));
    }
    std::string next = fmt::format("{}", fmt::join(others, ", "));
    if (trials.size() > kRunnersUp + 1) {
      next += fmt::format(" and {} more", trials.size() - kRunnersUp - 1);
    }
    table.rows.push_back({std::to_string(r + 1),
                          trials.front().added,
                          significant(trials.front().cross_entropy, 4),
                          significant(trials.front().kl, 3),
                          std::move(next)});
  }
  return table;
}

}  // namespace linscan
