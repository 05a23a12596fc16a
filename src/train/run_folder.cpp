#include "train/run_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/io/safetensors.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSchema = "linscan.training-state/1";
constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kStateSuffix = ".safetensors";

// The step of "step-00000500" and whatever follows it; nothing for other names.
std::optional<int64_t> step_of(std::string_view name, std::string_view* rest) {
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  name.remove_prefix(kPrefix.size());
  int64_t step = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
  if (error != std::errc() || end - name.data() < 8) {
    return std::nullopt;
  }
  *rest = name.substr(static_cast<size_t>(end - name.data()));
  return step;
}

std::string checkpoint_name(int64_t step) {
  return fmt::format("{}{:08}", kPrefix, step);
}

// Keys of two configs that differ, as paths.
void list_differences(const Json& ours,
                      const Json& theirs,
                      const std::string& path,
                      std::vector<std::string>& keys) {
  if (ours.is_object() && theirs.is_object()) {
    std::set<std::string> names;
    for (const Json* config : {&ours, &theirs}) {
      for (const auto& [name, value] : config->items()) {
        names.insert(name);
      }
    }
    for (const std::string& name : names) {
      list_differences(ours.value(name, Json()),
                       theirs.value(name, Json()),
                       path.empty() ? name : path + "." + name,
                       keys);
    }
  } else if (ours != theirs) {
    keys.push_back(fmt::format("{} ({} then, {} now)", path, theirs.dump(), ours.dump()));
  }
}

void check_same_config(const Json& now, const Json& then, const fs::path& file) {
  std::vector<std::string> keys;
  list_differences(now, then, "", keys);
  LINSCAN_CHECK(keys.empty(),
                kInput,
                "{}: cannot be resumed with another configuration: {}; restore them, or begin a "
                "new run in another folder",
                file.string(),
                fmt::join(keys, ", "));
}

// The tensors of a state file, under their names.
template <typename Visit>
void visit_state(AdamW& optimizer, const Visit& visit) {
  const std::vector<Parameter>& parameters = optimizer.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    AdamW::Moments& moments = optimizer.moments()[i];
    visit("parameter/" + parameters[i].name, parameters[i].value);
    visit("first_moment/" + parameters[i].name, moments.first);
    visit("second_moment/" + parameters[i].name, moments.second);
    visit("steps/" + parameters[i].name, moments.steps);
  }
}

Json to_json(const TrainingProgress& progress) {
  Json json = {{"step", progress.step},
               {"evaluations_since_best", progress.evaluations_since_best}};
  if (progress.best_step) {
    json["best_step"] = *progress.best_step;
    json["best_loss"] = *progress.best_loss;
  }
  return json;
}

TrainingProgress progress_from(const Json& json) {
  TrainingProgress progress;
  progress.step = json.at("step").get<int64_t>();
  progress.evaluations_since_best = json.at("evaluations_since_best").get<int64_t>();
  if (json.contains("best_step")) {
    progress.best_step = json.at("best_step").get<int64_t>();
    progress.best_loss = json.at("best_loss").get<double>();
  }
  return progress;
}

}  // namespace

void RunFolder::require_new(const fs::path& folder) {
  LINSCAN_CHECK(!fs::exists(folder / "train.jsonl") && !fs::exists(folder / "checkpoints"),
                kInput,
                "{}: holds a training already; go on with it by --resume, or choose another folder",
                folder.string());
}

RunFolder::RunFolder(fs::path folder, bool resume)
    : folder_(std::move(folder)), log_(folder_ / "train.jsonl") {
  const fs::path checkpoints_folder = folder_ / "checkpoints";
  if (!resume) {
    require_new(folder_);
  }
  std::error_code error;
  fs::create_directories(checkpoints_folder, error);
  LINSCAN_CHECK(
      !error, kInput, "{}: cannot be made: {}", checkpoints_folder.string(), error.message());
}

fs::path RunFolder::checkpoint(int64_t step) const {
  return folder_ / "checkpoints" / checkpoint_name(step);
}

fs::path RunFolder::state_file(int64_t step) const {
  return folder_ / "checkpoints" / (checkpoint_name(step) + std::string(kStateSuffix));
}

std::vector<int64_t> RunFolder::checkpoints() const {
  std::vector<int64_t> steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "checkpoints")) {
    std::string_view rest;
    const std::string name = entry.path().filename().string();
    const std::optional<int64_t> step = step_of(name, &rest);
    if (step && rest.empty() && entry.is_directory() && fs::exists(state_file(*step))) {
      steps.push_back(*step);
    }
  }
  std::ranges::sort(steps);
  return steps;
}

