#include "linscan/report/evaluation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/numbers.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

constexpr int kWidth = 110;

std::optional<double> number(const Json& object, std::string_view key) {
  const auto found = object.find(std::string(key));
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

// A figure of a table: where it stands in the document and how it is written.
struct Figure {
  std::string_view key;
  std::string_view head;
  enum class Style { kShare, kError, kCount, kPerplexity, kSmall } style;
};

std::string cell(const Json& row, const Figure& figure) {
  const auto value = number(row, figure.key);
  if (!value) return row.contains(std::string(figure.key)) ? std::string(kMissingMark) : "";
  switch (figure.style) {
    case Figure::Style::kShare:
      return fixed(value, 4);
    case Figure::Style::kError:
      return fmt::format("±{}", fixed(value, 4));
    case Figure::Style::kCount:
      return grouped(static_cast<int64_t>(*value));
    case Figure::Style::kPerplexity:
      return fixed(value, 3);
    case Figure::Style::kSmall:
      return significant(value, 4);
  }
  return "";
}

using Style = Figure::Style;
constexpr std::array<Figure, 7> kTaskFigures{{{"n", "items", Style::kCount},
                                              {"acc", "acc", Style::kShare},
                                              {"acc_norm", "acc_norm", Style::kShare},
                                              {"f1", "f1", Style::kShare},
                                              {"em", "em", Style::kShare},
                                              {"stderr", "stderr", Style::kError},
                                              {"perplexity", "perplexity", Style::kPerplexity}}};
constexpr std::array<Figure, 5> kTextFigures{{{"tokens", "tokens", Style::kCount},
                                              {"chunked", "chunked", Style::kPerplexity},
                                              {"word", "word", Style::kPerplexity},
                                              {"byte", "byte", Style::kPerplexity},
                                              {"bits_per_byte", "bits/byte", Style::kShare}}};
constexpr std::array<Figure, 6> kDivergenceFigures{{{"kl", "KL", Style::kSmall},
                                                    {"kl_stderr", "stderr", Style::kError},
                                                    {"top1", "top-1", Style::kShare},
                                                    {"top1_stderr", "stderr", Style::kError},
                                                    {"positions", "positions", Style::kCount},
                                                    {"units", "units", Style::kCount}}};

// One row for each member of `rows`; columns that no row has are left out.
template <size_t N>
TextTable table_of(std::string_view title, const Json& rows, const std::array<Figure, N>& figures) {
  TextTable table;
  table.columns.push_back({"", std::string(title), true});
  std::vector<Figure> used;
  for (const Figure& figure : figures) {
    for (const auto& [name, row] : rows.items()) {
      if (row.contains(std::string(figure.key))) {
        used.push_back(figure);
        table.columns.push_back({"", std::string(figure.head)});
        break;
      }
    }
  }
  for (const auto& [name, row] : rows.items()) {
    table.rows.push_back({clean_text(name)});
    for (const Figure& figure : used) table.rows.back().push_back(cell(row, figure));
  }
  return table;
}

// A table with what its figures mean.
struct Section {
  TextTable table;
  std::string note;
};

// What the perplexities that are there mean.
std::string note_of_texts(const Json& texts, const Json& protocol) {
  const auto any_has = [&](const char* key) {
    return std::ranges::any_of(texts, [&](const Json& text) { return text.contains(key); });
  };
  const auto context = protocol["ctx"].get<int64_t>();
  const auto stride = protocol["stride"].get<int64_t>();
  std::vector<std::string> notes;
  if (any_has("chunked")) {
    notes.push_back(
        fmt::format("chunked: per token, windows of {} tokens{}",
                    context,
                    stride == context ? " that stand alone" : fmt::format(" every {}", stride)));
  }
  if (any_has("word")) {
    notes.push_back(
        fmt::format("word, byte, bits/byte: rolling windows of {} tokens as lm-evaluation-harness",
                    protocol["max_length"].get<int64_t>()));
  }
  return fmt::format("{}", fmt::join(notes, "; "));
}

std::vector<Section> sections_of(const Json& document) {
  std::vector<Section> sections;
  const Json& protocol = document["protocol"];
  if (const Json& tasks = document["tasks"]; !tasks.empty()) {
    sections.push_back(
        {table_of("task", tasks, kTaskFigures),
         "zero-shot, prompts and scores of lm-evaluation-harness; stderr is that of acc (record: "
         "f1)"});
  }
  if (const Json& texts = document["perplexity"]; !texts.empty()) {
    sections.push_back(
        {table_of("perplexity of", texts, kTextFigures), note_of_texts(texts, protocol)});
  }
  if (const auto divergence = document.find("divergence"); divergence != document.end()) {
    sections.push_back(
        {table_of("against reference", (*divergence)["texts"], kDivergenceFigures),
         fmt::format("KL(reference || model), nats per position, and share of positions with the "
                     "same most likely token; reference: {}; stderr over documents (windows of a "
                     "single one)",
                     clean_text((*divergence)["reference"]["path"].get<std::string>()))});
  }
  return sections;
}

std::string model_line(const Json& document) {
  const Json& model = document["model"];
  const Json& compute = document["compute"];
  return fmt::format("{} · {}, {} blocks, {} parameters · {} on {} · {:.1f} s",
                     clean_text(model["path"].get<std::string>()),
                     clean_text(model["family"].get<std::string>()),
                     model["blocks"].get<int64_t>(),
                     short_count(model["parameters"].get<double>()),
                     compute["dtype"].get<std::string>(),
                     compute["device"].get<std::string>(),
                     compute["seconds"].get<double>());
}

}  // namespace

std::string render_evaluation_table(const Json& document) {
  std::string out = model_line(document) + "\n";
  for (const Section& section : sections_of(document)) {
    out.append("\n").append(draw_text_table(section.table));
    for (const std::string& line : wrap_text(section.note, kWidth)) {
      out += fmt::format("  {}\n", line);
    }
  }
  for (const Json& warning : document["warnings"]) {
    out += "\n";
    for (const std::string& line :
         wrap_text("warning: " + clean_text(warning.get<std::string>()), kWidth)) {
      out += line + "\n";
    }
  }
  return out;
}

std::string render_evaluation_markdown(const Json& document) {
  std::string out = markdown_text(model_line(document)) + "\n";
  for (const Section& section : sections_of(document)) {
    out +=
        fmt::format("\n{}\n{}\n", draw_markdown_table(section.table), markdown_text(section.note));
  }
  for (const Json& warning : document["warnings"]) {
    out += fmt::format("\n- {}\n", markdown_text(warning.get<std::string>()));
  }
  return out;
}

std::string render_evaluation_csv(const Json& document) {
  std::string out = "group,name,metric,value\r\n";
  const auto add = [&](std::string_view group, const Json& rows) {
    for (const auto& [name, row] : rows.items()) {
      for (const auto& [metric, value] : row.items()) {
        if (!value.is_number() && !value.is_null()) continue;
        out += fmt::format("{},{},{},{}\r\n",
                           group,
                           csv_field(name),
                           metric,
                           value.is_number() ? exact(value.get<double>()) : "");
      }
    }
  };
  add("tasks", document["tasks"]);
  add("perplexity", document["perplexity"]);
  if (const auto divergence = document.find("divergence"); divergence != document.end()) {
    add("divergence", (*divergence)["texts"]);
  }
  return out;
}

}  // namespace linscan
