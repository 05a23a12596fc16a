#include "report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/error.h"
#include "report/run_facts.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr double kSameRatio = 1.05;  // n / d closer than this changes no score visibly

struct DifferenceRule {
  std::string_view fact;
  std::string_view title;
  std::string_view consequence;
};

constexpr DifferenceRule kDifferenceRules[] = {
    {"data",
     "token ids differ",
     "Scores depend on the text and on its tokenizer: differences between these models are also "
     "differences between their inputs."},
    {"ctx", "window length differs", "First tokens are a larger share of shorter windows."},
    {"protocol",
     "protocol differs",
     "The published protocol scores short chunks in sample, the default holds documents out: "
     "figures of the two are not like for like."},
    {"folds",
     "held-out folds differ",
     "Fewer folds fit on fewer tokens, one fold means no held-out score, and spans of one text "
     "resemble each other more than documents do."},
    {"seed", "seed differs", "Folds and sampled tokens are other ones."},
    {"dtype",
     "dtype of the matmuls differs",
     "Rounding to bf16 adds noise to small updates and lowers their scores."},
    {"tokens", "n differs", "The intrinsic dimension falls with the sample size."},
};

// Values and the models that have them, in the order of the models.
using Groups = std::vector<std::pair<std::string, std::vector<std::string>>>;

void add_to_group(const std::string& value, const std::string& label, Groups& groups) {
  auto it = std::find_if(
      groups.begin(), groups.end(), [&](const auto& group) { return group.first == value; });
  if (it == groups.end()) {
    it = groups.insert(it, {value, {}});
  }
  it->second.push_back(label);
}

std::string group_text(const Groups& groups) {
  std::string out;
  for (const auto& [value, labels] : groups) {
    out += fmt::format("{}{} ({})", out.empty() ? "" : "; ", value, name_list(labels));
  }
  return out;
}

std::string default_label(const ComparisonInput& input, const ResultDocument& analysis) {
  const std::string given = clean_text(input.label);
  const std::string name = given.empty() ? analysis.model_name() : given;
  return name.empty() ? "model" : name;
}

// What a fact adds to a label: "ctx 128", "bf16", "paper".
std::string label_part(const RunFact& fact) {
  if (fact.value.empty()) {
    return fmt::format("{} not stated", fact.name);
  }
  if (fact.name == "dtype" || fact.name == "protocol" || fact.name == "model") {
    return fact.shown;
  }
  return fact.name == "tokens" ? fact.shown + " tokens"
                               : fmt::format("{} {}", fact.name, fact.shown);
}

// Adds to the labels of `members`, which are equal, facts that differ between them: one after the
// other, until all are apart or no fact helps.
void tell_apart(const std::vector<size_t>& members, std::vector<ComparedModel>& models) {
  std::vector<std::string> parts(members.size());
  size_t apart = 1;
  for (const std::string_view name :
       {"protocol", "ctx", "dtype", "tokens", "folds", "seed", "weights", "data", "model"}) {
    std::vector<std::string> longer;
    for (size_t i = 0; i < members.size(); ++i) {
      const std::string part = label_part(run_fact(models[members[i]].analysis, name));
      longer.push_back(parts[i] + (parts[i].empty() ? "" : ", ") + part);
    }
    const size_t now = std::set<std::string>(longer.begin(), longer.end()).size();
    if (now > apart) {
      apart = now;
      parts = std::move(longer);
    }
  }
  for (size_t i = 0; i < members.size(); ++i) {
    if (!parts[i].empty()) {
      models[members[i]].label += fmt::format(" ({})", parts[i]);
    }
  }
}

void make_labels_unique(std::vector<ComparedModel>& models) {
  std::map<std::string, std::vector<size_t>> same;
  for (size_t i = 0; i < models.size(); ++i) {
    same[models[i].label].push_back(i);
  }
  for (const auto& [label, members] : same) {
    if (members.size() > 1) {
      tell_apart(members, models);
    }
  }
  std::set<std::string> taken;
  for (ComparedModel& model : models) {
    const std::string label = model.label;
    for (int count = 2; !taken.insert(model.label).second; ++count) {
      model.label = fmt::format("{} #{}", label, count);
    }
  }
}

std::string ratio_remark(const std::vector<ComparedModel>& models) {
  Groups groups;
  double lowest = 0, highest = 0;
  for (const ComparedModel& model : models) {
    const Number ratio = tokens_per_feature(model.analysis);
    if (ratio) {
      lowest = groups.empty() ? *ratio : std::min(lowest, *ratio);
      highest = groups.empty() ? *ratio : std::max(highest, *ratio);
      add_to_group(significant(ratio, 3), model.label, groups);
    }
  }
  if (groups.size() < 2 || highest <= lowest * kSameRatio) {
    return "";
  }
  return fmt::format(
      "n / d differs: {}. In-sample scores of unrelated data are d/(n−1): in sample these models "
      "cannot be compared, held out they can where n / d is at least 5.",
      group_text(groups));
}

