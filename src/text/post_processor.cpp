#include "text/post_processor.h"

#include <string>

#include "linscan/base/error.h"

namespace linscan {
namespace {

// {"cls": ["<s>", 0], "sep": ["</s>", 2]}: the id in such a pair.
int32_t id_in_pair(const JsonNode& node) {
  const auto parts = node.elements();
  LINSCAN_CHECK(parts.size() == 2, kInput, "{}: expected [token, id]", node.where());
  return static_cast<int32_t>(parts[1].as_integer());
}

std::vector<int32_t> special_ids(const JsonNode& processor, const JsonNode& item) {
  const std::string name = item.at("id").as_string();
  for (const auto& [key, token] : processor.at("special_tokens").members()) {
    if (key != name) continue;
    std::vector<int32_t> ids;
    for (const JsonNode& id : token.at("ids").elements())
      ids.push_back(static_cast<int32_t>(id.as_integer()));
    return ids;
  }
  fail_input("{}: \"{}\" is not among the special_tokens of the template", item.where(), name);
}

SpecialTokens parse_template(const JsonNode& node) {
  SpecialTokens tokens;
  bool text_seen = false;
  for (const JsonNode& item : node.at("single").elements()) {
    if (const auto special = item.find("SpecialToken")) {
      const auto ids = special_ids(node, *special);
      auto& side = text_seen ? tokens.after : tokens.before;
      side.insert(side.end(), ids.begin(), ids.end());
      continue;
    }
    const JsonNode sequence = item.at("Sequence");
    const std::string name = sequence.at("id").as_string();
    LINSCAN_CHECK(name == "A",
                  kInput,
                  "{}.id: a template for one text can only hold \"A\", got \"{}\"",
                  sequence.where(),
                  name);
    LINSCAN_CHECK(!text_seen,
                  kUnsupported,
                  "{}: a template that repeats the text is not supported",
                  sequence.where());
    text_seen = true;
  }
  LINSCAN_CHECK(text_seen,
                kUnsupported,
                "{}.single: a template without the text is not supported",
                node.where());
  return tokens;
}

SpecialTokens parse_sequence(const JsonNode& node) {
  SpecialTokens tokens;
  bool adds_tokens = false;
  for (const JsonNode& step : node.at("processors").elements()) {
    SpecialTokens added = parse_post_processor(step);
    if (added.before.empty() && added.after.empty()) continue;
    LINSCAN_CHECK(!adds_tokens,
                  kUnsupported,
                  "{}: two processors that both add tokens are not supported",
                  step.where());
    adds_tokens = true;
    tokens = std::move(added);
  }
  return tokens;
}

}  // namespace

SpecialTokens parse_post_processor(const JsonNode& node) {
  const std::string type = node.at("type").as_string();
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return parse_template(node);
  if (type == "Sequence") return parse_sequence(node);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    return {{id_in_pair(node.at("cls"))}, {id_in_pair(node.at("sep"))}};
  }
  fail_unsupported(
      "{}: post-processor \"{}\" is not supported; supported: TemplateProcessing, "
      "RobertaProcessing, BertProcessing, "
      "ByteLevel, Sequence",
      node.where(),
      type);
}

}  // namespace linscan
