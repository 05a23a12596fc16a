#include "text/pre_tokenizer.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "text/byte_alphabet.h"
#include "text/known_patterns.h"
#include "text/pattern.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan {
namespace {

class SplitStep final : public PreTokenizer {
 public:
  SplitStep(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  bool split(std::string_view text, bool at_start, PieceSink emit) const override {
    return split_by_pattern(*pattern_, behavior_, invert_, text, [&](size_t begin, size_t end) {
      return emit(text.substr(begin, end - begin), at_start && begin == 0);
    });
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevelStep final : public PreTokenizer {
 public:
  // pattern: nullptr for use_regex = false. map_bytes: pieces leave as characters of the byte
  // alphabet.
  ByteLevelStep(std::unique_ptr<Pattern> pattern, bool add_prefix_space, bool map_bytes)
      : pattern_(std::move(pattern)), add_prefix_space_(add_prefix_space), map_bytes_(map_bytes) {}

  bool split(std::string_view text, bool at_start, PieceSink emit) const override {
    if (add_prefix_space_ && !text.starts_with(' ')) {
      std::string prefixed(1, ' ');
      prefixed += text;
      return split_prefixed(prefixed, at_start, emit);
    }
    return split_prefixed(text, at_start, emit);
  }

 private:
  bool split_prefixed(std::string_view text, bool at_start, PieceSink emit) const {
    if (!pattern_) return emit_piece(text, at_start, emit);
    return pattern_->for_each(text, [&](size_t begin, size_t end, bool) {
      return emit_piece(text.substr(begin, end - begin), at_start && begin == 0, emit);
    });
  }

  bool emit_piece(std::string_view piece, bool at_start, PieceSink emit) const {
    return map_bytes_ ? emit(bytes_to_characters(piece), at_start) : emit(piece, at_start);
  }

  std::unique_ptr<Pattern> pattern_;
  bool add_prefix_space_;
  bool map_bytes_;
};

class MetaspaceStep final : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };

  MetaspaceStep(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)),
        prepend_(prepend),
        split_(split),
        pattern_(make_string_pattern(replacement_)) {}

  bool split(std::string_view text, bool at_start, PieceSink emit) const override {
    std::string replaced;
    replaced.reserve(text.size() + text.size() / 2);
    for (const char c : text) {
      if (c == ' ') {
        replaced += replacement_;
      } else {
        replaced.push_back(c);
      }
    }
    const bool wanted = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && at_start);
    if (wanted && !replaced.starts_with(replacement_)) replaced.insert(0, replacement_);
    if (!split_) return emit(replaced, at_start);
    return split_by_pattern(
        *pattern_, SplitBehavior::kMergedWithNext, false, replaced, [&](size_t begin, size_t end) {
          return emit(std::string_view(replaced).substr(begin, end - begin),
                      at_start && begin == 0);
        });
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
  std::unique_ptr<Pattern> pattern_;
};

class SequenceStep final : public PreTokenizer {
 public:
  explicit SequenceStep(std::vector<std::unique_ptr<PreTokenizer>> steps)
      : steps_(std::move(steps)) {}

  bool split(std::string_view text, bool at_start, PieceSink emit) const override {
    return split_from(0, text, at_start, emit);
  }

