#include "text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "text/byte_alphabet.h"
#include "text/charsmap.h"
#include "text/pattern.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan {
namespace {

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form) {
    const bool compose = form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc;
    const bool compatibility = form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd;
    options_ = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
               (compatibility ? UTF8PROC_COMPAT : 0);
  }

  bool apply(std::string& text) const override {
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    const size_t ascii =
        static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_ascii) - text.begin());
    if (ascii == text.size()) return true;
    // The last ASCII character may be the base of the first mark: it is kept back.
    size_t begin = ascii == 0 ? 0 : ascii - 1;
    std::string out = text.substr(0, begin);
    for (size_t at = begin; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      const size_t next = at + static_cast<size_t>(c.bytes);
      if (unknown_to_normalizers(c.value)) {
        append_normalized(std::string_view(text).substr(begin, at - begin), out);
        out.append(text, at, static_cast<size_t>(c.bytes));
        begin = next;
      }
      at = next;
    }
    append_normalized(std::string_view(text).substr(begin), out);
    text = std::move(out);
    return true;
  }

 private:
  void append_normalized(std::string_view part, std::string& out) const {
    if (part.empty()) return;
    utf8proc_uint8_t* buffer = nullptr;
    const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(part.data()),
                                     static_cast<utf8proc_ssize_t>(part.size()),
                                     &buffer,
                                     static_cast<utf8proc_option_t>(options_));
    if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
    LINSCAN_CHECK(length >= 0,
                  kInternal,
                  "Unicode normalisation of {} bytes failed: {}",
                  part.size(),
                  utf8proc_errmsg(length));
    out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(length));
    std::free(buffer);
  }

  int options_;
};

class PrependNormalizer final : public Normalizer {
 public:
  explicit PrependNormalizer(std::string prefix) : prefix_(std::move(prefix)) {}

  bool apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
    return true;
  }

 private:
  std::string prefix_;
};

class ReplaceNormalizer final : public Normalizer {
 public:
  ReplaceNormalizer(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  bool apply(std::string& text) const override {
    if (text.empty()) return true;
    bool keeps_start = true;
    std::string out;
    out.reserve(text.size());
    pattern_->for_each(text, [&](size_t begin, size_t end, bool is_match) {
      if (is_match) {
        const bool one_character =
            end > begin && end == begin + static_cast<size_t>(code_point_at(text, begin).bytes);
        if (begin == 0 && end > 0 && !(one_character && !content_.empty())) keeps_start = false;
        out += content_;
      } else {
        out.append(text, begin, end - begin);
      }
      return true;
    });
    text = std::move(out);
    return keeps_start;
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

// utf8proc 2.8 knows Unicode 15; HF's lower-casing knows 17.
char32_t lower_case(char32_t c) {
  switch (c) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      return c + 1;
    case 0xA7CB:
      return 0x264;
    case 0xA7DC:
      return 0x19B;
    default:
      break;
  }
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

class LowercaseNormalizer final : public Normalizer {
 public:
  bool apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      if (c.value == 0x130) {
        out += "i\xCC\x87";  // the one character whose lower case is two
      } else {
        append_utf8(out, lower_case(c.value));
      }
      at += static_cast<size_t>(c.bytes);
    }
    text = std::move(out);
    return true;
  }
};

class StripNormalizer final : public Normalizer {
 public:
  StripNormalizer(bool left, bool right) : left_(left), right_(right) {}

  bool apply(std::string& text) const override {
    size_t begin = 0;
    size_t end = text.size();
    while (left_ && begin < end) {
      const CodePoint c = code_point_at(text, begin);
      if (!is_white_space(c.value)) break;
      begin += static_cast<size_t>(c.bytes);
    }
    while (right_ && end > begin) {
      const CodePoint c = code_point_before(text, end);
      if (!is_white_space(c.value)) break;
      end -= static_cast<size_t>(c.bytes);
    }
    text = text.substr(begin, end - begin);
    return begin == 0;
  }

 private:
  bool left_;
  bool right_;
};

// What the training data of neural machine translation was cleaned with: most control characters
// dropped, other kinds of space made spaces.
class NmtNormalizer final : public Normalizer {
 public:
  bool apply(std::string& text) const override {
    const bool keeps_start = text.empty() || !is_dropped(code_point_at(text, 0).value);
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      if (!is_dropped(c.value)) append_utf8(out, is_space(c.value) ? U' ' : c.value);
      at += static_cast<size_t>(c.bytes);
    }
    text = std::move(out);
    return keeps_start;
  }

 private:
  static bool is_dropped(char32_t c) {
    return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
           c == 0x9F;
  }
  static bool is_space(char32_t c) {
    return c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
  }
};

class PrecompiledNormalizer final : public Normalizer {
 public:
  PrecompiledNormalizer(std::string_view bytes, const std::string& where)
      : charsmap_(bytes, where) {}

  bool apply(std::string& text) const override {
    text = charsmap_.rewrite(text);
    return true;  // HF does not note what a map takes off
  }

 private:
  Charsmap charsmap_;
};

class ByteLevelNormalizer final : public Normalizer {
 public:
  bool apply(std::string& text) const override {
    text = bytes_to_characters(text);
    return true;
  }
};

class SequenceNormalizer final : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<std::unique_ptr<Normalizer>> steps)
      : steps_(std::move(steps)) {}

  bool apply(std::string& text) const override {
    bool keeps_start = true;
    for (const auto& step : steps_) keeps_start = step->apply(text) && keeps_start;
    return keeps_start;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> parse_precompiled(const JsonNode& node) {
  const JsonNode map = node.at("precompiled_charsmap");
  const auto bytes = decode_base64(map.as_string());
  LINSCAN_CHECK(bytes, kInput, "{}: not valid base64", map.where());
  return std::make_unique<PrecompiledNormalizer>(*bytes, map.where());
}

}  // namespace

std::unique_ptr<Normalizer> make_unicode_normalizer(UnicodeForm form) {
  return std::make_unique<UnicodeNormalizer>(form);
}

std::unique_ptr<Normalizer> parse_normalizer(const JsonNode& node) {
  const std::string type = node.at("type").as_string();
  if (type == "NFC") return make_unicode_normalizer(UnicodeForm::kNfc);
  if (type == "NFD") return make_unicode_normalizer(UnicodeForm::kNfd);
  if (type == "NFKC") return make_unicode_normalizer(UnicodeForm::kNfkc);
  if (type == "NFKD") return make_unicode_normalizer(UnicodeForm::kNfkd);
  if (type == "Nmt") return std::make_unique<NmtNormalizer>();
  if (type == "Precompiled") return parse_precompiled(node);
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "Lowercase") return std::make_unique<LowercaseNormalizer>();
  if (type == "Prepend") return std::make_unique<PrependNormalizer>(node.at("prepend").as_string());
  if (type == "Replace") {
    return std::make_unique<ReplaceNormalizer>(parse_pattern(node.at("pattern")),
                                               node.at("content").as_string());
  }
  if (type == "Strip") {
    return std::make_unique<StripNormalizer>(node.at("strip_left").as_bool(),
                                             node.at("strip_right").as_bool());
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> steps;
    for (const JsonNode& step : node.at("normalizers").elements())
      steps.push_back(parse_normalizer(step));
    return std::make_unique<SequenceNormalizer>(std::move(steps));
  }
  fail_unsupported(
      "{}: normalizer \"{}\" is not supported; supported: NFC, NFD, NFKC, NFKD, Nmt, "
      "Precompiled, Prepend, Replace, Lowercase, Strip, ByteLevel, Sequence",
      node.where(),
      type);
}

}  // namespace linscan
