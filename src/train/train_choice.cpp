#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>

#include "linscan/base/error.h"
#include "linscan/train/trainable_model.h"

namespace linscan {
namespace {

constexpr std::string_view kForms =
    "all, maps, last:BLOCKS, lora:RANK, projections:auto or projections:BLOCK,...";

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::optional<TrainChoice> with_blocks(std::string_view list) {
  TrainChoice choice{TrainChoice::Kind::kProjections, 0, {}};
  while (true) {
    const size_t comma = list.find(',');
    const std::optional<int64_t> block = whole_number(list.substr(0, comma));
    if (!block || *block < 0) {
      return std::nullopt;
    }
    choice.blocks.push_back(*block);
    if (comma == std::string_view::npos) {
      return choice;
    }
    list.remove_prefix(comma + 1);
  }
}

std::optional<TrainChoice> parse(std::string_view text) {
  if (text == "all") {
    return TrainChoice{};
  }
  if (text == "maps") {
    return TrainChoice{TrainChoice::Kind::kMaps, 0, {}};
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view what = text.substr(0, colon);
  const std::string_view argument = text.substr(colon + 1);
  if (what == "projections") {
    if (argument == "auto") {
      return TrainChoice{TrainChoice::Kind::kProjections, 0, {}};
    }
    return with_blocks(argument);
  }
  const std::optional<int64_t> count = whole_number(argument);
  if (!count || *count < 1 || (what != "last" && what != "lora")) {
    return std::nullopt;
  }
  return TrainChoice{
      what == "last" ? TrainChoice::Kind::kLast : TrainChoice::Kind::kLora, *count, {}};
}

}  // namespace

TrainChoice parse_train_choice(std::string_view text) {
  const std::optional<TrainChoice> choice = parse(text);
  LINSCAN_CHECK(choice.has_value(), kUsage, "--train '{}': expected {}", text, kForms);
  return *choice;
}

std::string to_string(const TrainChoice& choice) {
  switch (choice.kind) {
    case TrainChoice::Kind::kAll:
      return "all";
    case TrainChoice::Kind::kMaps:
      return choice.blocks.empty()
                 ? "maps"
                 : fmt::format("maps, projections:{}", fmt::join(choice.blocks, ","));
    case TrainChoice::Kind::kProjections:
      return fmt::format("projections:{}", fmt::join(choice.blocks, ","));
    case TrainChoice::Kind::kLast:
      return fmt::format("last:{}", choice.count);
    case TrainChoice::Kind::kLora:
      return fmt::format("lora:{}", choice.count);
  }
  return "";
}

}  // namespace linscan
