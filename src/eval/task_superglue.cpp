// SuperGLUE: boolq, cb, copa, multirc, record, rte, wic, wsc.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "eval/python_text.h"
#include "eval/task_readers.h"
#include "linscan/base/error.h"
#include "linscan/text/utf8.h"

namespace linscan {
namespace {

constexpr std::array<std::string_view, 2> kFalseTrue{"false", "true"};

const std::vector<std::string>& no_yes() {
  static const std::vector<std::string> choices{"no", "yes"};
  return choices;
}

// The trimmed passage is cut at its highlights, which become a list.
std::string record_context(std::string_view passage) {
  constexpr std::string_view kHighlight = "\n@highlight\n";
  std::string_view rest = python::strip(passage);
  std::string context;
  bool first = true;
  while (true) {
    const size_t end = rest.find(kHighlight);
    const std::string_view piece = rest.substr(0, end);
    context += fmt::format(fmt::runtime(first ? "{}\n\n" : "  - {}.\n"), piece);
    first = false;
    if (end == std::string_view::npos) return context;
    rest.remove_prefix(end + kHighlight.size());
  }
}

// A query's item; entities are distinct and sorted.
TaskItem record_item(const JsonNode& row,
                     const std::string& context,
                     const std::string& query,
                     const std::set<std::string>& entities,
                     std::vector<std::string> answers) {
  LINSCAN_CHECK(!entities.empty() && !answers.empty(),
                kInput,
                "{}: {} entities and {} answers; expected at least one of each",
                row.where(),
                entities.size(),
                answers.size());
  std::vector<std::string> choices;
  for (const std::string& entity : entities) {
    choices.push_back(python::replace(fmt::format("  - {}", query), "@placeholder", entity));
  }
  TaskItem item = plain_item(row, context, std::move(choices), 0);
  item.names.assign(entities.begin(), entities.end());
  item.answers = std::move(answers);
  return item;
}

struct Span {
  std::string text;
  int64_t word;
};

// The repaired spans ("wsc.fixed" of the hub): a text that is not in the passage gets the case of
// the word at its place, and loses dots and line breaks.
Span read_span(const JsonNode& row, const JsonNode& spans, int number, std::string_view passage) {
  const std::string prefix = fmt::format("span{}", number);
  Span span{spans.at(prefix + "_text").as_string(), spans.at(prefix + "_index").as_integer()};
  if (span.text.empty() || passage.find(span.text) != std::string_view::npos) return span;
  const std::vector<std::string_view> words = python::split(passage);
  LINSCAN_CHECK(span.word < static_cast<int64_t>(words.size()),
                kInput,
                "{}: {}_index is {}, but the text has {} words",
                row.where(),
                prefix,
                span.word,
                words.size());
  span.text = python::starts_lower(words[static_cast<size_t>(span.word)])
                  ? python::lower_first(span.text)
                  : python::upper_first(span.text);
  span.text.erase(span.text.find_last_not_of('.') + 1);
  span.text = python::replace(std::move(span.text), "\n", " ");
  return span;
}

// The passage with the pronoun between asterisks and without the blanks that tokenising put in.
std::string wsc_passage(std::string_view text, const Span& pronoun) {
  std::string before;
  const std::vector<std::string_view> words = python::split(text);
  for (size_t i = 0; i < words.size() && static_cast<int64_t>(i) < pronoun.word; ++i) {
    before.append(i > 0 ? " " : "").append(words[i]);
  }
  const int64_t behind = count_characters(before) + count_characters(pronoun.text) + 1;
  std::string passage = fmt::format("{} *{}*{}", before, pronoun.text, python::slice(text, behind));
  for (const auto& [from, to] : {std::pair(" n't", "n't"),
                                 std::pair(" )", ")"),
                                 std::pair("( ", "("),
                                 std::pair("\" ", "\""),
                                 std::pair(" \"", "\""),
                                 std::pair(" '", "'"),
                                 std::pair(" .", "."),
                                 std::pair(" ,", ",")}) {
    passage = python::replace(std::move(passage), from, to);
  }
  return passage;
}

}  // namespace

void read_boolq(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  items.push_back(plain_item(row,
                             fmt::format("{}\nQuestion: {}?\nAnswer:",
                                         row.at("passage").as_string(),
                                         row.at("question").as_string()),
                             no_yes(),
                             read_label(row.at("label"), kFalseTrue)));
}

void read_cb(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  constexpr std::array<std::string_view, 3> kClasses{"entailment", "contradiction", "neutral"};
  const JsonNode row(line, where);
  items.push_back(plain_item(row,
                             fmt::format("{}\nQuestion: {}. True, False, or Neither?\nAnswer:",
                                         row.at("premise").as_string(),
                                         row.at("hypothesis").as_string()),
                             {"True", "False", "Neither"},
                             read_label(row.at("label"), kClasses)));
}

void read_copa(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const std::string premise = row.at("premise").as_string();
  const std::string_view trimmed = python::strip(premise);
  const std::string question = row.at("question").as_string();
  LINSCAN_CHECK(question == "cause" || question == "effect",
                kInput,
                "{}: expected cause or effect, got \"{}\"",
                row.at("question").where(),
                question);
  std::vector<std::string> choices;  // each with a blank of its own
  for (const char* key : {"choice1", "choice2"}) {
    choices.push_back(fmt::format(" {}", python::lower_first(row.at(key).as_string())));
  }
  items.push_back(plain_item(row,
                             std::string(python::slice(trimmed, 0, count_characters(trimmed) - 1)) +
                                 (question == "cause" ? " because" : " therefore"),
                             std::move(choices),
                             read_label(row.at("label"), kFalseTrue)));
}

void read_multirc(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const auto add = [&](const JsonNode& row,
                       const std::string& paragraph,
                       const std::string& question,
                       const std::string& answer) {
    // "yes" is choice 0 although label 1 says that the answer is right: so does the harness.
    items.push_back(plain_item(
        row,
        fmt::format("{}\nQuestion: {}\nAnswer:", paragraph, question),
        {answer + "\nIs the answer correct? yes", answer + "\nIs the answer correct? no"},
        read_label(row.at("label"), kFalseTrue)));
  };
  const JsonNode row(line, where);
  const auto passage = row.find("passage");
  if (!passage || !passage->value().is_object()) {
    add(row,
        row.at("paragraph").as_string(),
        row.at("question").as_string(),
        row.at("answer").as_string());
    return;
  }
  const std::string paragraph = passage->at("text").as_string();
  for (const JsonNode& question : passage->at("questions").elements()) {
    for (const JsonNode& answer : question.at("answers").elements()) {
      add(answer, paragraph, question.at("question").as_string(), answer.at("text").as_string());
    }
  }
}

void read_record(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const JsonNode passage = row.at("passage");
  std::set<std::string> entities;
  if (!passage.value().is_object()) {
    for (std::string& entity : read_strings(row.at("entities"))) entities.insert(entity);
    items.push_back(record_item(row,
                                record_context(passage.as_string()),
                                row.at("query").as_string(),
                                entities,
                                read_strings(row.at("answers"))));
    return;
  }
  const std::string text = passage.at("text").as_string();
  for (const JsonNode& entity : passage.at("entities").elements()) {
    const int64_t begin = entity.at("start").as_integer();
    entities.emplace(python::slice(text, begin, entity.at("end").as_integer() + 1));
  }
  const std::string context = record_context(text);
  for (const JsonNode& query : row.at("qas").elements()) {
    std::vector<std::string> answers;
    for (const JsonNode& answer : query.at("answers").elements()) {
      answers.push_back(answer.at("text").as_string());
    }
    items.push_back(
        record_item(query, context, query.at("query").as_string(), entities, std::move(answers)));
  }
}

void read_rte(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  constexpr std::array<std::string_view, 2> kClasses{"entailment", "not_entailment"};
  const JsonNode row(line, where);
  items.push_back(plain_item(row,
                             fmt::format("{}\nQuestion: {} True or False?\nAnswer:",
                                         row.at("premise").as_string(),
                                         row.at("hypothesis").as_string()),
                             {"True", "False"},
                             read_label(row.at("label"), kClasses)));
}

void read_wic(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const std::string first = row.at("sentence1").as_string();
  const std::string_view word =
      python::slice(first, row.at("start1").as_integer(), row.at("end1").as_integer());
  items.push_back(
      plain_item(row,
                 fmt::format("Sentence 1: {}\nSentence 2: {}\nQuestion: Is the word '{}' "
                             "used in the same way in the two sentences above?\nAnswer:",
                             first,
                             row.at("sentence2").as_string(),
                             word),
                 no_yes(),
                 read_label(row.at("label"), kFalseTrue)));
}

void read_wsc(const Json& line, const std::string& where, std::vector<TaskItem>& items) {
  const JsonNode row(line, where);
  const std::string text = row.at("text").as_string();
  const JsonNode spans = row.find("target").value_or(row);
  const Span noun = read_span(row, spans, 1, text);
  const Span pronoun = read_span(row, spans, 2, text);
  items.push_back(plain_item(row,
                             fmt::format("Passage: {}\nQuestion: In the passage above, does the "
                                         "pronoun \"*{}*\" refer to \"*{}*\"?\nAnswer:",
                                         wsc_passage(text, pronoun),
                                         pronoun.text,
                                         noun.text),
                             no_yes(),
                             read_label(row.at("label"), kFalseTrue)));
}

}  // namespace linscan
