// The list of families in words: `linscan info --families` and docs/families.md.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/model_info.h"
#include "linscan/model/family.h"

namespace linscan::tools {
namespace {

Json strings(std::span<const std::string_view> texts) {
  Json array = Json::array();
  for (const std::string_view text : texts) {
    array.push_back(text);
  }
  return array;
}

std::string joined(const Json& texts, std::string_view separator) {
  return fmt::format("{}", fmt::join(texts.get<std::vector<std::string>>(), separator));
}

}  // namespace

Json families_json() {
  Json list = Json::array();
  for (const Family& family : families()) {
    Json quirks = Json::array();
    for (const Quirk& quirk : family.quirks) {
      quirks.push_back({{"id", quirk.id}, {"text", quirk.text}});
    }
    list.push_back({{"family", family.name},
                    {"models", family.models},
                    {"model_types", strings(family.model_types)},
                    {"architectures", strings(family.architectures)},
                    {"quirks", std::move(quirks)}});
  }
  return {{"schema", "linscan.families/1"}, {"families", std::move(list)}};
}

std::string render_families_markdown(const Json& families) {
  std::string out =
      "| Family | Models | `architectures` | Tested by itself |\n| --- | --- | --- | --- |\n";
  for (const Json& family : families["families"]) {
    std::vector<std::string> quirks;
    for (const Json& quirk : family["quirks"]) {
      quirks.push_back(fmt::format(
          "{} (`{}`)", quirk["text"].get<std::string>(), quirk["id"].get<std::string>()));
    }
    out += fmt::format("| {} | {} | {} | {} |\n",
                       family["family"].get<std::string>(),
                       family["models"].get<std::string>(),
                       joined(family["architectures"], ", "),
                       fmt::join(quirks, "; "));
  }
  return out;
}

std::string render_families(const Json& families) {
  std::string out;
  for (const Json& family : families["families"]) {
    out += fmt::format("{}: {}\n  architectures  {}\n",
                       family["family"].get<std::string>(),
                       family["models"].get<std::string>(),
                       joined(family["architectures"], ", "));
    for (const Json& quirk : family["quirks"]) {
      out += fmt::format("  tested         {}\n", quirk["text"].get<std::string>());
    }
  }
  return out;
}

}  // namespace linscan::tools
