// Benchmarks read from the data sets' own JSON lines: what a model is asked, item by item, and how
// its answers are scored. Prompts and scores are those of lm-evaluation-harness, zero-shot.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/eval/request.h"

namespace linscan {

struct TaskItem {
  std::string where;  // "arc.jsonl:17", for errors
  // A choice is a context with a continuation; where all choices share one of the two, it is there
  // once.
  std::vector<std::string> contexts;
  std::vector<std::string> continuations;
  std::vector<int64_t> lengths;      // acc_norm: characters of each choice; empty: not scored
  int64_t gold = 0;                  // the right choice; multiple choice only
  std::vector<std::string> names;    // ReCoRD: the entity of each choice
  std::vector<std::string> answers;  // ReCoRD: what is right

  int64_t choices() const;
  const std::string& context(int64_t choice) const;
  const std::string& continuation(int64_t choice) const;
};

enum class TaskKind {
  kChoice,    // the most likely choice is the answer
  kLastWord,  // LAMBADA: one continuation, right when the model would write it
  kEntities,  // ReCoRD: the most likely entity is compared with every answer
};

struct Task {
  std::string_view name;
  TaskKind kind;
  bool class_f1;  // CB: F1 averaged over the classes
  // Appends the items of one line of a file; the line is named in errors.
  void (*read)(const Json& line, const std::string& where, std::vector<TaskItem>& items);
};

std::span<const Task> tasks();
// Throws Error(kUsage) that lists the tasks for a name that is none.
const Task& find_task(std::string_view name);

// The first `limit` items of a file (0: all), at least one. Throws Error(kInput) naming file, line
// and field.
std::vector<TaskItem> read_task(const Task& task, const std::filesystem::path& file, int64_t limit);

// What one item came to.
struct ItemScore {
  int64_t predicted = 0;             // the choice with the highest log-likelihood; LAMBADA: greedy
  std::optional<int64_t> by_length;  // the choice with the highest one for a character
  double acc = 0;
  double acc_norm = 0;
  double f1 = 0;
  double em = 0;
};

// scores  one for each choice of the item.
ItemScore score_item(const Task& task, const TaskItem& item, std::span<const ScoredRequest> scores);

// A task's member of the result: acc, acc_norm, f1, em, perplexity, stderr, n, as far as it has
// them. scores  those of all items' choices, one after another.
Json summarize_task(const Task& task,
                    std::span<const TaskItem> items,
                    std::span<const ItemScore> item_scores,
                    std::span<const ScoredRequest> scores);

// One line of --items.
Json describe_item(const Task& task,
                   int64_t index,
                   const TaskItem& item,
                   const ItemScore& score,
                   std::span<const ScoredRequest> scores);

}  // namespace linscan
