// What two results must share before their numbers can be compared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/document.h"

namespace linscan {

struct RunFact {
  std::string_view name;  // "data"
  std::string_view path;  // where it stands in the result: "data.sha256"
  std::string value;      // in full; empty where the result does not say
  std::string shown;      // for people: hashes cut, "not stated"
};

// model (family, blocks, width), weights, data, tokens, ctx, protocol, folds, seed, dtype: always
// these, in this order.
std::vector<RunFact> run_facts(const ResultDocument& analysis);

// One of them.
RunFact run_fact(const ResultDocument& analysis, std::string_view name);

// The names alone.
std::vector<std::string_view> run_fact_names();

// "3f2a9c41", the first eight digits; "not stated" for an empty text.
std::string short_hash(std::string_view hash);

}  // namespace linscan
