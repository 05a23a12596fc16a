#include "text/decoder.h"

#include <charconv>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "text/byte_alphabet.h"
#include "text/pattern.h"
#include "text/utf8.h"

namespace linscan {
namespace {

class ByteLevelDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += characters_to_bytes(token).value_or(token);
    tokens = {replace_invalid_utf8(bytes)};
  }
};

class ReplaceDecoder final : public Decoder {
 public:
  ReplaceDecoder(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      if (token.empty()) continue;
      std::string out;
      pattern_->for_each(token, [&](size_t begin, size_t end, bool is_match) {
        out += is_match ? content_ : token.substr(begin, end - begin);
        return true;
      });
      token = std::move(out);
    }
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

// Runs of <0xNN> become the bytes they stand for when these are valid UTF-8, one U+FFFD a token
// otherwise.
class ByteFallbackDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (count_invalid_utf8(bytes) == 0) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_of(token)) {
        bytes.push_back(*byte);
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }

 private:
  static std::optional<char> byte_of(const std::string& token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
    if (error != std::errc() || end != token.data() + 5) return std::nullopt;
    return static_cast<char>(value);
  }
};

class FuseDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string joined;
    for (const std::string& token : tokens) joined += token;
    tokens = {std::move(joined)};
  }
};

class StripDecoder final : public Decoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start_ && rest.starts_with(content_); ++i)
        rest.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && rest.ends_with(content_); ++i)
        rest.remove_suffix(content_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  int64_t start_;
  int64_t stop_;
};

class MetaspaceDecoder final : public Decoder {
 public:
  MetaspaceDecoder(std::string replacement, bool drop_first)
      : replacement_(std::move(replacement)), drop_first_(drop_first) {}

  void apply(std::vector<std::string>& tokens) const override {
    const auto pattern = make_string_pattern(replacement_);
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].empty()) continue;
      std::string out;
      pattern->for_each(tokens[i], [&](size_t begin, size_t end, bool is_match) {
        if (!is_match) {
          out.append(tokens[i], begin, end - begin);
        } else if (i > 0 || !drop_first_) {
          out += ' ';
        }
        return true;
      });
      tokens[i] = std::move(out);
    }
  }

 private:
  std::string replacement_;
  bool drop_first_;
};

class SequenceDecoder final : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<Decoder>> steps)
      : steps_(std::move(steps)) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

std::string one_character(const JsonNode& node) {
  std::string text = node.as_string();
  LINSCAN_CHECK(count_characters(text) == 1,
                kInput,
                "{}: expected one character, got \"{}\"",
                node.where(),
                text);
  return text;
}

}  // namespace

std::unique_ptr<Decoder> make_byte_level_decoder() {
  return std::make_unique<ByteLevelDecoder>();
}

std::unique_ptr<Decoder> parse_decoder(const JsonNode& node) {
  const std::string type = node.at("type").as_string();
  if (type == "ByteLevel") return make_byte_level_decoder();
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Replace") {
    return std::make_unique<ReplaceDecoder>(parse_pattern(node.at("pattern")),
                                            node.at("content").as_string());
  }
  if (type == "Strip") {
    return std::make_unique<StripDecoder>(one_character(node.at("content")),
                                          node.at("start").as_integer(),
                                          node.at("stop").as_integer());
  }
  if (type == "Metaspace") {
    const bool prepends = node.string_or("prepend_scheme", "always") != "never" &&
                          node.bool_or("add_prefix_space", true);
    return std::make_unique<MetaspaceDecoder>(one_character(node.at("replacement")), prepends);
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> steps;
    for (const JsonNode& step : node.at("decoders").elements())
      steps.push_back(parse_decoder(step));
    return std::make_unique<SequenceDecoder>(std::move(steps));
  }
  fail_unsupported(
      "{}: decoder \"{}\" is not supported; supported: ByteLevel, Replace, ByteFallback, Fuse, "
      "Strip, Metaspace, Sequence",
      node.where(),
      type);
}

}  // namespace linscan