// Which models' scores are in sample where the others' are held out.
std::string stand_in_remark(const Comparison& comparison) {
  std::vector<std::string> labels;
  for (const ComparedModel& model : comparison.models()) {
    for (const ComparedMetric& metric : {kUpdateScore, kStreamScore}) {
      if (comparison.mixed(metric) && is_in_sample(model.analysis, metric)) {
        labels.push_back(model.label);
        break;
      }
    }
  }
  return labels.empty() ? ""
                        : fmt::format(
                              "R² is in sample for {}, where the result has no held-out "
                              "score, and held out for the others. In-sample scores are "
                              "higher for that alone.",
                              name_list(labels));
}

}  // namespace

std::vector<std::string> compared_paths() {
  std::vector<std::string> paths;
  for (const ComparedMetric& metric : kComparedMetrics) {
    paths.emplace_back(metric.path);
    if (!metric.in_sample.empty()) {
      paths.emplace_back(metric.in_sample);
    }
  }
  return paths;
}

Comparison::Comparison(const std::vector<ComparisonInput>& inputs) {
  LINSCAN_CHECK(!inputs.empty(), kInput, "nothing to compare: give at least one result");
  for (const ComparisonInput& input : inputs) {
    try {
      ResultDocument analysis(*input.document);
      std::string label = default_label(input, analysis);
      models_.push_back({std::move(label), std::move(analysis)});
    } catch (const Error& e) {
      fail(e.kind(), "{}: {}", input.source, e.what());
    }
  }
  make_labels_unique(models_);
}

bool Comparison::any(std::string_view path) const {
  return std::any_of(models_.begin(), models_.end(), [&](const ComparedModel& model) {
    return model.analysis.any(path);
  });
}

bool Comparison::mixed(const ComparedMetric& metric) const {
  bool held_out = false, in_sample = false;
  for (const ComparedModel& model : models_) {
    held_out |= model.analysis.any(metric.path);
    in_sample |= is_in_sample(model.analysis, metric);
  }
  return held_out && in_sample;
}

std::vector<std::string> Comparison::differences() const {
  std::vector<std::string> out;
  for (const DifferenceRule& rule : kDifferenceRules) {
    Groups groups;
    for (const ComparedModel& model : models_) {
      add_to_group(run_fact(model.analysis, rule.fact).shown, model.label, groups);
    }
    if (groups.size() > 1) {
      out.push_back(fmt::format("{}: {}. {}", rule.title, group_text(groups), rule.consequence));
    }
  }
  for (std::string remark : {ratio_remark(models_), stand_in_remark(*this)}) {
    if (!remark.empty()) {
      out.push_back(std::move(remark));
    }
  }
  return out;
}

std::vector<std::string> Comparison::warnings() const {
  Groups groups;
  for (const ComparedModel& model : models_) {
    for (const std::string& warning : model.analysis.warnings()) {
      add_to_group(warning, model.label, groups);
    }
  }
  std::vector<std::string> out;
  for (const auto& [warning, labels] : groups) {
    out.push_back(fmt::format(
        "{}: {}",
        labels.size() == models_.size() && labels.size() > 1 ? "all models" : name_list(labels),
        warning));
  }
  return out;
}

bool is_in_sample(const ResultDocument& analysis, const ComparedMetric& metric) {
  return !metric.in_sample.empty() && !analysis.any(metric.path) && analysis.any(metric.in_sample);
}

std::string chosen_path(const ResultDocument& analysis, const ComparedMetric& metric) {
  return std::string(is_in_sample(analysis, metric) ? metric.in_sample : metric.path);
}

double normalised_depth(const ResultDocument& analysis, size_t block) {
  const size_t last = analysis.blocks().size() - 1;
  return last == 0 ? 0.0 : static_cast<double>(block) / static_cast<double>(last);
}

std::optional<Summary> summarize_metric(const ResultDocument& analysis, std::string_view path) {
  Summary summary{0, {0, 0}, {0, 0}, 0};
  for (size_t i = 0; i < analysis.blocks().size(); ++i) {
    const Number value = analysis.blocks()[i].number(path);
    if (!value) {
      continue;
    }
    if (summary.blocks == 0 || *value < summary.lowest.value) {
      summary.lowest = {*value, i};
    }
    if (summary.blocks == 0 || *value > summary.highest.value) {
      summary.highest = {*value, i};
    }
    summary.mean += *value;
    ++summary.blocks;
  }
  if (summary.blocks == 0) {
    return std::nullopt;
  }
  summary.mean /= static_cast<double>(summary.blocks);
  return summary;
}

std::string name_list(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  return names.size() <= kShown ? join_words(names)
                                : fmt::format("{} and {} others", names.front(), names.size() - 1);
}

Number tokens_per_feature(const ResultDocument& analysis) {
  return analysis.d() > 0
             ? Number(static_cast<double>(analysis.n()) / static_cast<double>(analysis.d()))
             : std::nullopt;
}

}  // namespace linscan
