// From log-likelihoods to scores, in the arithmetic of lm-evaluation-harness.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "eval/python_text.h"
#include "linscan/base/error.h"
#include "linscan/eval/task.h"
#include "text/utf8.h"

namespace linscan {
namespace {

int64_t first_maximum(std::span<const double> values) {
  return std::ranges::max_element(values) - values.begin();
}

std::string without_punctuation(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    const bool punctuation = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') ||
                             (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    if (!punctuation) kept += c;
  }
  return kept;
}

// Articles become blanks: runs of word characters that are one, as \b(a|an|the)\b finds them.
std::string without_articles(std::string_view text) {
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size()) {
      const CodePoint point = code_point_at(text, end);
      if (!python::is_word_character(point.value)) break;
      end += static_cast<size_t>(point.bytes);
    }
    const std::string_view word = text.substr(at, end - at);
    if (word == "a" || word == "an" || word == "the") {
      kept += ' ';
    } else {
      kept += word;
    }
    if (end < text.size()) {
      const CodePoint other = code_point_at(text, end);
      kept.append(text.substr(end, static_cast<size_t>(other.bytes)));
      end += static_cast<size_t>(other.bytes);
    }
    at = end;
  }
  return kept;
}

// The words of an answer as SQuAD compares them (transformers squad_metrics.py).
std::vector<std::string> answer_words(std::string_view answer) {
  const std::string plain = without_articles(without_punctuation(python::lower(answer)));
  std::vector<std::string> words;
  for (const std::string_view word : python::split(plain)) words.emplace_back(word);
  return words;
}

double bag_f1(const std::vector<std::string>& gold, const std::vector<std::string>& predicted) {
  if (gold.empty() || predicted.empty()) {
    return gold == predicted ? 1 : 0;
  }
  std::map<std::string_view, int64_t> left;
  for (const std::string& word : gold) ++left[word];
  int64_t common = 0;
  for (const std::string& word : predicted) {
    const auto found = left.find(word);
    if (found != left.end() && found->second > 0) {
      --found->second;
      ++common;
    }
  }
  if (common == 0) return 0;
  const double precision = static_cast<double>(common) / static_cast<double>(predicted.size());
  const double recall = static_cast<double>(common) / static_cast<double>(gold.size());
  return (2 * precision * recall) / (precision + recall);
}

void score_entities(const TaskItem& item, ItemScore& score) {
  const std::vector<std::string> predicted =
      answer_words(item.names[static_cast<size_t>(score.predicted)]);
  for (const std::string& answer : item.answers) {
    const std::vector<std::string> gold = answer_words(answer);
    score.f1 = std::max(score.f1, bag_f1(gold, predicted));
    score.em = std::max(score.em, gold == predicted ? 1.0 : 0.0);
  }
}

// One class against the rest, averaged over the classes; 0 where nothing is predicted and nothing
// is gold of a class.
double mean_class_f1(std::span<const TaskItem> items, std::span<const ItemScore> scores) {
  const int64_t classes = items.front().choices();
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) {
    int64_t hits = 0;
    int64_t named = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      hits += items[i].gold == c && scores[i].predicted == c ? 1 : 0;
      named += (items[i].gold == c ? 1 : 0) + (scores[i].predicted == c ? 1 : 0);
    }
    sum += named == 0 ? 0 : 2 * static_cast<double>(hits) / static_cast<double>(named);
  }
  return sum / static_cast<double>(classes);
}

double mean_of(std::span<const ItemScore> scores, double ItemScore::* member) {
  double sum = 0;
  for (const ItemScore& score : scores) sum += score.*member;
  return sum / static_cast<double>(scores.size());
}

// Of the mean, from the spread of the items; there is none for one item.
std::optional<double> standard_error(std::span<const ItemScore> scores,
                                     double ItemScore::* member) {
  if (scores.size() < 2) return std::nullopt;
  const double mean = mean_of(scores, member);
  double squares = 0;
  for (const ItemScore& score : scores) squares += std::pow(score.*member - mean, 2);
  const auto n = static_cast<double>(scores.size());
  return std::sqrt(squares / (n - 1)) / std::sqrt(n);
}

}  // namespace

ItemScore score_item(const Task& task,
                     const TaskItem& item,
                     std::span<const ScoredRequest> scores) {
  ItemScore score;
  if (task.kind == TaskKind::kLastWord) {
    score.predicted = scores.front().greedy ? 1 : 0;
    score.acc = static_cast<double>(score.predicted);
    return score;
  }
  std::vector<double> values;
  for (const ScoredRequest& choice : scores) values.push_back(choice.log_likelihood);
  score.predicted = first_maximum(values);
  if (task.kind == TaskKind::kEntities) {
    score_entities(item, score);
    return score;
  }
  score.acc = score.predicted == item.gold ? 1 : 0;
  if (!item.lengths.empty()) {
    for (size_t i = 0; i < values.size(); ++i) values[i] /= static_cast<double>(item.lengths[i]);
    score.by_length = first_maximum(values);
    score.acc_norm = *score.by_length == item.gold ? 1 : 0;
  }
  return score;
}

Json summarize_task(const Task& task,
                    std::span<const TaskItem> items,
                    std::span<const ItemScore> item_scores,
                    std::span<const ScoredRequest> scores) {
  Json summary = Json::object();
  double ItemScore::* main = &ItemScore::acc;
  if (task.kind == TaskKind::kEntities) {
    summary["f1"] = mean_of(item_scores, &ItemScore::f1);
    summary["em"] = mean_of(item_scores, &ItemScore::em);
    main = &ItemScore::f1;
  } else {
    summary["acc"] = mean_of(item_scores, &ItemScore::acc);
    if (!items.front().lengths.empty()) {
      summary["acc_norm"] = mean_of(item_scores, &ItemScore::acc_norm);
    }
    if (task.class_f1) {
      summary["f1"] = mean_class_f1(items, item_scores);
    }
  }
  if (task.kind == TaskKind::kLastWord) {
    double sum = 0;
    for (const ScoredRequest& score : scores) sum += score.log_likelihood;
    summary["perplexity"] = number_or_null(std::exp(-sum / static_cast<double>(scores.size())));
  }
  summary["stderr"] = number_or_null(standard_error(item_scores, main));
  summary["n"] = items.size();
  if (items.size() < 2) summary["reason"] = "stderr: one item has no spread";
  return summary;
}

Json describe_item(const Task& task,
                   int64_t index,
                   const TaskItem& item,
                   const ItemScore& score,
                   std::span<const ScoredRequest> scores) {
  Json values = Json::array();
  for (const ScoredRequest& choice : scores)
    values.push_back(number_or_null(choice.log_likelihood));
  Json described = {{"task", task.name}, {"index", index}, {"log_likelihood", std::move(values)}};
  switch (task.kind) {
    case TaskKind::kChoice:
      described["predicted"] = score.predicted;
      if (score.by_length) described["predicted_norm"] = *score.by_length;
      described["gold"] = item.gold;
      break;
    case TaskKind::kLastWord:
      described["predicted"] = score.predicted;  // 1: the model would write the word
      described["gold"] = 1;
      break;
    case TaskKind::kEntities:
      described["predicted"] = item.names[static_cast<size_t>(score.predicted)];
      described["gold"] = item.answers;
      described["f1"] = score.f1;
      described["em"] = score.em;
      break;
  }
  return described;
}

}  // namespace linscan
