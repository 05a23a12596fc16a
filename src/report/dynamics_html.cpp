// The page of dynamics, in the order in which it is read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/base/version.h"
#include "report/comparison_figures.h"
#include "report/dynamics_figures.h"
#include "report/dynamics_tables.h"
#include "report/html.h"
#include "report/html_page.h"

namespace linscan {
namespace {

std::string page_title(const Dynamics& dynamics) {
  return dynamics.runs().size() == 1
             ? "Linearity of " + dynamics.runs().front().label() + " over training"
             : fmt::format("Linearity of {} runs over training", dynamics.runs().size());
}

// From the first measured step to the last, one sentence per run.
std::vector<std::string> sentences_of(const Dynamics& dynamics) {
  std::vector<std::string> sentences;
  for (const TrainedRun& run : dynamics.runs()) {
    const std::string path = run.path_of(kUpdateScore);
    const auto first = run.summary(0, path), last = run.summary(run.steps().size() - 1, path);
    if (run.steps().size() > 1 && first && last) {
      sentences.push_back(
          fmt::format("{}: the mean {} R² of the update is {} at step {} and {} at step {}.",
                      run.label(),
                      run.in_sample(kUpdateScore) ? "in-sample" : "held-out",
                      fixed(first->mean, 3),
                      grouped(run.steps().front()),
                      fixed(last->mean, 3),
                      grouped(run.steps().back())));
    }
  }
  return sentences;
}

void add_runs(Markup& html, const Dynamics& dynamics) {
  html.open("section", {{"class", "summary"}}).element("h2", "Runs").newline();
  std::vector<std::string> keys;
  for (size_t i = 0; i < dynamics.runs().size() && dynamics.runs().size() > 1; ++i) {
    keys.push_back(draw_key(model_style(i)));
  }
  add_text_table(html, runs_table(dynamics), keys);
  if (const auto sentences = sentences_of(dynamics); !sentences.empty()) {
    add_list(html, sentences);
  }
  html.close().newline();
}

void add_figures(Markup& html, const Dynamics& dynamics) {
  size_t number = 0;
  for (const DynamicsFigure& figure : make_dynamics_figures(dynamics)) {
    add_figure(html, figure.figure, ++number, {}, [&] {
      for (const TextTable& table : figure.data) {
        if (!table.rows.empty()) {
          add_text_table(html, table, {});
        }
      }
    });
  }
}

void add_steps(Markup& html, const Dynamics& dynamics) {
  html.open("section", {{"id", "steps"}}).element("h2", "Over the steps").newline();
  add_text_table(html, steps_table(dynamics), {});
  html.element("p", {{"class", "caveat"}}, std::string(kMeansRemark) + ".").newline();
  for (const ComparedMetric& metric : kDynamicsMetrics) {
    if (dynamics.any_in_sample(metric)) {
      html.element("p", {{"class", "caveat"}}, std::string(kStepInSampleRemark) + ".").newline();
      break;
    }
  }
  html.close().newline();
}

void add_protocol(Markup& html, const Dynamics& dynamics) {
  html.open("section", {{"id", "protocol"}}).element("h2", "How each was measured").newline();
  for (const TrainedRun& run : dynamics.runs()) {
    html.open("details").element("summary", run.label()).newline();
    Json facts = Json::object();
    for (const char* key :
         {"model", "data", "protocol", "compute", "software", "config", "seed", "date"}) {
      if (const Json* value = find_path(run.analysis(0).json(), key); value != nullptr) {
        facts[key] = *value;
      }
    }
    add_properties(html, facts);
    html.close().newline();
  }
  html.close().newline();
}

}  // namespace

std::string render_dynamics_html(const std::vector<DynamicsRun>& runs) {
  const Dynamics dynamics(runs);
  const Json document = make_dynamics(runs);
  Markup html;
  open_page(html, page_title(dynamics));
  html.open("header").newline().element("h1", page_title(dynamics)).newline();
  html.close().newline();
  add_warnings(html, "These results differ", dynamics.differences());
  add_runs(html, dynamics);
  add_figures(html, dynamics);
  add_steps(html, dynamics);
  add_warnings(html, "Warnings of the single results", dynamics.warnings());
  add_definitions(html, document.at("metrics"));
  add_protocol(html, dynamics);
  close_page(html, std::string(version()), document);
  return html.take();
}

}  // namespace linscan
