// What a reader must know before any score: model, data, sample size, null, protocol.
#pragma once

#include <string>
#include <vector>

#include "report/document.h"

namespace linscan {

struct Fact {
  std::string label;
  std::string value;
  std::string note;  // one short remark, may be empty
};

// "llama · 24 blocks · hidden size 2048 · 1.32 B parameters · bf16".
std::string model_line(const ResultDocument& analysis);
// The same of any document with "model", and of one with "data".
std::string model_line(const Json& document);
// "wiki.txt · 16,384 tokens · 64 windows of 256 · 37 documents".
std::string data_line(const Json& document);
// n, d, n/d, null, documents, folds, device, time. Facts that the document lacks are left out.
std::vector<Fact> key_facts(const ResultDocument& analysis);

// Statements computed from the numbers, one or two sentences each, in the order in which a reader
// needs them. They say what was measured and how far apart the intervals are, never what would
// follow for the model.
std::vector<std::string> summarize(const ResultDocument& analysis);

}  // namespace linscan
