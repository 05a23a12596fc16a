#include "text/grapheme.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "text/utf8.h"

namespace linscan {
namespace {

// Characters whose place in clusters utf8proc 2.8 (Unicode 15) does not know yet: extending marks,
// a prefix, controls, and one that no longer is a prefix. Each with an older character of that
// kind. Which symbols count as emoji is not here: the clusters that they join to are longer than
// any that HF treats as a whole, but for U+00A9 and U+00AE with a joiner.
struct ClusterKind {
  char32_t first;
  char32_t last;
  char32_t like;
};
constexpr char32_t kMark = 0x301;
constexpr ClusterKind kLaterClusterKinds[] = {
    {0x897, 0x897, kMark},     {0x1ACF, 0x1ADD, kMark},   {0x1AE0, 0x1AEB, kMark},
    {0x2065, 0x2065, 1},       {0xFFF0, 0xFFF8, 1},       {0x10D69, 0x10D6D, kMark},
    {0x10EFA, 0x10EFC, kMark}, {0x113B8, 0x113C0, kMark}, {0x113C2, 0x113C2, kMark},
    {0x113C5, 0x113C5, kMark}, {0x113C7, 0x113CA, kMark}, {0x113CC, 0x113D0, kMark},
    {0x113D1, 0x113D1, 0x600}, {0x113D2, 0x113D2, kMark}, {0x113E1, 0x113E2, kMark},
    {0x11A3A, 0x11A3A, 'a'},   {0x11B60, 0x11B67, kMark}, {0x11F5A, 0x11F5A, kMark},
    {0x1611E, 0x1612F, kMark}, {0x1E5EE, 0x1E5EF, kMark}, {0x1E6E3, 0x1E6E3, kMark},
    {0x1E6E6, 0x1E6E6, kMark}, {0x1E6EE, 0x1E6EF, kMark}, {0x1E6F5, 0x1E6F5, kMark},
};

// Consonants that a linker (virama) joins to the consonant before them: a rule younger than
// utf8proc 2.8. Those beyond the basic plane are left out: what HF does with short clusters does
// not depend on them.
struct Range {
  char32_t first;
  char32_t last;
};
constexpr Range kConsonants[] = {
    {0x915, 0x939},   {0x958, 0x95F},   {0x978, 0x97F},   {0x995, 0x9A8},   {0x9AA, 0x9B0},
    {0x9B2, 0x9B2},   {0x9B6, 0x9B9},   {0x9DC, 0x9DD},   {0x9DF, 0x9DF},   {0x9F0, 0x9F1},
    {0xA95, 0xAA8},   {0xAAA, 0xAB0},   {0xAB2, 0xAB3},   {0xAB5, 0xAB9},   {0xAF9, 0xAF9},
    {0xB15, 0xB28},   {0xB2A, 0xB30},   {0xB32, 0xB33},   {0xB35, 0xB39},   {0xB5C, 0xB5D},
    {0xB5F, 0xB5F},   {0xB71, 0xB71},   {0xC15, 0xC28},   {0xC2A, 0xC39},   {0xC58, 0xC5A},
    {0xD15, 0xD3A},   {0x1000, 0x102A}, {0x103F, 0x103F}, {0x1050, 0x1055}, {0x105A, 0x105D},
    {0x1061, 0x1061}, {0x1065, 0x1066}, {0x106E, 0x1070}, {0x1075, 0x1081}, {0x108E, 0x108E},
    {0x1780, 0x17B3}, {0x1A20, 0x1A54}, {0x1B0B, 0x1B0C}, {0x1B13, 0x1B33}, {0x1B45, 0x1B4C},
    {0x1B83, 0x1BA0}, {0x1BAE, 0x1BAF}, {0x1BBB, 0x1BBD}, {0xA989, 0xA98B}, {0xA98F, 0xA9B2},
    {0xA9E0, 0xA9E4}, {0xA9E7, 0xA9EF}, {0xA9FA, 0xA9FE}, {0xAA60, 0xAA6F}, {0xAA71, 0xAA73},
    {0xAA7A, 0xAA7A}, {0xAA7E, 0xAA7F}, {0xAAE0, 0xAAEA}, {0xABC0, 0xABDA},
};
constexpr char32_t kLinkers[] = {
    0x94D,
    0x9CD,
    0xACD,
    0xB4D,
    0xC4D,
    0xD4D,
    0x1039,
    0x17D2,
    0x1A60,
    0x1B44,
    0x1BAB,
    0xA9C0,
    0xAAF6,
};

template <typename Table>
auto find_range(const Table& table, char32_t c) {
  const auto after =
      std::upper_bound(std::begin(table), std::end(table), c, [](char32_t x, const auto& row) {
        return x < row.first;
      });
  if (after == std::begin(table) || c > std::prev(after)->last) return std::end(table);
  return std::prev(after);
}

// `c`, or an older character that behaves alike.
utf8proc_int32_t stand_in(char32_t c) {
  const auto row = find_range(kLaterClusterKinds, c);
  return static_cast<utf8proc_int32_t>(row == std::end(kLaterClusterKinds) ? c : row->like);
}

// How far the characters so far are a consonant with a linker behind it, marks in between.
class Conjunct {
 public:
  void add(char32_t c) {
    if (is_consonant(c)) {
      state_ = kConsonant;
    } else if (state_ != kNone && is_linker(c)) {
      state_ = kLinked;
    } else if (!is_mark(c)) {
      state_ = kNone;
    }
  }

  // True when `next` stays with the characters so far.
  bool takes(char32_t next) const { return state_ == kLinked && is_consonant(next); }

 private:
  enum State { kNone, kConsonant, kLinked };

  static bool is_consonant(char32_t c) {
    return c >= kConsonants[0].first && find_range(kConsonants, c) != std::end(kConsonants);
  }
  static bool is_linker(char32_t c) {
    return std::binary_search(std::begin(kLinkers), std::end(kLinkers), c);
  }
  static bool is_mark(char32_t c) {
    if (c == 0x200C) return false;
    const auto boundary = utf8proc_get_property(stand_in(c))->boundclass;
    return boundary == UTF8PROC_BOUNDCLASS_EXTEND || boundary == UTF8PROC_BOUNDCLASS_ZWJ;
  }

  State state_ = kNone;
};

}  // namespace

size_t grapheme_end(std::string_view text, size_t begin) {
  const auto is_ascii = [&](size_t at) { return static_cast<unsigned char>(text[at]) < 0x80; };
  utf8proc_int32_t state = 0;
  Conjunct conjunct;
  for (size_t at = begin;;) {
    const CodePoint c = code_point_at(text, at);
    const size_t next = at + static_cast<size_t>(c.bytes);
    if (next >= text.size()) return text.size();
    // Of ASCII only a line break of two characters stays together.
    if (is_ascii(at) && is_ascii(next) && text[at] != '\r') return next;
    const CodePoint after = code_point_at(text, next);
    conjunct.add(c.value);
    if (utf8proc_grapheme_break_stateful(stand_in(c.value), stand_in(after.value), &state) &&
        !conjunct.takes(after.value)) {
      return next;
    }
    at = next;
  }
}

}  // namespace linscan
