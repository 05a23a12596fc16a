#include "common/compare_inputs.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/result_file.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxLogBytes = int64_t{4} << 30;

struct Result {
  const Json* document;
  std::string source;
  std::optional<int64_t> step;
};

// One argument.
struct Item {
  std::string label;            // as given, may be empty
  fs::path run;                 // folder of a training run, else empty
  std::vector<Result> results;  // of a run all that it has, else one
};

// The files linearity/step-*.json of a run by name; none for other folders.
std::vector<fs::path> files_of_run(const fs::path& folder) {
  const fs::path linearity = folder / "linearity";
  std::vector<fs::path> files;
  std::error_code error;
  if (!fs::is_directory(linearity, error)) {
    return files;
  }
  for (fs::directory_iterator it(linearity, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".json")) {
      files.push_back(it->path());
    }
  }
  LINSCAN_CHECK(!error, kInput, "{}: cannot be listed: {}", linearity.string(), error.message());
  std::ranges::sort(files);
  return files;
}

// The step of "1000=results/a"; the argument becomes what follows. A file or folder that is named
// so is taken as it is.
std::optional<int64_t> take_step(std::string& argument) {
  const size_t end = argument.find('=');
  std::error_code ignored;
  if (end == std::string::npos || end == 0 || fs::exists(argument, ignored)) {
    return std::nullopt;
  }
  int64_t step = 0;
  const char* last = argument.data() + end;
  const auto [stopped, error] = std::from_chars(argument.data(), last, step);
  if (error != std::errc() || stopped != last || step < 0) {
    return std::nullopt;
  }
  argument.erase(0, end + 1);
  return step;
}

Result read_result(const fs::path& path, std::optional<int64_t> step, std::deque<Json>& documents) {
  const Json& document = documents.emplace_back(read_json_file(path));
  check_interrupt();
  Result result{&document, path.string(), step};
  if (!step) {
    naming(path, [&] { result.step = training_step(document); });
  }
  return result;
}

Item read_run(const fs::path& folder,
              const std::vector<fs::path>& files,
              std::deque<Json>& documents) {
  Item item;
  item.run = folder;
  for (const fs::path& file : files) {
    item.results.push_back(read_result(file, std::nullopt, documents));
    LINSCAN_CHECK(
        item.results.back().step, kInput, "{}: result: training.step is missing", file.string());
  }
  return item;
}

Item read_item(std::string argument, std::deque<Json>& documents) {
  const std::optional<int64_t> step = take_step(argument);
  const std::vector<fs::path> files = files_of_run(argument);
  if (!files.empty()) {
    LINSCAN_CHECK(!step,
                  kUsage,
                  "{}: is the folder of a training run, whose results have their steps; leave out "
                  "'{}='",
                  argument,
                  *step);
    return read_run(argument, files, documents);
  }
  const fs::path path = result_file(argument);
  std::error_code ignored;
  LINSCAN_CHECK(
      path == fs::path(argument) || !fs::exists(fs::path(argument) / "train.jsonl", ignored),
      kInput,
      "{}: a training run without linearity/step-*.json: it was not measured, or not yet "
      "(`linscan pretrain-reg --measure-points N` with N above 0)",
      argument);
  Item item;
  item.results.push_back(read_result(path, step, documents));
  return item;
}

bool over_steps(const std::vector<Item>& items, const std::string& over) {
  const Result* with = nullptr;
  const Result* without = nullptr;
  for (const Item& item : items) {
    const Result& first = item.results.front();
    (first.step ? with : without) = &first;
  }
  if (over == "depth" || (over.empty() && with == nullptr)) {
    return false;
  }
  LINSCAN_CHECK(without == nullptr,
                kInput,
                "{}: has no training step{}; give it as STEP={}, or compare over depth "
                "(--over depth)",
                without->source,
                with == nullptr ? "" : ", and " + with->source + " has one",
                without->source);
  return true;
}

std::string folder_name(const fs::path& folder) {
  return fs::absolute(folder / "").lexically_normal().parent_path().filename().string();
}

void add_last_result(const Item& item, std::vector<ComparisonInput>& inputs) {
  const auto last = std::ranges::max_element(
      item.results, {}, [](const Result& r) { return r.step.value_or(0); });
  std::string label = item.label;
  if (label.empty() && !item.run.empty()) {
    label = folder_name(item.run);
  }
  inputs.push_back({last->document, last->source, std::move(label)});
}

// The folders' names, or the whole paths where two have the same name.
std::vector<std::string> names_of_runs(const std::vector<Item>& items) {
  std::vector<std::string> names;
  std::multiset<std::string> taken;
  for (const Item& item : items) {
    names.push_back(item.run.empty() ? "" : folder_name(item.run));
    taken.insert(names.back());
  }
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].run.empty() && taken.count(names[i]) > 1) {
      names[i] = items[i].run.lexically_normal().string();
    }
  }
  return names;
}

void add_points(const Item& item, DynamicsRun& run) {
  for (const Result& result : item.results) {
    run.points.push_back({*result.step, result.document, result.source});
  }
}

std::vector<DynamicsRun> make_runs(const std::vector<Item>& items) {
  const std::vector<std::string> names = names_of_runs(items);
  std::vector<DynamicsRun> runs;
  std::vector<size_t> grouped;  // places of the runs that single results make
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (!item.run.empty()) {
      DynamicsRun& run = runs.emplace_back();
      run.label = item.label.empty() ? names[i] : item.label;
      const fs::path log = item.run / "train.jsonl";
      std::error_code unknown;  // what cannot be looked at fails with its reason when it is read
      if (fs::exists(log, unknown) || unknown) {
        run.log = parse_training_log(read_file(log, kMaxLogBytes), log.string());
      }
      add_points(item, run);
      continue;
    }
    const std::string label = item.label.empty() ? "checkpoints" : item.label;
    const auto found =
        std::ranges::find_if(grouped, [&](size_t place) { return runs[place].label == label; });
    const size_t place = found == grouped.end() ? runs.size() : *found;
    if (place == runs.size()) {
      grouped.push_back(place);
      runs.emplace_back().label = label;
    }
    add_points(item, runs[place]);
  }
  return runs;
}

}  // namespace

CompareInputs read_compare_inputs(const CompareArguments& arguments) {
  const size_t count = arguments.results.size();
  LINSCAN_CHECK(arguments.labels.empty() || arguments.labels.size() == count,
                kUsage,
                "--label: {} name{} for {} result{}; give one per RESULT, after the last of them",
                arguments.labels.size(),
                arguments.labels.size() == 1 ? "" : "s",
                count,
                count == 1 ? "" : "s");
  CompareInputs inputs;
  std::vector<Item> items;
  for (size_t i = 0; i < count; ++i) {
    items.push_back(read_item(arguments.results[i], inputs.documents));
    items.back().label = arguments.labels.empty() ? "" : arguments.labels[i];
  }
  inputs.over_steps = over_steps(items, arguments.over);
  if (inputs.over_steps) {
    inputs.runs = make_runs(items);
    return inputs;
  }
  for (const Item& item : items) {
    add_last_result(item, inputs.results);
  }
  return inputs;
}

}  // namespace linscan::tools
