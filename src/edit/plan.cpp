#include "linscan/edit/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/choice.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr Choices<Method, 6> kMethods = {{{Method::kRemove, "remove"},
                                          {Method::kFold, "fold"},
                                          {Method::kRefit, "refit"},
                                          {Method::kLinear, "linear"},
                                          {Method::kLinearAttention, "linear-attention"},
                                          {Method::kNoAttention, "no-attention"}}};
constexpr Choices<Target, 2> kTargets = {{{Target::kDense, "dense"}, {Target::kOwn, "own"}}};

int64_t parse_number(std::string_view text, std::string_view whole, std::string_view option) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LINSCAN_CHECK(error == std::errc() && end == text.data() + text.size() && value >= 0,
                kUsage,
                "{} {}: expected block numbers from 0 and half-open ranges, like 3,7:9",
                option,
                whole);
  return value;
}

std::string range_text(const Operation& operation) {
  return operation.end == operation.begin + 1
             ? fmt::format("block {}", operation.begin)
             : fmt::format("blocks {}:{}", operation.begin, operation.end);
}

bool is_full(const DecoderConfig& config, int64_t block) {
  return config.per_block[static_cast<size_t>(block)].form == BlockForm::kFull;
}

// Why the down projection of `block` cannot be solved anew.
std::string why_no_seam(const DecoderConfig& config, int64_t block) {
  if (block < 0) {
    return "there is no block before it whose down projection could take the map; use remove or "
           "linear for block 0";
  }
  if (config.norm_placement != NormPlacement::kPre) {
    return fmt::format(
        "family {} has a norm after the MLP ({} norms), so no map can be merged into the down "
        "projection; use remove or linear",
        config.family,
        name(config.norm_placement));
  }
  const BlockConfig& seam = config.per_block[static_cast<size_t>(block)];
  if (seam.experts) {
    return fmt::format(
        "block {} before it has experts, not one down projection; use remove or linear", block);
  }
  if (!seam.has_mlp()) {
    return fmt::format("block {} before it is linear and has no down projection", block);
  }
  return "";
}

void check_normed_maps(const DecoderConfig& config, const EditPlan& plan) {
  LINSCAN_CHECK(plan.map.kind == MapKind::kAffine || plan.map.kind == MapKind::kRank,
                kInput,
                "normed maps read the normed stream and cannot be {}: affine or rank:K",
                name(plan.map));
  LINSCAN_CHECK(config.has_input_norms() && config.norm_placement != NormPlacement::kPost,
                kUnsupported,
                "family {} has no norm before attention that normed maps could read ({} norms)",
                config.family,
                name(config.norm_placement));
}

void check_seam(const EditPlan& plan, size_t index) {
  const Operation& operation = plan.operations[index];
  if (!replaces_down_projection(operation.method) || index == 0) {
    return;
  }
  const Operation& before = plan.operations[index - 1];
  LINSCAN_CHECK(before.end < operation.begin,
                kInput,
                "{} of {} needs the block before it, which {} takes away; make one range of both",
                name(operation.method),
                range_text(operation),
                name(before.method));
}

}  // namespace

Method parse_method(std::string_view text, std::string_view option) {
  return parse_choice(kMethods, text, option);
}

Target parse_target(std::string_view text, std::string_view option) {
  return parse_choice(kTargets, text, option);
}

std::string_view name(Method method) {
  return choice_name(kMethods, method);
}

std::string_view name(Target target) {
  return choice_name(kTargets, target);
}

bool fits_maps(Method method) {
  return method != Method::kRemove && method != Method::kNoAttention;
}

bool replaces_down_projection(Method method) {
  return method == Method::kFold || method == Method::kRefit;
}

bool keeps_blocks(Method method) {
  return method == Method::kLinearAttention || method == Method::kNoAttention;
}

bool takes_map_choice(Method method) {
  return method == Method::kFold || method == Method::kLinear || method == Method::kLinearAttention;
}

std::vector<Operation> operations_on(const std::vector<int64_t>& blocks, Method method) {
  std::vector<int64_t> sorted = blocks;
  std::ranges::sort(sorted);
  std::vector<Operation> operations;
  for (const int64_t block : sorted) {
    if (!operations.empty() && operations.back().end == block) {
      ++operations.back().end;
    } else {
      operations.push_back({method, block, block + 1});
    }
  }
  return operations;
}

std::vector<int64_t> parse_blocks(std::string_view text, int64_t blocks, std::string_view option) {
  std::vector<int64_t> list;
  std::string_view rest = text;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const size_t colon = item.find(':');
    const int64_t begin = parse_number(item.substr(0, colon), text, option);
    const int64_t end = colon == std::string_view::npos
                            ? begin + 1
                            : parse_number(item.substr(colon + 1), text, option);
    LINSCAN_CHECK(begin < end, kUsage, "{} {}: the range {} is empty", option, text, item);
    LINSCAN_CHECK(end <= blocks,
                  kInput,
                  "{} {}: {} reaches beyond the model's blocks 0:{}",
                  option,
                  text,
                  item,
                  blocks);
    for (int64_t block = begin; block < end; ++block) {
      LINSCAN_CHECK(std::ranges::find(list, block) == list.end(),
                    kInput,
                    "{} {}: block {} is named twice",
                    option,
                    text,
                    block);
      list.push_back(block);
    }
    if (comma == std::string_view::npos) {
      std::ranges::sort(list);
      return list;
    }
    rest.remove_prefix(comma + 1);
  }
}

