// The checks behind validate_edit().
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "linscan/base/error.h"
#include "linscan/report/edit_report.h"
#include "report/json_checks.h"

namespace linscan {
namespace {

constexpr size_t kMaxBlocks = 4096;
constexpr size_t kMaxSearches = 256;
constexpr size_t kMaxTrials = 1000000;

void require_list(const Json& json, const std::string& path, size_t most) {
  LINSCAN_CHECK(
      json.is_array(), kInput, "result: {}: expected a list, got {}", path, json.type_name());
  LINSCAN_CHECK(
      json.size() <= most, kInput, "result: {}: {} entries, more than {}", path, json.size(), most);
}

void check_numbers(const Json& object,
                   std::initializer_list<const char*> keys,
                   const std::string& where) {
  for (const char* key : keys) {
    check_optional_number(object, key, where);
  }
}

// What else a plan has is shown as it is.
void check_plan(const Json& plan) {
  require_object(plan, "plan");
  const auto operations = plan.find("operations");
  if (operations == plan.end()) {
    return;
  }
  require_list(*operations, "plan.operations", kMaxBlocks);
  for (size_t i = 0; i < operations->size(); ++i) {
    const std::string where = fmt::format("plan.operations[{}]", i);
    const Json& operation = (*operations)[i];
    require_object(operation, where);
    for (const std::string key : {"begin", "end"}) {
      const Json& block = require(operation, key, where + ".");
      check_count(block, where + "." + key);
      LINSCAN_CHECK(block.get<uint64_t>() <= kMaxBlocks,
                    kInput,
                    "result: {}.{}: block {} of at most {}",
                    where,
                    key,
                    block.get<uint64_t>(),
                    kMaxBlocks);
    }
  }
}

void check_blocks(const Json& blocks) {
  require_list(blocks, "blocks", kMaxBlocks);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string where = fmt::format("blocks[{}]", i);
    require_object(blocks[i], where);
    check_count(require(blocks[i], "block", where + "."), where + ".block");
    check_optional_string(blocks[i], "action", where);
    if (const auto becomes = blocks[i].find("becomes");
        becomes != blocks[i].end() && !becomes->is_null()) {
      check_count(*becomes, where + ".becomes");
    }
  }
}

// "blocks" as a list of block numbers.
void check_set(const Json& edit, const std::string& where) {
  const Json& blocks = require(edit, "blocks", where + ".");
  require_list(blocks, where + ".blocks", kMaxBlocks);
  for (size_t i = 0; i < blocks.size(); ++i) {
    check_count(blocks[i], fmt::format("{}.blocks[{}]", where, i));
  }
}

void check_trial(const Json& trial, const std::string& where) {
  require_object(trial, where);
  check_set(trial, where);
  check_numbers(trial, {"cross_entropy", "kl"}, where);
}

void check_searches(const Json& searches) {
  require_list(searches, "searches", kMaxSearches);
  size_t trials = 0;
  for (size_t s = 0; s < searches.size(); ++s) {
    const std::string where = fmt::format("searches[{}]", s);
    require_object(searches[s], where);
    check_optional_string(searches[s], "recipe", where);
    const Json& rounds = require(searches[s], "rounds", where + ".");
    require_list(rounds, where + ".rounds", kMaxBlocks);
    for (size_t r = 0; r < rounds.size(); ++r) {
      const std::string round = fmt::format("{}.rounds[{}]", where, r);
      require_list(rounds[r], round, kMaxTrials);
      trials += rounds[r].size();
      LINSCAN_CHECK(
          trials <= kMaxTrials, kInput, "result: searches: more than {} trials", kMaxTrials);
      for (size_t t = 0; t < rounds[r].size(); ++t) {
        check_trial(rounds[r][t], fmt::format("{}[{}]", round, t));
      }
    }
  }
}

void check_measure(const Json& measure, const std::string& where) {
  require_object(measure, where);
  check_numbers(measure,
                {"tokens",
                 "perplexity",
                 "cross_entropy",
                 "cross_entropy_stderr",
                 "kl",
                 "kl_stderr",
                 "top1",
                 "top1_stderr"},
                where);
}

void check_finalists(const Json& finalists) {
  require_list(finalists, "finalists", kMaxTrials);
  for (size_t i = 0; i < finalists.size(); ++i) {
    const std::string where = fmt::format("finalists[{}]", i);
    check_measure(finalists[i], where);
    check_optional_string(finalists[i], "recipe", where);
    check_set(finalists[i], where);
  }
}

void check_fits(const Json& fits) {
  require_list(fits, "fits", kMaxBlocks);
  for (size_t i = 0; i < fits.size(); ++i) {
    const std::string where = fmt::format("fits[{}]", i);
    require_object(fits[i], where);
    check_optional_string(fits[i], "method", where);
    check_numbers(
        fits[i], {"begin", "end", "block", "tokens", "unknowns", "rank", "unexplained"}, where);
  }
}

// Calls `check` with the value of a key, unless it is absent or null.
template <typename Check>
void check_present(const Json& document, const char* key, Check check) {
  if (const auto it = document.find(key); it != document.end() && !it->is_null()) {
    check(*it);
  }
}

}  // namespace

void validate_edit(const Json& document) {
  check_schema(
      document, kEditSchema, "the report of an edit by `linscan prune` or `linscan linearize`");
  const Json& model = require_model(document);
  check_numbers(model, {"blocks", "hidden", "parameters"}, "model");
  for (const char* key : {"recipe", "criterion"}) {
    check_optional_string(document, key, "document");
  }
  for (const char* key : {"data", "evaluation_data", "software", "compute", "config"}) {
    check_present(document, key, [&](const Json& group) { require_object(group, key); });
  }
  for (const char* key : {"data", "evaluation_data"}) {
    check_present(document, key, [&](const Json& data) {
      check_numbers(data, {"tokens", "windows", "documents", "ctx"}, key);
    });
  }
  for (const char* key : {"unedited", "edited"}) {
    check_present(document, key, [&](const Json& measure) { check_measure(measure, key); });
  }
  check_present(document, "parameters", [](const Json& parameters) {
    require_object(parameters, "parameters");
    check_numbers(parameters, {"before", "after"}, "parameters");
  });
  check_present(document, "export", [](const Json& written) {
    require_object(written, "export");
    for (const char* key : {"form", "path", "reason"}) {
      check_optional_string(written, key, "export");
    }
  });
  check_present(document, "verification", [](const Json& verification) {
    require_object(verification, "verification");
    check_numbers(verification, {"tokens", "largest_logit_difference"}, "verification");
  });
  check_present(document, "plan", check_plan);
  check_present(document, "blocks", check_blocks);
  check_present(document, "searches", check_searches);
  check_present(document, "finalists", check_finalists);
  check_present(document, "fits", check_fits);
  check_string_list(document, "warnings");
}

}  // namespace linscan
