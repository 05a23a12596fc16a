#include "linscan/base/choice.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

enum class Shape { kRound, kFlat };

constexpr Choices<Shape, 2> kShapes = {{{Shape::kRound, "round"}, {Shape::kFlat, "flat"}}};

TEST(Choice, EveryName_ReadsAsItsValue) {
  for (const auto& [value, name] : kShapes) {
    EXPECT_EQ(parse_choice(kShapes, name, "--shape"), value);
    EXPECT_EQ(choice_name(kShapes, value), name);
  }
}

TEST(Choice, OtherTexts_AreUsageErrorsThatListTheNames) {
  for (const char* text : {"", "Round", "roun", "round "}) {
    try {
      parse_choice(kShapes, text, "--shape");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_EQ(std::string(error.what()),
                "--shape " + std::string(text) + ": expected one of round, flat");
    }
  }
}

}  // namespace
}  // namespace linscan
