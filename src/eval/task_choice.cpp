// Multiple choice outside SuperGLUE, and LAMBADA: arc, openbookqa, piqa, hellaswag, winogrande.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "eval/python_text.h"
#include "eval/task_readers.h"
#include "linscan/base/error.h"
#include "linscan/text/utf8.h"

namespace linscan {
namespace {

constexpr std::array<std::string_view, 2> kTwo{"0", "1"};

// An item that is scored by length too.
TaskItem normed_item(const JsonNode& row,
                     std::string context,
                     std::vector<std::string> choices,
                     int64_t gold) {
  std::vector<int64_t> lengths;
  for (const std::string& choice : choices) lengths.push_back(count_characters(choice));
  TaskItem item = plain_item(row, std::move(context), std::move(choices), gold);
  item.lengths = std::move(lengths);
  return item;
}

struct Question {
  std::string text;
  std::vector<std::string> choices;
  int64_t gold = 0;
};

// "choices": {"text": [], "label": []} of the hub, or [{"text", "label"}] as released.
void read_lettered_choices(const JsonNode& node,
                           Question& question,
                           std::vector<std::string>& labels) {
  if (node.value().is_object()) {
    question.choices = read_strings(node.at("text"));
    labels = read_strings(node.at("label"));
    LINSCAN_CHECK(labels.size() == question.choices.size(),
                  kInput,
                  "{}: {} texts with {} labels",
                  node.where(),
                  question.choices.size(),
                  labels.size());
    return;
  }
  for (const JsonNode& choice : node.elements()) {
    question.choices.push_back(choice.at("text").as_string());
    labels.push_back(choice.at("label").as_string());
  }
}

// The llm-foundry spelling: "query", "choices" (strings), "gold" (a number).
Question read_query(const JsonNode& row) {
  Question question{row.at("query").as_string(), read_strings(row.at("choices")), 0};
  const JsonNode gold = row.at("gold");
  question.gold = gold.as_integer();
  LINSCAN_CHECK(question.gold < static_cast<int64_t>(question.choices.size()),
                kInput,
                "{}: choice {} of {}",
                gold.where(),
                question.gold,
                question.choices.size());
  return question;
}

// A question with lettered choices and an answer key; the question is a string `text_key` of the
// row, or released inside an object.
Question read_lettered(const JsonNode& row, const char* text_key) {
  Question question;
  std::vector<std::string> labels;
  const auto object = row.find("question");
  if (object && object->value().is_object()) {
    question.text = object->at("stem").as_string();
    read_lettered_choices(object->at("choices"), question, labels);
  } else {
    question.text = row.at(text_key).as_string();
    read_lettered_choices(row.at("choices"), question, labels);
  }
  const JsonNode key = row.at("answerKey");
  const std::string answer = key.as_string();
  const auto found = std::ranges::find(
      labels, answer.substr(std::min(answer.find_first_not_of(' '), answer.size())));
  LINSCAN_CHECK(
      found != labels.end(), kInput, "{}: \"{}\" is no label of a choice", key.where(), answer);
  question.gold = found - labels.begin();
  return question;
}

// preprocess() of the harness's hellaswag: marks of the WikiHow part of the data set are removed.
std::string clean_hellaswag(std::string_view raw) {
  const std::string text = python::replace(std::string(python::strip(raw)), " [title]", ". ");
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t close = text[at] == '[' ? text.find_first_of("]\n", at) : std::string::npos;
    if (close != std::string::npos && text[close] == ']') {
      at = close + 1;
    } else {
      out += text[at++];
    }
  }
  return python::replace(std::move(out), "  ", " ");
}

}  // namespace

void read_arc(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  constexpr std::string_view kLead = "Question: ";
  const JsonNode row(line, where);
  Question question;
  if (const auto query = row.find("query")) {
    question = read_query(row);
    LINSCAN_CHECK(question.text.starts_with(kLead),
                  kInput,
                  "{}: expected \"{}\" at its beginning",
                  query->where(),
                  kLead);
  } else {
    question = read_lettered(row, "question");
    question.text.insert(0, kLead);
  }
  items.push_back(
      normed_item(row, question.text + "\nAnswer:", std::move(question.choices), question.gold));
}

void read_openbookqa(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  Question question = row.find("query") ? read_query(row) : read_lettered(row, "question_stem");
  items.push_back(
      normed_item(row, std::move(question.text), std::move(question.choices), question.gold));
}

void read_piqa(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  items.push_back(normed_item(row,
                              fmt::format("Question: {}\nAnswer:", row.at("goal").as_string()),
                              {row.at("sol1").as_string(), row.at("sol2").as_string()},
                              read_label(row.at("label"), kTwo)));
}

void read_hellaswag(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const std::string context = fmt::format("{}: {} {}",
                                          row.at("activity_label").as_string(),
                                          row.at("ctx_a").as_string(),
                                          python::capitalize(row.at("ctx_b").as_string()));
  std::vector<std::string> endings;
  for (const std::string& ending : read_strings(row.at("endings"))) {
    endings.push_back(clean_hellaswag(ending));
  }
  constexpr std::array<std::string_view, 10> kNumbers{
      "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  const int64_t gold = read_label(
      row.at("label"), std::span(kNumbers).first(std::min(endings.size(), kNumbers.size())));
  items.push_back(normed_item(row, clean_hellaswag(context), std::move(endings), gold));
}

void read_winogrande(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const std::string sentence = row.at("sentence").as_string();
  const size_t gap = sentence.find('_');
  LINSCAN_CHECK(gap != std::string::npos,
                kInput,
                "{}: no \"_\" in \"{}\"",
                row.at("sentence").where(),
                sentence.substr(0, 80));
  const JsonNode answer = row.at("answer");
  const std::string text =
      answer.value().is_string() ? answer.as_string() : std::to_string(answer.as_integer());
  LINSCAN_CHECK(
      text == "1" || text == "2", kInput, "{}: expected 1 or 2, got \"{}\"", answer.where(), text);
  TaskItem item;
  item.where = place_of(row);
  for (const char* option : {"option1", "option2"}) {
    item.contexts.push_back(sentence.substr(0, gap).append(row.at(option).as_string()));
  }
  item.continuations = {
      fmt::format(" {}", python::strip(std::string_view(sentence).substr(gap + 1)))};
  item.gold = text == "2" ? 1 : 0;
  items.push_back(std::move(item));
}

void read_lambada(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const auto context = row.find("context");  // the llm-foundry spelling
  const std::string text = context ? context->as_string() + " " + row.at("continuation").as_string()
                                   : row.at("text").as_string();
  const size_t blank = text.rfind(' ');
  const bool one_word = blank == std::string::npos;
  items.push_back(plain_item(
      row, one_word ? "" : text.substr(0, blank), {one_word ? text : text.substr(blank + 1)}, 0));
}

}  // namespace linscan
