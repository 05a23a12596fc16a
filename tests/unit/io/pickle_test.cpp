// The restricted unpickler by itself: opcodes, the memo, bounds.
#include "io/pickle.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/base/test_files.h"
#include "unit/io/test_torch_file.h"

namespace linscan {
namespace {

using testing::expect_error;
using testing::le;
namespace pickle = testing::pickle;

const PickleGlobal* find_global(std::string_view module, std::string_view name) {
  static constexpr PickleGlobal kDict{PickleGlobal::Use::kDict, 1};
  static constexpr PickleGlobal kCall{PickleGlobal::Use::kCallable, 2};
  static constexpr PickleGlobal kType{PickleGlobal::Use::kValue, 3};
  return module != "m"    ? nullptr
         : name == "dict" ? &kDict
         : name == "call" ? &kCall
         : name == "type" ? &kType
                          : nullptr;
}

Pickle read(const std::string& bytes) {
  return Pickle::read(bytes, "source", find_global);
}

void expect_refused(const std::string& value,
                    const std::vector<std::string>& parts,
                    ErrorKind kind = ErrorKind::kInput) {
  const std::string bytes = pickle::whole(value);
  expect_error(kind, parts, [&] { read(bytes); });
}

int64_t number_of(const std::string& value) {
  const std::string bytes = pickle::whole(value);
  const Pickle result = read(bytes);
  EXPECT_EQ(result.value(result.root()).kind, PickleKind::kInt);
  return result.value(result.root()).number;
}

TEST(Pickle, Numbers_AreRead) {
  for (const int64_t number : {int64_t{0},
                               int64_t{255},
                               int64_t{-1},
                               int64_t{INT32_MIN},
                               int64_t{1} << 40,
                               INT64_MIN,
                               INT64_MAX}) {
    EXPECT_EQ(number_of(pickle::number(number)), number);
  }
  EXPECT_EQ(number_of("M" + le<uint16_t>(65535)), 65535);
  EXPECT_EQ(number_of(std::string("\x8a\0", 2)), 0);
  EXPECT_EQ(number_of("\x8a\1\xff"), -1);
  EXPECT_EQ(number_of("\x8a\2\xff" + std::string(1, '\0')), 255);
  expect_refused("\x8a\x09" + std::string(9, 'x'), {"source: byte 2", "9 bytes, expected up to 8"});
}

TEST(Pickle, Containers_HaveTheirItems) {
  const std::string bytes = pickle::whole("](K\1K\2eK\3a");
  const Pickle result = read(bytes);
  ASSERT_EQ(result.value(result.root()).kind, PickleKind::kList);
  std::vector<int64_t> numbers;
  for (const PickleRef item : result.items(result.root())) {
    numbers.push_back(result.value(item).number);
  }
  EXPECT_EQ(numbers, (std::vector<int64_t>{1, 2, 3}));
}

TEST(Pickle, Call_IsNotedNotMade) {
  const std::string bytes = pickle::whole(pickle::call(pickle::global("m", "call"), {"K\7"}));
  const Pickle result = read(bytes);
  ASSERT_EQ(result.value(result.root()).kind, PickleKind::kCall);
  const auto parts = result.items(result.root());
  EXPECT_EQ(result.value(parts[0]).global->id, 2);
  EXPECT_EQ(result.value(result.items(parts[1])[0]).number, 7);
}

TEST(Pickle, WhatIsNotOnTheList_IsRefusedByName) {
  expect_refused(pickle::global("posix", "system"),
                 {"source: byte 2", "\"posix.system\""},
                 ErrorKind::kUnsupported);
  expect_refused(pickle::global("m", "call") + ")\x81", {"NEWOBJ"}, ErrorKind::kUnsupported);
  expect_refused("(im\ncall\n", {"INST"}, ErrorKind::kUnsupported);
  expect_refused("I1\n", {"opcode 0x49"}, ErrorKind::kUnsupported);
  expect_refused("\x8f", {"EMPTY_SET"}, ErrorKind::kUnsupported);
}

TEST(Pickle, CallOfWhatIsNoFunction_IsRefused) {
  expect_refused(pickle::global("m", "type") + ")R", {"cannot be called"});
  expect_refused("K\1)R", {"calls a number"});
  expect_refused(pickle::global("m", "call") + "]R", {"calls with a list"});
  expect_refused(pickle::global("m", "dict") + "K\1\x85R", {"makes a dict with arguments"});
}

TEST(Pickle, EmptyStack_IsRefused) {
  for (const char* value :
       {"",        "a",       "K\1a", "s",    "K\1s",     "K\1K\2s", "Q",     "R",
        ")R",      "t",       "e",    "u",    "b",        "K\1b",    "q\1",   "\x85",
        "K\1\x86", "K\1\x87", "\x93", "\x94", "K\1(\x85", "](a",     "}(K\1s"}) {
    const std::string bytes = pickle::whole(value);
    expect_error(ErrorKind::kInput, {"source: byte"}, [&] { read(bytes); });
  }
}

TEST(Pickle, LeftOvers_AreRefused) {
  expect_refused("K\1K\2", {"left over"});
  expect_refused("(K\1", {"left over"});
  expect_refused("N.N", {"2 bytes follow"});
  expect_refused("}(K\1u", {"key without a value"});
}

TEST(Pickle, Memo_IsBoundedAndChecked) {
  expect_refused("Nq\x03", {"number 3, which none before reaches"});
  expect_refused("Nr" + le<uint32_t>(0xffffffff), {"number 4294967295"});
  expect_refused("h\1", {"recalls number 1, which is not there"});
  expect_refused("Nq\1h" + std::string(1, '\0'), {"recalls number 0"});
  expect_refused("j" + le<uint32_t>(0xffffffff), {"recalls number 4294967295"});
}

// Each list holds the one before ten times: the memo makes 10^n elements of 25 bytes each.
TEST(Pickle, MemoBomb_StaysSmall) {
  std::string value = "]q" + std::string(1, '\0');
  for (char i = 0; i < 100; ++i) {
    value += "](";
    for (int j = 0; j < 10; ++j) {
      value += "h" + std::string(1, i);
    }
    value += "eq" + std::string(1, static_cast<char>(i + 1)) + "\x86";  // a pair, not left over
  }
  const std::string bytes = pickle::whole(value);
  const Pickle result = read(bytes);
  EXPECT_EQ(result.value(result.root()).kind, PickleKind::kTuple);
}

TEST(Pickle, ValueInsideItself_IsFine) {
  const std::string bytes =
      pickle::whole("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a");
  const Pickle result = read(bytes);
  EXPECT_EQ(result.items(result.root())[0], result.root());
}

TEST(Pickle, DeepNesting_IsRefusedOrFlat) {
  expect_refused(std::string(100'000, '('), {"nested deeper than 256 levels"});
  std::string tuples = "N";
  for (int i = 0; i < 1'000'000; ++i) {
    tuples += '\x85';
  }
  const std::string bytes = pickle::whole(tuples);
  EXPECT_EQ(read(bytes).value(0).kind, PickleKind::kNone);
}

TEST(Pickle, ManyValues_AreRefused) {
  expect_refused("(" + std::string(4'000'001, 'N'), {"more than 4000000 values"});
}

TEST(Pickle, Text_MustBeUtf8AndInside) {
  expect_refused(pickle::text("\xff"), {"not valid UTF-8"});
  expect_refused(pickle::text("\xed\xa0\x80"), {"not valid UTF-8"});  // a surrogate
  expect_refused("X" + le<uint32_t>(0xffffffff) + "abc", {"4294967295 more bytes expected"});
  expect_refused("cm", {"starts no line"});
  expect_refused("c" + std::string(2000, 'm') + "\ncall\n", {"line of at most 1024"});
}

TEST(Pickle, Frames_MustFit) {
  expect_refused("\x95" + le<uint64_t>(100) + "N", {"frame of 100 bytes"});
}

TEST(Pickle, Protocol_MustBe2To5) {
  for (const char version : {0, 1, 6}) {
    const std::string bytes = std::string("\x80") + version + "N.";
    expect_error(ErrorKind::kInput, {"pickle protocol"}, [&] { read(bytes); });
  }
}

}  // namespace
}  // namespace linscan
