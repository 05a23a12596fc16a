// Several benchmarks as one list of requests, so that a model's weights are read once for all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/eval/prompt_encoder.h"
#include "linscan/eval/request.h"
#include "linscan/eval/task.h"

namespace linscan {

struct TaskFile {
  std::string task;
  std::filesystem::path file;
};

// NAME=FILE arguments of --task, each name once. Throws Error(kUsage) for anything else and for an
// unknown task.
std::vector<TaskFile> parse_task_files(const std::vector<std::string>& arguments);

class TaskSet {
 public:
  // The first `limit` items (0: all) of every file. Throws Error(kInput) naming file, line and
  // field.
  TaskSet(const std::vector<TaskFile>& files, int64_t limit, PromptEncoder& encoder);

  const std::vector<ScoreRequest>& requests() const { return requests_; }

  // "tasks" of a result from one score for each request; `items` gets one JSON line for each item.
  Json summarize(std::span<const ScoredRequest> scores, std::vector<std::string>* items) const;
  // File and digest of each task.
  Json describe() const;

 private:
  struct Entry {
    const Task* task;
    std::filesystem::path file;
    std::vector<TaskItem> items;
  };

  std::vector<Entry> entries_;
  std::vector<ScoreRequest> requests_;
};

}  // namespace linscan
