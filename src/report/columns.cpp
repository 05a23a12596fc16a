#include "report/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "report/text.h"

namespace linscan {
namespace {

void collect(const Json& json,
             const std::string& path,
             std::set<std::string>& seen,
             std::vector<Column>& out) {
  if (json.is_object()) {
    for (const auto& item : json.items()) {
      collect(item.value(), path + "." + item.key(), seen, out);
    }
  } else if (seen.insert(path).second) {
    out.push_back({path, json.is_array() || path.ends_with("_ci")});
  }
}

struct GroupRule {
  std::string_view prefix;
  std::string_view title;
  std::string_view stripped = {};  // from the heads, where that is not the prefix
};

// Longest prefix first. What matches none goes into a group of its first path segment.
constexpr GroupRule kGroupRules[] = {
    {"linearity.stream.", "Linearity of the stream (with residual)"},
    {"linearity.update.", "Linearity of the update (without residual)"},
    {"baselines.rank.", "Maps of rank k, on the stream, in sample", "baselines."},
    {"baselines.", "The ladder of simpler maps, on the stream, in sample"},
    {"geometry.", "Geometry of the block's output"},
    {"tokens.without_first.", "Without the first token of every window"},
    {"tokens.first.", "The first tokens alone"},
    {"sublayers.attention.", "Attention sublayer"},
    {"sublayers.mlp.", "MLP sublayer"},
    {"damage.", "Damage: the block replaced in the running model"},
    {"probe.", "Probe: a linear classifier on the last token's state"},
};

constexpr size_t kMaxNotes = 12;
constexpr size_t kMaxRows = 8;
constexpr size_t kMaxPaths = 3;

// "a, b and c"; of more than `limit` names the first and how many there are.
std::string shortened(const std::vector<std::string>& names, size_t limit, std::string_view unit) {
  return names.size() <= limit
             ? join_words(names)
             : fmt::format("{} and others, {} {}", names.front(), names.size(), unit);
}

// Rows that lack numbers for the same reason, and which numbers.
struct Note {
  std::string reason;
  std::vector<std::string> rows;
  std::vector<std::string> paths;
};

std::vector<Note> notes_of_path(const ResultDocument& analysis, const std::string& path) {
  std::vector<Note> notes;
  for (const Row& row : of_blocks_only(path) ? analysis.blocks() : analysis.rows()) {
    if (row.number(path)) {
      continue;
    }
    const std::string reason = row.reason(path);
    auto it = std::find_if(
        notes.begin(), notes.end(), [&](const Note& note) { return note.reason == reason; });
    if (it == notes.end()) {
      it = notes.insert(it, Note{reason, {}, {path}});
    }
    it->rows.push_back(row_label(row));
  }
  return notes;
}

// Notes on several paths become one where reason and rows are the same.
std::vector<Note> merged_notes(const ResultDocument& analysis,
                               const std::vector<std::string>& paths) {
  std::vector<Note> notes;
  for (const std::string& path : paths) {
    for (Note& note : notes_of_path(analysis, path)) {
      const auto same = std::find_if(notes.begin(), notes.end(), [&](const Note& other) {
        return other.reason == note.reason && other.rows == note.rows;
      });
      if (same == notes.end()) {
        notes.push_back(std::move(note));
      } else {
        same->paths.push_back(path);
      }
    }
  }
  return notes;
}

ColumnGroup group_of(const std::string& path) {
  for (const GroupRule& rule : kGroupRules) {
    if (path.starts_with(rule.prefix)) {
      const std::string_view stripped = rule.stripped.empty() ? rule.prefix : rule.stripped;
      return {std::string(rule.title), std::string(stripped), {}};
    }
  }
  if (path.find('.') == std::string::npos || path.starts_with("norm.")) {
    return {"Direction and norm", "", {}};
  }
  const std::string first = path.substr(0, path.find('.'));
  return {first, first + ".", {}};
}

}  // namespace

std::vector<Column> collect_columns(const ResultDocument& analysis) {
  return collect_columns(analysis.rows());
}

std::vector<Column> collect_columns(const std::vector<Row>& rows) {
  std::vector<Column> columns;
  std::set<std::string> seen;
  for (const Row& row : rows) {
    for (const auto& item : row.json().items()) {
      if (item.key() != "block" && item.key() != "missing") {
        collect(item.value(), item.key(), seen, columns);
      }
    }
  }
  return columns;
}

std::vector<ColumnGroup> group_columns(const std::vector<Column>& columns) {
  std::vector<ColumnGroup> groups;
  for (const Column& column : columns) {
    ColumnGroup wanted = group_of(column.path);
    auto it = std::find_if(groups.begin(), groups.end(), [&](const ColumnGroup& group) {
      return group.title == wanted.title;
    });
    if (it == groups.end()) {
      it = groups.insert(groups.end(), std::move(wanted));
    }
    it->columns.push_back(column);
  }
  return groups;
}

bool of_blocks_only(std::string_view path) {
  return path.starts_with("sublayers.") || path.starts_with("damage.") ||
         path.starts_with("probe.");
}

bool cell_missing(const Row& row, const Column& column) {
  return column.interval ? !row.number(column.path + ".low") || !row.number(column.path + ".high")
                         : !row.number(column.path);
}

std::string cell_text(const Row& row, const Column& column) {
  if (!column.interval || cell_missing(row, column)) {
    return metric_text(column.path, column.interval ? std::nullopt : row.number(column.path));
  }
  return fmt::format("[{}, {}]",
                     metric_text(column.path, row.number(column.path + ".low")),
                     metric_text(column.path, row.number(column.path + ".high")));
}

std::string interval_text(const Row& row, std::string_view path, int decimals) {
  const Number low = row.number(std::string(path) + ".low");
  const Number high = row.number(std::string(path) + ".high");
  return low && high ? fmt::format("[{}, {}]", fixed(low, decimals), fixed(high, decimals))
                     : std::string(kMissingMark);
}

std::string row_label(const Row& row) {
  return row.name() == "post_norm" ? "post-norm" : row.name();
}

std::vector<std::string> missing_notes(const ResultDocument& analysis,
                                       const std::vector<std::string>& paths) {
  const std::vector<Note> notes = merged_notes(analysis, paths);
  std::vector<std::string> lines;
  for (const Note& note : notes) {
    if (lines.size() == kMaxNotes) {
      lines.push_back(fmt::format("and {} more", notes.size() - kMaxNotes));
      break;
    }
    lines.push_back(fmt::format(
        "{}: {} ({})",
        shortened(note.paths, kMaxPaths, "metrics"),
        note.reason,
        note.rows.size() == (of_blocks_only(note.paths.front()) ? analysis.blocks().size()
                                                                : analysis.rows().size())
            ? "all blocks"
            : shortened(note.rows, kMaxRows, "blocks")));
  }
  return lines;
}

}  // namespace linscan
