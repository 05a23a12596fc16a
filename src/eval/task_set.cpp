#include "linscan/eval/task_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"

namespace linscan {

std::vector<TaskFile> parse_task_files(const std::vector<std::string>& arguments) {
  std::vector<TaskFile> files;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos || equals + 1 == argument.size()) {
      fail(ErrorKind::kUsage,
           "--task {}: expected NAME=FILE, like arc_easy=ARC-Easy-Test.jsonl",
           argument);
    }
    const std::string name = argument.substr(0, equals);
    find_task(name);
    if (std::ranges::find(files, name, &TaskFile::task) != files.end()) {
      fail(ErrorKind::kUsage, "--task {}: given twice", name);
    }
    files.push_back({name, argument.substr(equals + 1)});
  }
  return files;
}

TaskSet::TaskSet(const std::vector<TaskFile>& files, int64_t limit, PromptEncoder& encoder) {
  for (const auto& [name, file] : files) {
    Entry entry{&find_task(name), file, {}};
    entry.items = read_task(*entry.task, file, limit);
    for (size_t i = 0; i < entry.items.size(); ++i) {
      const TaskItem& item = entry.items[i];
      for (int64_t choice = 0; choice < item.choices(); ++choice) {
        requests_.push_back(
            encoder.encode_pair(item.context(choice),
                                item.continuation(choice),
                                fmt::format("{}: item {}, choice {}", item.where, i, choice)));
        requests_.back().wants_greedy = entry.task->kind == TaskKind::kLastWord;
      }
    }
    entries_.push_back(std::move(entry));
  }
}

Json TaskSet::summarize(std::span<const ScoredRequest> scores,
                        std::vector<std::string>* items) const {
  Json tasks = Json::object();
  size_t next = 0;
  for (const Entry& entry : entries_) {
    std::vector<ItemScore> item_scores;
    const size_t first = next;
    for (size_t i = 0; i < entry.items.size(); ++i) {
      const TaskItem& item = entry.items[i];
      const auto own = scores.subspan(next, static_cast<size_t>(item.choices()));
      next += own.size();
      item_scores.push_back(score_item(*entry.task, item, own));
      if (items != nullptr) {
        items->push_back(
            describe_item(*entry.task, static_cast<int64_t>(i), item, item_scores.back(), own)
                .dump());
      }
    }
    tasks[std::string(entry.task->name)] =
        summarize_task(*entry.task, entry.items, item_scores, scores.subspan(first, next - first));
  }
  return tasks;
}

Json TaskSet::describe() const {
  Json tasks = Json::object();
  for (const Entry& entry : entries_) {
    tasks[std::string(entry.task->name)] = {{"file", entry.file.string()},
                                            {"sha256", sha256_of_file(entry.file)}};
  }
  return tasks;
}

}  // namespace linscan