 private:
  // Every piece runs through the remaining steps before the next piece is cut: nothing is stored.
  bool split_from(size_t step, std::string_view text, bool at_start, PieceSink emit) const {
    if (step == steps_.size()) return emit(text, at_start);
    return steps_[step]->split(text, at_start, [&](std::string_view piece, bool starts) {
      return piece.empty() || split_from(step + 1, piece, starts, emit);
    });
  }

  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::unique_ptr<PreTokenizer> parse_byte_level(const JsonNode& node, bool map_bytes) {
  const bool use_regex = node.bool_or("use_regex", true);
  return std::make_unique<ByteLevelStep>(
      use_regex ? make_regex_pattern(std::string(kGpt2Pattern), "ByteLevel") : nullptr,
      node.at("add_prefix_space").as_bool(),
      map_bytes);
}

std::unique_ptr<PreTokenizer> parse_metaspace(const JsonNode& node) {
  using Prepend = MetaspaceStep::Prepend;
  const std::string replacement = node.at("replacement").as_string();
  LINSCAN_CHECK(count_characters(replacement) == 1,
                kInput,
                "{}.replacement: expected one character, got \"{}\"",
                node.where(),
                replacement);
  const std::string scheme = node.string_or("prepend_scheme", "always");
  Prepend prepend = Prepend::kAlways;
  if (scheme == "first") {
    prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    prepend = Prepend::kNever;
  } else if (scheme != "always") {
    fail_input(
        "{}.prepend_scheme: expected always, first or never, got \"{}\"", node.where(), scheme);
  }
  // The older spelling of the same switch.
  if (!node.bool_or("add_prefix_space", true)) prepend = Prepend::kNever;
  return std::make_unique<MetaspaceStep>(replacement, prepend, node.bool_or("split", true));
}

std::unique_ptr<PreTokenizer> parse_delimiter(const JsonNode& node) {
  const std::string delimiter = node.at("delimiter").as_string();
  LINSCAN_CHECK(count_characters(delimiter) == 1,
                kInput,
                "{}.delimiter: expected one character, got \"{}\"",
                node.where(),
                delimiter);
  return std::make_unique<SplitStep>(
      make_string_pattern(delimiter), SplitBehavior::kRemoved, false);
}

std::unique_ptr<PreTokenizer> parse_step(const JsonNode& node) {
  const std::string type = node.at("type").as_string();
  if (type == "Metaspace") return parse_metaspace(node);
  if (type == "CharDelimiterSplit") return parse_delimiter(node);
  if (type == "Split") {
    return std::make_unique<SplitStep>(parse_pattern(node.at("pattern")),
                                       parse_split_behavior(node.at("behavior")),
                                       node.bool_or("invert", false));
  }
  if (type == "Digits") {
    const auto behavior = node.bool_or("individual_digits", false) ? SplitBehavior::kIsolated
                                                                   : SplitBehavior::kContiguous;
    return std::make_unique<SplitStep>(make_character_pattern(is_number), behavior, false);
  }
  if (type == "Punctuation") {
    const auto given = node.find("behavior");
    const auto behavior = given ? parse_split_behavior(*given) : SplitBehavior::kIsolated;
    return std::make_unique<SplitStep>(make_character_pattern(is_punctuation), behavior, false);
  }
  if (type == "Whitespace") {
    const std::string words = fmt::format("[{0}]+|[^{0}\\s]+", kRustWordSet);
    return std::make_unique<SplitStep>(
        make_regex_pattern(words, node.where()), SplitBehavior::kRemoved, true);
  }
  if (type == "WhitespaceSplit") {
    return std::make_unique<SplitStep>(
        make_character_pattern(is_white_space), SplitBehavior::kRemoved, false);
  }
  fail_unsupported(
      "{}: pre-tokenizer \"{}\" is not supported; supported: ByteLevel, Metaspace, Split, Digits, "
      "Punctuation, "
      "Whitespace, WhitespaceSplit, CharDelimiterSplit, Sequence",
      node.where(),
      type);
}

// `last`: nothing follows this step, so the model may take its bytes unmapped.
std::unique_ptr<PreTokenizer> parse_nested(const JsonNode& node,
                                           bool last,
                                           bool model_takes_bytes,
                                           bool& raw_bytes) {
  const std::string type = node.at("type").as_string();
  if (type == "ByteLevel") {
    const bool raw = last && model_takes_bytes;
    raw_bytes = raw_bytes || raw;
    return parse_byte_level(node, !raw);
  }
  if (type != "Sequence") return parse_step(node);
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  const std::vector<JsonNode> nodes = node.at("pretokenizers").elements();
  for (size_t i = 0; i < nodes.size(); ++i) {
    steps.push_back(
        parse_nested(nodes[i], last && i + 1 == nodes.size(), model_takes_bytes, raw_bytes));
  }
  return std::make_unique<SequenceStep>(std::move(steps));
}

}  // namespace

ParsedPreTokenizer parse_pre_tokenizer(const JsonNode& node, bool model_takes_bytes) {
  ParsedPreTokenizer parsed;
  parsed.pre_tokenizer = parse_nested(node, true, model_takes_bytes, parsed.raw_bytes);
  return parsed;
}

std::unique_ptr<PreTokenizer> make_regex_pre_tokenizer(std::string_view expression,
                                                       bool add_prefix_space) {
  return std::make_unique<ByteLevelStep>(
      make_regex_pattern(std::string(expression), "ByteLevel"), add_prefix_space, false);
}

}  // namespace linscan
