#include "linscan/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

using testing::expect_error;

TEST(ParseJson, ValidText_KeepsTheOrderOfKeys) {
  const Json json = parse_json(R"({"b": 1, "a": [true, null, "\u00e9"], "c": {"a": 1}})", "test");
  EXPECT_EQ(json.dump(), "{\"b\":1,\"a\":[true,null,\"\xc3\xa9\"],\"c\":{\"a\":1}}");
}

TEST(ParseJson, DuplicateKey_IsRefused) {
  const auto refuses = [](std::string_view text) {
    SCOPED_TRACE(text);
    expect_error(ErrorKind::kInput, {"test.json", "\"a\" appears twice"}, [&] {
      parse_json(text, "test.json");
    });
  };
  refuses(R"({"a": 1, "a": 1})");
  refuses(R"({"b": [{"a": 1, "c": {"a": 2}, "a": 3}]})");
  refuses(R"({"a": 1, "\u0061": 2})");
}

TEST(ParseJson, SameKeyInDifferentObjects_IsFine) {
  EXPECT_EQ(parse_json(R"([{"a": 1}, {"a": {"a": 2}}])", "test").size(), 2u);
}

TEST(ParseJson, DeepNesting_IsRefused) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(60), "test"));
  for (const size_t depth : {70u, 1'000'000u}) {
    expect_error(
        ErrorKind::kInput, {"test", "nested deeper"}, [&] { parse_json(nested(depth), "test"); });
  }
}

TEST(ParseJson, MalformedText_IsRefused) {
  for (const char* text : {"",
                           "{",
                           "[1,]",
                           "{\"a\":1}}",
                           "// comment\n1",
                           "NaN",
                           "'a'",
                           "{a:1}",
                           "\"\xff\"",
                           "\"\\ud800\"",
                           "[01]",
                           "1e999"}) {
    SCOPED_TRACE(text);
    expect_error(
        ErrorKind::kInput, {"test.json", "not valid JSON"}, [&] { parse_json(text, "test.json"); });
  }
}

TEST(ReadFile, WhatIsNoFile_IsRefused) {
  const testing::TemporaryFolder folder;
  expect_error(ErrorKind::kInput, {"absent.json", "no such file"}, [&] {
    read_file(folder / "absent.json");
  });
  expect_error(ErrorKind::kInput, {"directory"}, [&] { read_file(folder.path()); });
  const auto path = folder.write("large", "12345");
  EXPECT_EQ(read_file(path, 5), "12345");
  expect_error(ErrorKind::kInput, {"larger than 4 bytes"}, [&] { read_file(path, 4); });
}

TEST(NumberOrNull, WhatIsNoNumber_IsNull) {
  EXPECT_EQ(number_or_null(1.5).dump(), "1.5");
  EXPECT_TRUE(number_or_null(std::nan("")).is_null());
  EXPECT_TRUE(number_or_null(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_TRUE(number_or_null(std::optional<double>()).is_null());
  EXPECT_EQ(number_or_null(std::optional<double>(2.5)).dump(), "2.5");
}

}  // namespace
}  // namespace linscan
