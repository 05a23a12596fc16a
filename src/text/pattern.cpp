#include "text/pattern.h"

#include <utility>

#include "linscan/base/error.h"
#include "text/known_patterns.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace linscan {
namespace {

class StringPattern final : public Pattern {
 public:
  explicit StringPattern(std::string text) : text_(std::move(text)) {}

  bool for_each(std::string_view text, StretchVisitor visit) const override {
    if (text_.empty()) return visit(0, text.size(), false);
    size_t done = 0;
    for (size_t at = text.find(text_); at != std::string_view::npos; at = text.find(text_, done)) {
      if (done < at && !visit(done, at, false)) return false;
      done = at + text_.size();
      if (!visit(at, done, true)) return false;
    }
    return done == text.size() || visit(done, text.size(), false);
  }

 private:
  std::string text_;
};

class RegexPattern final : public Pattern {
 public:
  RegexPattern(std::string_view expression, const std::string& where) : regex_(expression, where) {}

  bool for_each(std::string_view text, StretchVisitor visit) const override {
    size_t done = 0;
    bool going = true;
    regex_.for_each_match(text, [&](size_t begin, size_t end) {
      going = (done >= begin || visit(done, begin, false)) && visit(begin, end, true);
      done = end;
      return going;
    });
    return going && (done == text.size() || visit(done, text.size(), false));
  }

 private:
  Regex regex_;
};

// A hand-written matcher: everything is a match.
class KnownPattern final : public Pattern {
 public:
  explicit KnownPattern(PieceMatcher match) : match_(match) {}

  bool for_each(std::string_view text, StretchVisitor visit) const override {
    for (size_t at = 0; at < text.size();) {
      const size_t end = match_(text, at);
      if (!visit(at, end, true)) return false;
      at = end;
    }
    return true;
  }

 private:
  PieceMatcher match_;
};

class CharacterPattern final : public Pattern {
 public:
  explicit CharacterPattern(bool (*test)(char32_t)) : test_(test) {}

  bool for_each(std::string_view text, StretchVisitor visit) const override {
    size_t gap = 0;
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      const size_t next = at + static_cast<size_t>(c.bytes);
      if (test_(c.value)) {
        if (gap < at && !visit(gap, at, false)) return false;
        if (!visit(at, next, true)) return false;
        gap = next;
      }
      at = next;
    }
    return gap == text.size() || visit(gap, text.size(), false);
  }

 private:
  bool (*test_)(char32_t);
};

// Joins stretches into pieces. Holds one piece back until it is known whether the next stretch
// joins it.
class PieceJoiner {
 public:
  PieceJoiner(SplitBehavior behavior, FunctionRef<bool(size_t, size_t)> emit)
      : behavior_(behavior), emit_(emit) {}

  bool add(size_t begin, size_t end, bool is_match) {
    if (joins(is_match)) {
      end_ = end;
    } else {
      if (!flush()) return false;
      begin_ = begin;
      end_ = end;
      held_ = true;
    }
    previous_match_ = is_match;
    return true;
  }

  bool flush() {
    if (!held_) return true;
    held_ = false;
    return emit_(begin_, end_);
  }

 private:
  bool joins(bool is_match) const {
    if (!held_) return false;
    switch (behavior_) {
      case SplitBehavior::kMergedWithPrevious:
        return is_match && !previous_match_;
      case SplitBehavior::kMergedWithNext:
        return !is_match && previous_match_;
      case SplitBehavior::kContiguous:
        return is_match == previous_match_;
      case SplitBehavior::kRemoved:
      case SplitBehavior::kIsolated:
        return false;
    }
    return false;
  }

  SplitBehavior behavior_;
  FunctionRef<bool(size_t, size_t)> emit_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool held_ = false;
  bool previous_match_ = false;
};

}  // namespace

std::unique_ptr<Pattern> make_string_pattern(std::string text) {
  return std::make_unique<StringPattern>(std::move(text));
}

std::unique_ptr<Pattern> make_regex_pattern(const std::string& expression,
                                            const std::string& where) {
  if (const PieceMatcher match = find_known_pattern(expression)) {
    return std::make_unique<KnownPattern>(match);
  }
  return std::make_unique<RegexPattern>(expression, where);
}

std::unique_ptr<Pattern> make_character_pattern(bool (*test)(char32_t)) {
  return std::make_unique<CharacterPattern>(test);
}

std::unique_ptr<Pattern> parse_pattern(const JsonNode& node) {
  if (const auto text = node.find("String")) return make_string_pattern(text->as_string());
  const JsonNode regex = node.at("Regex");
  return make_regex_pattern(regex.as_string(), regex.where());
}

SplitBehavior parse_split_behavior(const JsonNode& node) {
  const std::string name = node.as_string();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  fail_input(
      "{}: expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, got "
      "\"{}\"",
      node.where(),
      name);
}

bool split_by_pattern(const Pattern& pattern,
                      SplitBehavior behavior,
                      bool invert,
                      std::string_view text,
                      FunctionRef<bool(size_t, size_t)> emit) {
  if (text.empty()) return true;
  if (behavior == SplitBehavior::kIsolated || behavior == SplitBehavior::kRemoved) {
    return pattern.for_each(text, [&](size_t begin, size_t end, bool is_match) {
      const bool dropped = behavior == SplitBehavior::kRemoved && is_match != invert;
      return dropped || begin == end || emit(begin, end);
    });
  }
  PieceJoiner joiner(behavior, emit);
  return pattern.for_each(text, [&](size_t begin, size_t end, bool is_match) {
    return joiner.add(begin, end, is_match != invert);
  }) && joiner.flush();
}

}  // namespace linscan
