// One reader for each data set: a JSON line to items.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/eval/task.h"
#include "text/class_label.h"
#include "text/json_node.h"

namespace linscan {

using TaskReader = void(const Json& line, const std::string& where, std::vector<TaskItem>& items);

TaskReader read_arc;
TaskReader read_openbookqa;
TaskReader read_piqa;
TaskReader read_hellaswag;
TaskReader read_winogrande;
TaskReader read_lambada;
TaskReader read_boolq;
TaskReader read_cb;
TaskReader read_copa;
TaskReader read_multirc;
TaskReader read_record;
TaskReader read_rte;
TaskReader read_wic;
TaskReader read_wsc;

// "arc.jsonl:17", or with the path inside the line.
std::string place_of(const JsonNode& row);

// An item whose choices are words after one context, scored by acc alone.
TaskItem plain_item(const JsonNode& row,
                    std::string context,
                    std::vector<std::string> choices,
                    int64_t gold);

std::vector<std::string> read_strings(const JsonNode& node);

}  // namespace linscan
