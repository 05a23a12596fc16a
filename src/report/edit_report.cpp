// The report of an edit for a terminal, as Markdown and as a page.
#include "linscan/report/edit_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/edit_document.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kDrawnTrials = 200;  // of a round
constexpr int kLabelWidth = 12;

constexpr std::string_view kMeasureRemark =
    "on text that nothing was fitted to or chosen by; KL against the model before, nats per token; "
    "top-1: share of tokens predicted as before; ± standard error over windows";
constexpr std::string_view kSearchRemark =
    "every round adds the block that leaves the lowest cross-entropy with the edit in place, on "
    "the "
    "part of the calibration text that chooses";
constexpr std::string_view kFinalistRemark =
    "edits that came out close, fitted again for each fifth of the calibration text, to the other "
    "four, and measured on it; the best one was taken";

struct NamedTable {
  std::string title;
  std::string_view remark;
  TextTable table;
};

// Everything that has rows, in the order in which it is read.
std::vector<NamedTable> tables_of(const EditDocument& edit) {
  std::vector<NamedTable> tables;
  const auto add = [&](std::string title, std::string_view remark, TextTable table) {
    if (!table.rows.empty()) {
      tables.push_back({std::move(title), remark, std::move(table)});
    }
  };
  add("Before and after", kMeasureRemark, edit.measures());
  for (const EditSearch& search : edit.searches()) {
    add("How the blocks were chosen" + (search.recipe.empty() ? "" : ": " + search.recipe),
        kSearchRemark,
        search_table(search));
  }
  add("Finalists", kFinalistRemark, edit.finalists());
  add("The blocks", "", edit.blocks());
  add("What was fitted", "", edit.fits());
  return tables;
}

ChartPoint trial_point(size_t round, const EditTrial& trial) {
  ChartPoint point;
  point.x = static_cast<double>(round + 1);
  point.y = trial.cross_entropy;
  point.note = fmt::format("blocks {}: cross-entropy {}, KL {}",
                           trial.blocks,
                           significant(trial.cross_entropy, 4),
                           significant(trial.kl, 3));
  return point;
}

// The best set of every round as a line; the others of the round as dots where there is one search.
std::vector<ChartSeries> search_series(const std::vector<EditSearch>& searches) {
  std::vector<ChartSeries> series;
  for (size_t s = 0; s < searches.size(); ++s) {
    const int color = static_cast<int>(s % 7) + 1;
    ChartSeries best{searches[s].recipe.empty() ? "chosen" : searches[s].recipe,
                     color,
                     s < 7 ? LineStyle::kStrong : LineStyle::kDashed,
                     MarkStyle::kDot,
                     {}};
    ChartSeries others{"other sets", 3, LineStyle::kNone, MarkStyle::kSmallDot, {}};
    for (size_t r = 0; r < searches[s].rounds.size(); ++r) {
      const std::vector<EditTrial>& trials = searches[s].rounds[r];
      for (size_t t = 0; t < std::min(trials.size(), kDrawnTrials); ++t) {
        (t == 0 ? best : others).points.push_back(trial_point(r, trials[t]));
      }
    }
    series.push_back(std::move(best));
    if (searches.size() == 1) {
      series.push_back(std::move(others));
    }
  }
  return series;
}

std::optional<Figure> search_figure(const std::vector<EditSearch>& searches) {
  size_t rounds = 0;
  for (const EditSearch& search : searches) {
    rounds = std::max(rounds, search.rounds.size());
  }
  Chart chart;
  chart.id = "search";
  chart.title = "Cross-entropy over the number of edited blocks";
  chart.description =
      "The lowest cross-entropy of every round of the search, with other sets tried.";
  chart.x = {"edited blocks", 0, static_cast<double>(rounds), AxisKind::kIndex, ""};
  chart.y.label = "cross-entropy, nats per token";
  chart.series = search_series(searches);
  if (!has_points(chart)) {
    return std::nullopt;
  }
  return Figure{
      "fig-search",
      "What does the next block cost?",
      full_width(chart),
      "The set of each size that was kept" +
          std::string(searches.size() == 1 ? ", and the others that were tried"
                                           : ", one line per method") +
          ". Measured with the edit fitted and in place, on the part of the calibration "
          "text that chooses.",
      "Blocks are added one after the other: a set that is better as a whole may never be "
      "tried.",
      {}};
}

