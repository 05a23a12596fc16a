// `linscan eval` as a function: a checkpoint, texts and benchmarks in, the result document out.
// Needs libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/eval/task_set.h"
#include "linscan/model/model.h"

namespace linscan {

struct EvaluationOptions {
  std::vector<std::filesystem::path> texts;        // perplexity of each
  std::vector<TaskFile> tasks;                     // names once each
  std::optional<std::filesystem::path> reference;  // checkpoint that the texts' predictions are
                                                   // compared with
  int64_t context = 0;  // of chunked perplexity; 0: 2,048, or the model's length where that is
                        // less
  int64_t stride = 0;   // 0: the context
  bool chunked = true;  // which perplexities of the texts are computed
  bool rolling = true;
  int64_t limit = 0;       // items of a task; 0: all
  int64_t max_length = 0;  // tokens of the longest input; 0: what the checkpoint says
  std::string text_field = "text";
  std::string dtype = "auto";
  std::string device = "auto";
  int64_t memory_limit = 0;  // bytes; 0: four fifths of what is free
  int64_t batch_tokens = 0;  // 0: chosen by device
  bool bundled_data = false;
};

struct Evaluation {
  Json result;                     // "schema": "linscan.eval/1"; complete but for "config"
  std::vector<std::string> items;  // JSON lines, one for each item of the tasks
};

Evaluation evaluate(const Model& model, const EvaluationOptions& options);

// The longest input of a model: n_positions, max_position_embeddings or n_ctx of config.json, else
// what the family has (BLOOM's seq_length, MPT's max_seq_len, its default).
int64_t input_length(const Model& model);

}  // namespace linscan
