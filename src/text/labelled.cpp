#include "linscan/text/labelled.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/random.h"
#include "linscan/text/corpus.h"
#include "text/class_label.h"
#include "text/json_node.h"
#include "text/line_reader.h"

namespace linscan {
namespace {

constexpr std::array<std::pair<std::string_view, LabelledKind>, 5> kKinds{{
    {"boolq", LabelledKind::kBoolq},
    {"cb", LabelledKind::kCb},
    {"multirc", LabelledKind::kMultirc},
    {"text", LabelledKind::kText},
    {"reward", LabelledKind::kReward},
}};
constexpr std::array<std::string_view, 2> kFalseTrue{"false", "true"};
constexpr std::array<std::string_view, 3> kCbClasses{"entailment", "contradiction", "neutral"};

std::string kind_names() {
  std::string text;
  for (const auto& [name, kind] : kKinds) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

// A label of kText: a string, a whole number or a truth value, by its spelling.
std::string free_label(const JsonNode& node) {
  const Json& value = node.value();
  LINSCAN_CHECK(value.is_string() || value.is_boolean() || value.is_number_integer(),
                kInput,
                "{}: expected a string, a whole number, false or true, got {}",
                node.where(),
                value.type_name());
  std::string label = value.is_string() ? value.get<std::string>() : value.dump();
  LINSCAN_CHECK(!label.empty(), kInput, "{}: the label is empty", node.where());
  return label;
}

class Reader {
 public:
  Reader(LabelledKind kind, const LabelledOptions& options) : options_(options) {
    texts_.kind = kind;
  }

  bool full() const {
    return options_.limit > 0 && static_cast<int64_t>(texts_.records.size()) >= options_.limit;
  }

  void read(const JsonNode& row) {
    switch (texts_.kind) {
      case LabelledKind::kBoolq: {
        const std::string passage = row.at("passage").as_string();
        add(row,
            fmt::format("{}\nQuestion: {}?\nAnswer:", passage, row.at("question").as_string()),
            read_label(row.at("label"), kFalseTrue),
            passage);
        return;
      }
      case LabelledKind::kCb: {
        const std::string premise = row.at("premise").as_string();
        add(row,
            fmt::format("{}\nQuestion: {}. True, False, or Neither?\nAnswer:",
                        premise,
                        row.at("hypothesis").as_string()),
            read_label(row.at("label"), kCbClasses),
            premise);
        return;
      }
      case LabelledKind::kMultirc:
        read_multirc(row);
        return;
      case LabelledKind::kText: {
        const std::string text = row.at(options_.text_field).as_string();
        labels_.emplace_back(free_label(row.at(options_.label_field)), row.where());
        add(row, text, 0, text);
        return;
      }
      case LabelledKind::kReward:
        add_pair(row);
        return;
    }
  }

  // Classes, and everything that only the whole file shows.
  LabelledTexts finish(const std::string& file) {
    LINSCAN_CHECK(!texts_.records.empty(), kInput, "{}: holds no examples", file);
    choose_classes();
    if (texts_.kind != LabelledKind::kReward) {
      std::set<int64_t> seen;
      for (const LabelledRecord& record : texts_.records) {
        seen.insert(record.label);
      }
      LINSCAN_CHECK(seen.size() > 1,
                    kInput,
                    "{}: all {} examples are of class '{}': there is nothing to tell apart",
                    file,
                    texts_.records.size(),
                    texts_.classes[static_cast<size_t>(*seen.begin())]);
    }
    Sha256 digest;
    for (const LabelledRecord& record : texts_.records) {
      for (const std::string& text : record.texts) {
        digest.update(fmt::format("{}:{}", text.size(), text));
      }
      digest.update(fmt::format("{}\n", record.label));
    }
    texts_.sha256 = digest.finish();
    return std::move(texts_);
  }

 private:
  void add(const JsonNode& row, std::string text, int64_t label, std::string group) {
    LINSCAN_CHECK(!text.empty(), kInput, "{}: the text is empty", row.where());
    texts_.records.push_back({{std::move(text)}, label, std::move(group)});
  }

  void read_multirc(const JsonNode& row) {
    const auto answered = [&](const JsonNode& labelled,
                              const std::string& passage,
                              const std::string& question,
                              const std::string& answer) {
      add(labelled,
          fmt::format(
              "{}\nQuestion: {}\nAnswer: {}\nIs the answer correct?", passage, question, answer),
          read_label(labelled.at("label"), kFalseTrue),
          passage);
    };
    const auto passage = row.find("passage");
    if (!passage || !passage->value().is_object()) {
      answered(row,
               row.at("paragraph").as_string(),
               row.at("question").as_string(),
               row.at("answer").as_string());
      return;
    }
    const std::string text = passage->at("text").as_string();
    for (const JsonNode& question : passage->at("questions").elements()) {
      for (const JsonNode& answer : question.at("answers").elements()) {
        answered(answer, text, question.at("question").as_string(), answer.at("text").as_string());
      }
    }
  }

  void add_pair(const JsonNode& row) {
    LabelledRecord record;
    for (const char* key : {"chosen", "rejected"}) {
      record.texts.push_back(row.at(key).as_string());
      LINSCAN_CHECK(!record.texts.back().empty(), kInput, "{}: is empty", row.at(key).where());
    }
    LINSCAN_CHECK(record.texts[0] != record.texts[1],
                  kInput,
                  "{}: chosen and rejected are the same text",
                  row.where());
    record.group = record.texts[0];
    texts_.records.push_back(std::move(record));
  }

  void choose_classes() {
    switch (texts_.kind) {
      case LabelledKind::kBoolq:
      case LabelledKind::kMultirc:
        texts_.classes.assign(kFalseTrue.begin(), kFalseTrue.end());
        return;
      case LabelledKind::kCb:
        texts_.classes.assign(kCbClasses.begin(), kCbClasses.end());
        return;
      case LabelledKind::kReward:
        return;
      case LabelledKind::kText:
        break;
    }
    texts_.classes = options_.classes;
    if (texts_.classes.empty()) {
      std::set<std::string> names;
      for (const auto& [label, where] : labels_) {
        names.insert(label);
      }
      texts_.classes.assign(names.begin(), names.end());
    }
    for (size_t i = 0; i < labels_.size(); ++i) {
      const auto& [label, where] = labels_[i];
      const auto found = std::ranges::find(texts_.classes, label);
      LINSCAN_CHECK(found != texts_.classes.end(),
                    kInput,
                    "{}.{}: '{}' is no class; expected {}",
                    where,
                    options_.label_field,
                    label,
                    fmt::join(texts_.classes, ", "));
      texts_.records[i].label = found - texts_.classes.begin();
    }
  }

  const LabelledOptions& options_;
  LabelledTexts texts_;
  std::vector<std::pair<std::string, std::string>> labels_;  // kText: label, where
};

}  // namespace

LabelledKind parse_labelled_kind(std::string_view text) {
  for (const auto& [name, kind] : kKinds) {
    if (name == text) {
      return kind;
    }
  }
  fail(ErrorKind::kUsage, "'{}' is no kind of labelled text; expected {}", text, kind_names());
}

std::string_view name(LabelledKind kind) {
  for (const auto& [name, listed] : kKinds) {
    if (listed == kind) {
      return name;
    }
  }
  return "";
}

LabelledFile parse_labelled_file(std::string_view text, std::string_view option) {
  const size_t equals = text.find('=');
  LINSCAN_CHECK(equals != std::string_view::npos && equals + 1 < text.size(),
                kUsage,
                "{} {}: expected KIND=FILE with KIND one of {}",
                option,
                text,
                kind_names());
  return {parse_labelled_kind(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

LabelledTexts read_labelled(LabelledKind kind,
                            const std::filesystem::path& file,
                            const LabelledOptions& options) {
  check_data_files({file});
  LINSCAN_CHECK(data_format(file) == DataFormat::kJsonLines,
                kInput,
                "{}: labelled texts are JSON lines (.jsonl, also .gz .zst)",
                file.string());
  Reader reader(kind, options);
  LineReader lines(file);
  for (std::string line; !reader.full() && lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const std::string where = fmt::format("{}:{}", file.string(), lines.line_number());
    const Json json = parse_json(line, where);
    reader.read(JsonNode(json, where));
  }
  return reader.finish(file.string());
}

LabelledSplit split_labelled(const LabelledTexts& texts, double share, uint64_t seed) {
  std::map<std::string_view, std::vector<size_t>> groups;
  for (size_t i = 0; i < texts.records.size(); ++i) {
    groups[texts.records[i].group].push_back(i);
  }
  std::vector<const std::vector<size_t>*> order;
  for (const auto& [group, members] : groups) {
    order.push_back(&members);
  }
  Random(seed).shuffle(order);
  const auto wanted =
      static_cast<size_t>(std::ceil(share * static_cast<double>(texts.records.size())));
  LabelledSplit split;
  for (const std::vector<size_t>* members : order) {
    std::vector<size_t>& side = split.second.size() < wanted ? split.second : split.first;
    side.insert(side.end(), members->begin(), members->end());
  }
  LINSCAN_CHECK(!split.first.empty() && !split.second.empty(),
                kInput,
                "{} examples of {} distinct passages cannot be split into {:.0f} % and the rest; "
                "give more, or a file of its own for the other part",
                texts.records.size(),
                groups.size(),
                100 * share);
  std::ranges::sort(split.first);
  std::ranges::sort(split.second);
  return split;
}

}  // namespace linscan
