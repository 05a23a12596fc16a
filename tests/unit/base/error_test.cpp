#include "linscan/base/error.h"

#include <gtest/gtest.h>

#include <string>

namespace linscan {
namespace {

std::string message_of(const std::string& quoted) {
  try {
    fail_input("file: got {}, expected less; do something", quoted);
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Error, Message_QuotesWhatFilesSay) {
  EXPECT_EQ(message_of("\"\xc3\xbc\""), "file: got \"\xc3\xbc\", expected less; do something");
}

TEST(Error, ControlCharacters_DoNotReachTheMessage) {
  EXPECT_EQ(message_of("a\nb\x1b[2J\t\x7f"), "file: got a?b?[2J??, expected less; do something");
}

TEST(Error, LongMessage_KeepsItsEnds) {
  const std::string message = message_of(std::string(1'000'000, 'x'));
  EXPECT_LT(message.size(), 4000u);
  EXPECT_TRUE(message.starts_with("file: got xxx"));
  EXPECT_TRUE(message.ends_with("xxx, expected less; do something"));
}

}  // namespace
}  // namespace linscan