void RunFolder::write_checkpoint(const TrainableModel& model,
                                 AdamW& optimizer,
                                 const TrainingProgress& progress,
                                 const Json& config,
                                 ExportForm form) const {
  if (fs::exists(checkpoint(progress.step))) {
    return;  // the same bits
  }
  std::vector<TensorEntry> entries;
  visit_state(optimizer, [&](const std::string& name, const at::Tensor& tensor) {
    entries.push_back({name, DType::kF32, tensor.sizes().vec()});
  });
  SafetensorsWriter writer(state_file(progress.step),
                           std::move(entries),
                           {{"schema", std::string(kSchema)},
                            {"progress", to_json(progress).dump()},
                            {"config", config.dump()}});
  visit_state(optimizer, [&](const std::string& name, const at::Tensor& tensor) {
    const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
    writer.write(name, 0, host.const_data_ptr(), static_cast<int64_t>(host.nbytes()));
  });
  writer.commit();
  write_model(model.edited(/*as_stored=*/true), checkpoint(progress.step), form);
}

TrainingProgress RunFolder::read_checkpoint(int64_t step,
                                            AdamW& optimizer,
                                            const Json& config) const {
  const fs::path path = state_file(step);
  const SafetensorsFile file = SafetensorsFile::open(path);
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    LINSCAN_CHECK(found != file.metadata().end(),
                  kInput,
                  "{}: is no training state: its metadata have no '{}'",
                  path.string(),
                  key);
    return found->second;
  };
  LINSCAN_CHECK(metadata("schema") == kSchema,
                kInput,
                "{}: schema '{}', expected '{}'",
                path.string(),
                metadata("schema"),
                kSchema);
  check_same_config(config, parse_json(metadata("config"), path.string()), path);
  const at::NoGradGuard no_grad;
  visit_state(optimizer, [&](const std::string& name, const at::Tensor& tensor) {
    const TensorView* view = file.find(name);
    LINSCAN_CHECK(
        view != nullptr && view->dtype == DType::kF32 && view->shape == tensor.sizes().vec(),
        kInput,
        "{}: does not fit the model: tensor '{}' is missing or misshapen",
        path.string(),
        name);
    at::Tensor target = tensor;
    target.detach().copy_(tensor_from_view(*view));
  });
  try {
    return progress_from(parse_json(metadata("progress"), path.string()));
  } catch (const nlohmann::json::exception&) {
    fail_input("{}: its metadata 'progress' are not readable", path.string());
  }
}

void RunFolder::prune(int64_t keep, std::optional<int64_t> best) const {
  const std::vector<int64_t> steps = checkpoints();
  const auto count = static_cast<int64_t>(steps.size());
  for (int64_t i = 0; keep > 0 && i < count - keep; ++i) {
    const int64_t step = steps[static_cast<size_t>(i)];
    if (step == best) {
      continue;
    }
    // The state first: without it the rest counts as nothing.
    fs::remove(state_file(step));
    remove_tree(checkpoint(step));
  }
}

void RunFolder::clean_up(int64_t step) const {
  const std::vector<int64_t> complete = checkpoints();
  std::vector<fs::path> broken;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "checkpoints")) {
    std::string_view rest;
    const std::string name = entry.path().filename().string();
    const std::optional<int64_t> own = step_of(name, &rest);
    const bool whole =
        own && (rest.empty() || rest == kStateSuffix) && std::ranges::binary_search(complete, *own);
    if (own && !whole) {
      broken.push_back(entry.path());
    }
  }
  // What is written beside its final name until it is whole (base/files.h, io/staged_folder.h).
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    if (entry.path().filename().string().find(".tmp-") != std::string::npos) {
      broken.push_back(entry.path());
    }
  }
  for (const fs::path& path : broken) {
    remove_tree(path);
  }
  if (!fs::exists(log_)) {
    return;
  }
  std::string kept;
  std::ifstream log(log_);
  for (std::string line; std::getline(log, line);) {
    const Json parsed = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object() || parsed.value("step", step + 1) > step) {
      break;
    }
    kept += line + "\n";
  }
  write_file_atomically(log_, kept);
}

void RunFolder::append_log(const Json& line) const {
  std::ofstream log(log_, std::ios::app);
  log << line.dump() << '\n';
  log.flush();
  LINSCAN_CHECK(log.good(), kInput, "{}: cannot be written", log_.string());
}

}  // namespace linscan
