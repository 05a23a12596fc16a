#include "report/ladder_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/report/ladder_report.h"
#include "report/document.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kMostNames = 16;
constexpr size_t kMostSentences = 12;

void add_once(const std::string& name, std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(name);
  }
}

std::string listed_blocks(const Json& rung) {
  const auto blocks = rung.find("blocks");
  if (blocks == rung.end() || !blocks->is_array()) {
    return "";
  }
  auto sorted = blocks->get<std::vector<int64_t>>();
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (size_t i = 0; i < sorted.size() && i < kMostNames; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", sorted[i]);
  }
  return sorted.size() > kMostNames ? fmt::format("{}, … ({} in all)", text, sorted.size()) : text;
}

void add_tasks(const Json& owner, std::vector<std::string>& tasks) {
  if (const auto found = owner.find("tasks"); found != owner.end() && found->is_object()) {
    for (const auto& item : found->items()) {
      add_once(item.key(), tasks);
    }
  }
}

std::string figure_text(const LadderFigure& figure, Number value, Number error) {
  if (figure.error.empty()) {
    return significant(value, 4);
  }
  return value && error ? fmt::format("{} ± {}", fixed(value, 3), fixed(error, 3))
                        : fixed(value, 3);
}

}  // namespace

Number LadderRung::number(std::string_view path) const {
  return number_at(*json, path);
}

LadderDocument::LadderDocument(const Json& document) : json_(&document) {
  validate_ladder(document);
  if (const Json* dense = find_path(document, "dense"); dense != nullptr && dense->is_object()) {
    add_tasks(*dense, tasks_);
  }
  for (const Json& rung : document.at("rungs")) {
    const std::string method = text_at(rung, "method"), by = text_at(rung, "by");
    auto line = std::find_if(lines_.begin(), lines_.end(), [&](const LadderLine& known) {
      return known.method == method && known.by == by;
    });
    if (line == lines_.end()) {
      line = lines_.insert(lines_.end(), LadderLine{method, by, {}});
    }
    line->rungs.push_back({rung.at("k").get<int64_t>(), listed_blocks(rung), &rung});
    largest_k_ = std::max(largest_k_, line->rungs.back().k);
    add_once(method, methods_);
    add_once(by, criteria_);
    add_tasks(rung, tasks_);
  }
  for (LadderLine& line : lines_) {
    std::stable_sort(line.rungs.begin(),
                     line.rungs.end(),
                     [](const LadderRung& a, const LadderRung& b) { return a.k < b.k; });
  }
}

std::string LadderDocument::model_name() const {
  const std::string name = last_component(text_at(*json_, "model.path"));
  return name.empty() || name == "." ? text_at(*json_, "model.family") : name;
}

Number LadderDocument::dense(std::string_view path) const {
  return number_at(*json_, "dense." + std::string(path));
}

std::vector<Fact> LadderDocument::facts() const {
  std::vector<Fact> facts = {{"methods", std::to_string(methods_.size()), ""},
                             {"criteria", std::to_string(criteria_.size()), ""},
                             {"edited blocks", fmt::format("up to {}", largest_k_), ""}};
  if (const Number perplexity = dense("perplexity"); perplexity) {
    facts.push_back({"perplexity", significant(perplexity, 4), "of the model as it is"});
  }
  if (const Number tokens = number_at(*json_, "data.tokens"); tokens) {
    facts.push_back({"fitted to", short_count(*tokens) + " tokens", ""});
  }
  return facts;
}

std::vector<std::string> LadderDocument::warnings() const {
  std::vector<std::string> out;
  if (const auto list = json_->find("warnings"); list != json_->end()) {
    for (const Json& item : *list) {
      out.push_back(clean_text(item.get_ref<const std::string&>()));
    }
  }
  return out;
}

std::vector<LadderFigure> LadderDocument::figures() const {
  std::vector<LadderFigure> figures = {
      {"perplexity", "", "Perplexity", "perplexity", true},
      {"kl", "", "KL against the model as it is", "KL, nats per token", true}};
  for (const std::string& task : tasks_) {
    const std::string path = "tasks." + task;
    const std::string name = clean_text(task);
    figures.push_back({path + ".acc", path + ".stderr", "Accuracy on " + name, name, false});
  }
  std::erase_if(figures, [&](const LadderFigure& figure) {
    return std::none_of(lines_.begin(), lines_.end(), [&](const LadderLine& line) {
      return std::any_of(line.rungs.begin(), line.rungs.end(), [&](const LadderRung& rung) {
        return rung.number(figure.path).has_value();
      });
    });
  });
  return figures;
}

std::vector<TextTable> LadderDocument::tables(const LadderFigure& figure,
                                              size_t most_columns) const {
  std::set<int64_t> all;
  for (const LadderLine& line : lines_) {
    for (const LadderRung& rung : line.rungs) {
      all.insert(rung.k);
    }
  }
  if (dense(figure.path)) {
    all.insert(0);
  }
  const std::vector<int64_t> counts(all.begin(), all.end());
  std::vector<TextTable> tables;
  for (size_t begin = 0; begin < counts.size(); begin += most_columns) {
    const size_t end = begin + std::min(most_columns, counts.size() - begin);
    TextTable& table = tables.emplace_back();
    table.columns = {{"", "method", true}, {"", "chosen by", true}};
    for (size_t i = begin; i < end; ++i) {
      table.columns.push_back({"edited blocks", std::to_string(counts[i])});
    }
    for (const LadderLine& line : lines_) {
      std::vector<std::string>& row = table.rows.emplace_back();
      row = {line.method, line.by};
      for (size_t i = begin; i < end; ++i) {
        row.push_back(cell(line, counts[i], figure));
      }
    }
  }
  return tables;
}

std::string LadderDocument::cell(const LadderLine& line,
                                 int64_t k,
                                 const LadderFigure& figure) const {
  const auto rung = std::find_if(
      line.rungs.begin(), line.rungs.end(), [&](const LadderRung& known) { return known.k == k; });
  if (rung != line.rungs.end()) {
    return figure_text(figure, rung->number(figure.path), rung->number(figure.error));
  }
  return k == 0 ? figure_text(figure, dense(figure.path), dense(figure.error)) : "";
}

std::vector<std::string> LadderDocument::summary() const {
  struct Best {
    const LadderLine* line;
    const LadderRung* rung;
    int compared;
  };
  std::map<int64_t, Best> best;
  for (const LadderLine& line : lines_) {
    for (const LadderRung& rung : line.rungs) {
      const Number value = rung.number("perplexity");
      if (!value || rung.k == 0) {
        continue;
      }
      Best& entry = best.try_emplace(rung.k, Best{&line, &rung, 0}).first->second;
      ++entry.compared;
      if (*value < *entry.rung->number("perplexity")) {
        entry.line = &line;
        entry.rung = &rung;
      }
    }
  }
  std::vector<std::string> sentences;
  for (const auto& [k, entry] : best) {
    if (entry.compared < 2 || sentences.size() == kMostSentences) {
      continue;
    }
    const std::string& blocks = entry.rung->blocks;
    sentences.push_back(fmt::format(
        "With {} block{} edited the lowest of {} perplexities is {}: {}, chosen by {}{}.",
        k,
        k == 1 ? "" : "s",
        entry.compared,
        significant(entry.rung->number("perplexity"), 4),
        entry.line->method,
        entry.line->by,
        blocks.empty() ? "" : fmt::format(" ({} {})", k == 1 ? "block" : "blocks", blocks)));
  }
  return sentences;
}

}  // namespace linscan
