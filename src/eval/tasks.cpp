// The list of tasks, and their files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "eval/task_readers.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/text/corpus.h"
#include "text/line_reader.h"

namespace linscan {
namespace {

constexpr std::array<Task, 15> kTasks{{
    {"arc_easy", TaskKind::kChoice, false, read_arc},
    {"arc_challenge", TaskKind::kChoice, false, read_arc},
    {"boolq", TaskKind::kChoice, false, read_boolq},
    {"cb", TaskKind::kChoice, true, read_cb},
    {"copa", TaskKind::kChoice, false, read_copa},
    {"hellaswag", TaskKind::kChoice, false, read_hellaswag},
    {"lambada", TaskKind::kLastWord, false, read_lambada},
    {"multirc", TaskKind::kChoice, false, read_multirc},
    {"openbookqa", TaskKind::kChoice, false, read_openbookqa},
    {"piqa", TaskKind::kChoice, false, read_piqa},
    {"record", TaskKind::kEntities, false, read_record},
    {"rte", TaskKind::kChoice, false, read_rte},
    {"wic", TaskKind::kChoice, false, read_wic},
    {"winogrande", TaskKind::kChoice, false, read_winogrande},
    {"wsc", TaskKind::kChoice, false, read_wsc},
}};

// An item with fewer than two choices cannot be answered wrongly.
void check_choices(const Task& task, const TaskItem& item) {
  const int64_t least = task.kind == TaskKind::kChoice ? 2 : 1;
  LINSCAN_CHECK(item.choices() >= least,
                kInput,
                "{}: {} choice{}, expected at least {}",
                item.where,
                item.choices(),
                item.choices() == 1 ? "" : "s",
                least);
}

}  // namespace

int64_t TaskItem::choices() const {
  return static_cast<int64_t>(std::max(contexts.size(), continuations.size()));
}

const std::string& TaskItem::context(int64_t choice) const {
  return contexts.size() == 1 ? contexts.front() : contexts[static_cast<size_t>(choice)];
}

const std::string& TaskItem::continuation(int64_t choice) const {
  return continuations.size() == 1 ? continuations.front()
                                   : continuations[static_cast<size_t>(choice)];
}

std::span<const Task> tasks() {
  return kTasks;
}

const Task& find_task(std::string_view name) {
  const auto found = std::ranges::find(kTasks, name, &Task::name);
  if (found == kTasks.end()) {
    std::string known;
    for (const Task& task : kTasks) known += (known.empty() ? "" : ", ") + std::string(task.name);
    fail(ErrorKind::kUsage, "unknown task \"{}\"; known: {}", name, known);
  }
  return *found;
}

std::vector<TaskItem> read_task(const Task& task,
                                const std::filesystem::path& file,
                                int64_t limit) {
  check_data_files({file});
  LINSCAN_CHECK(data_format(file) == DataFormat::kJsonLines,
                kInput,
                "{}: a task is read from JSON lines (.jsonl, also .gz, .zst)",
                file.string());
  std::vector<TaskItem> items;
  LineReader lines(file);
  std::string line;
  const auto wanted = static_cast<size_t>(limit);
  while ((limit == 0 || items.size() < wanted) && lines.next(line)) {
    check_interrupt();
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = fmt::format("{}:{}", file.string(), lines.line_number());
    const size_t before = items.size();
    task.read(parse_json(line, where), where, items);
    for (size_t i = before; i < items.size(); ++i) check_choices(task, items[i]);
  }
  if (limit > 0 && items.size() > wanted) items.resize(wanted);
  LINSCAN_CHECK(!items.empty(), kInput, "{}: no items of {}", file.string(), task.name);
  return items;
}

}  // namespace linscan