void add_section(Markup& html, const NamedTable& named) {
  html.open("section").element("h2", named.title).newline();
  if (!named.remark.empty()) {
    html.element("p", {{"class", "caveat"}}, std::string(named.remark) + ".").newline();
  }
  add_text_table(html, named.table, {});
  html.close().newline();
}

std::string title_of(const EditDocument& edit) {
  return "Edit of " + edit.model_name();
}

}  // namespace

std::string render_edit_table(const Json& document) {
  const EditDocument edit(document);
  std::string out =
      labelled_text("source", edit.model_name() + " · " + model_line(document), kLabelWidth) +
      labelled_text("edit", edit.headline(), kLabelWidth);
  if (const std::string data = data_line(document); !data.empty()) {
    out += labelled_text("data", data, kLabelWidth);
  }
  for (const Fact& fact : edit.facts()) {
    if (fact.label != "method") {  // the headline says it
      out += labelled_text(fact.label == "blocks chosen by" ? "chosen by" : fact.label,
                           fact.value + (fact.note.empty() ? "" : " (" + fact.note + ")"),
                           kLabelWidth);
    }
  }
  for (const NamedTable& named : tables_of(edit)) {
    out += "\n" + named.title + "\n\n" + draw_text_table(named.table);
    if (!named.remark.empty()) {
      out += "\n" + labelled_text("", named.remark, kLabelWidth);
    }
  }
  if (const std::string verification = edit.verification(); !verification.empty()) {
    out += "\n" + labelled_text("verified", verification, kLabelWidth);
  }
  std::string gap = "\n";
  for (const std::string& warning : edit.warnings()) {
    out += std::exchange(gap, "") + labelled_text("warning", warning, kLabelWidth);
  }
  return out;
}

std::string render_edit_markdown(const Json& document) {
  const EditDocument edit(document);
  std::string out = fmt::format("# {}\n\n{}  \n{}\n\n",
                                markdown_text(title_of(edit)),
                                markdown_text(edit.headline()),
                                markdown_text(model_line(document)));
  TextTable facts;
  facts.rows.emplace_back();
  for (const Fact& fact : edit.facts()) {
    facts.columns.push_back({"", fact.label, true});
    facts.rows.front().push_back(fact.value);
  }
  if (!facts.columns.empty()) {
    out += draw_markdown_table(facts) + "\n";
  }
  out += markdown_list("Warnings", edit.warnings());
  for (const NamedTable& named : tables_of(edit)) {
    out +=
        fmt::format("## {}\n\n{}\n", markdown_text(named.title), draw_markdown_table(named.table));
    if (!named.remark.empty()) {
      out += markdown_text(named.remark) + ".\n\n";
    }
  }
  return out + markdown_text(edit.verification()) + (edit.verification().empty() ? "" : "\n");
}

std::string render_edit_html(const Json& document) {
  const EditDocument edit(document);
  Markup html;
  open_page(html, title_of(edit));
  add_header(html,
             title_of(edit),
             {edit.headline(), model_line(document), data_line(document)},
             edit.facts());
  add_warnings(html, edit.warnings().size() == 1 ? "Warning" : "Warnings", edit.warnings());
  const std::optional<Figure> figure = search_figure(edit.searches());
  bool drawn = false;
  for (const NamedTable& named : tables_of(edit)) {
    add_section(html, named);
    if (figure && !std::exchange(drawn, true)) {  // after the first table: before and after
      add_figure(html, *figure, 1, {}, [&] {
        for (const EditSearch& search : edit.searches()) {
          add_text_table(html, search_table(search), {});
        }
      });
    }
  }
  if (const std::string verification = edit.verification(); !verification.empty()) {
    html.element("p", verification).newline();
  }
  close_with_protocol(html,
                      document,
                      "How it was made",
                      {{"plan", "Plan"},
                       {"model", "Source"},
                       {"data", "Calibration data"},
                       {"evaluation_data", "Evaluation data"},
                       {"export", "Written as"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

}  // namespace linscan