std::string format_blocks(const std::vector<int64_t>& blocks) {
  std::string text;
  for (const Operation& run : operations_on(blocks, Method::kRemove)) {
    text += text.empty() ? "" : ",";
    text += run.end == run.begin + 1 ? fmt::format("{}", run.begin)
                                     : fmt::format("{}:{}", run.begin, run.end);
  }
  return text;
}

std::string why_illegal(const DecoderConfig& config, const Operation& operation) {
  if (replaces_down_projection(operation.method)) {
    if (const std::string reason = why_no_seam(config, operation.begin - 1); !reason.empty()) {
      return fmt::format("{} of {}: {}", name(operation.method), range_text(operation), reason);
    }
  }
  if (keeps_blocks(operation.method)) {
    for (int64_t block = operation.begin; block < operation.end; ++block) {
      if (!is_full(config, block)) {
        return fmt::format(
            "{} of block {}: it has no attention any more", name(operation.method), block);
      }
    }
  }
  return "";
}

void validate_plan(const DecoderConfig& config, const EditPlan& plan) {
  if (plan.normed_maps) {
    check_normed_maps(config, plan);
  }
  int64_t gone = 0;
  int64_t last = 0;
  for (size_t i = 0; i < plan.operations.size(); ++i) {
    const Operation& operation = plan.operations[i];
    LINSCAN_CHECK(
        operation.begin >= 0 && operation.begin < operation.end && operation.end <= config.blocks(),
        kInput,
        "{} of {}: the model has blocks 0:{}",
        name(operation.method),
        range_text(operation),
        config.blocks());
    LINSCAN_CHECK(operation.begin >= last,
                  kInput,
                  "{} of {}: the plan's ranges must be in order and must not overlap",
                  name(operation.method),
                  range_text(operation));
    last = operation.end;
    const std::string reason = why_illegal(config, operation);
    LINSCAN_CHECK(reason.empty(), kUnsupported, "{}", reason);
    check_seam(plan, i);
    gone += keeps_blocks(operation.method) || operation.method == Method::kLinear
                ? 0
                : operation.end - operation.begin;
  }
  LINSCAN_CHECK(gone < config.blocks(),
                kInput,
                "the plan takes all {} blocks away; at least one must stay",
                config.blocks());
}

int64_t unknown_columns(const DecoderConfig& config, const EditPlan& plan) {
  int64_t columns = 0;
  bool sweeps = false;
  for (const Operation& operation : plan.operations) {
    sweeps = sweeps || (plan.sweep && replaces_down_projection(operation.method));
    if (operation.method == Method::kRefit) {
      columns = std::max(columns, config.mlp);
    } else if (fits_maps(operation.method)) {
      columns = std::max(columns, config.hidden);
    }
  }
  return sweeps ? std::max(columns, config.mlp) : columns;
}

Json to_json(const EditPlan& plan) {
  Json operations = Json::array();
  for (const Operation& operation : plan.operations) {
    operations.push_back(
        {{"method", name(operation.method)}, {"begin", operation.begin}, {"end", operation.end}});
  }
  return {{"operations", std::move(operations)},
          {"map", name(plan.map)},
          {"ridge", plan.map.ridge},
          {"target", name(plan.target)},
          {"sweep", plan.sweep},
          {"normed_maps", plan.normed_maps}};
}

EditPlan read_edit_plan(const Json& json, std::string_view where) {
  const auto get =
      [&](const Json& object, const char* key, auto matches, const char* expected) -> const Json& {
    LINSCAN_CHECK(object.is_object() && object.contains(key) && (object.at(key).*matches)(),
                  kInput,
                  "{}: \"{}\" must be {}: not a plan of this program",
                  where,
                  key,
                  expected);
    return object.at(key);
  };
  EditPlan plan;
  const Json& list = get(json, "operations", &Json::is_array, "an array of operations");
  for (const Json& item : list) {
    const std::string method = get(item, "method", &Json::is_string, "a name").get<std::string>();
    const auto number = [&](const char* key) {
      return get(item, key, &Json::is_number_integer, "a whole number").get<int64_t>();
    };
    plan.operations.push_back(
        {parse_method(method, fmt::format("{}: method", where)), number("begin"), number("end")});
  }
  const std::string prefix = fmt::format("{}:", where);
  plan.map =
      parse_map(get(json, "map", &Json::is_string, "a name").get<std::string>(), prefix + " map");
  plan.map.ridge = get(json, "ridge", &Json::is_number, "a number").get<double>();
  LINSCAN_CHECK(plan.map.ridge >= 0 && std::isfinite(plan.map.ridge),
                kInput,
                "{}: \"ridge\" must be at least 0",
                where);
  plan.target = parse_target(get(json, "target", &Json::is_string, "a name").get<std::string>(),
                             prefix + " target");
  plan.sweep = get(json, "sweep", &Json::is_boolean, "true or false").get<bool>();
  plan.normed_maps = get(json, "normed_maps", &Json::is_boolean, "true or false").get<bool>();
  return plan;
}

}  // namespace linscan
