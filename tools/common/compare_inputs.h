// What `linscan compare` is given: results over depth, or training runs and results over steps.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/report/comparison.h"
#include "linscan/report/dynamics.h"

namespace linscan::tools {

struct CompareArguments {
  std::vector<std::string> results;  // a result, its folder, STEP= one of these, or a run's folder
  std::vector<std::string> labels;   // none, or one per result
  std::string over;                  // "depth", "steps"; empty: steps where every result has one
};

struct CompareInputs {
  std::deque<Json> documents;  // the others point into it
  bool over_steps = false;
  std::vector<ComparisonInput> results;  // over depth
  std::vector<DynamicsRun> runs;         // over steps
};

// A folder with linearity/step-*.json is a run of `linscan pretrain-reg`: over steps with its
// train.jsonl, over depth its last step. Other results make runs by their labels, without labels
// one. Throws Error: kUsage where labels and results differ in number, kInput where a file cannot
// be used and where some results have a step and others none.
CompareInputs read_compare_inputs(const CompareArguments& arguments);

}  // namespace linscan::tools
