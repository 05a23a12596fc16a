#include "linscan/base/system.h"

#include <gtest/gtest.h>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

TEST(ParseBytes, Units_ArePowersOf1024) {
  EXPECT_EQ(parse_bytes("0"), 0);
  EXPECT_EQ(parse_bytes("1048576"), 1048576);
  EXPECT_EQ(parse_bytes("512B"), 512);
  EXPECT_EQ(parse_bytes("1k"), 1024);
  EXPECT_EQ(parse_bytes("512 MB"), int64_t{512} << 20);
  EXPECT_EQ(parse_bytes("8GiB"), int64_t{8} << 30);
  EXPECT_EQ(parse_bytes("1.5G"), int64_t{3} << 29);
  EXPECT_EQ(parse_bytes("2TiB"), int64_t{2} << 40);
}

TEST(ParseBytes, Nonsense_IsUsageError) {
  for (const char* text : {"",
                           " ",
                           "GiB",
                           "-1",
                           "8 PiB",
                           "8GiBs",
                           "1 2",
                           "nan",
                           "inf",
                           "0x10",
                           "1e40",
                           "8,5G",
                           "G8"}) {
    SCOPED_TRACE(text);
    testing::expect_error(ErrorKind::kUsage, {"is not a size", "8GiB"}, [&] { parse_bytes(text); });
  }
}

TEST(FormatBytes, EachUnit_IsReadable) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.00 KiB");
  EXPECT_EQ(format_bytes(1610612736), "1.50 GiB");
}

TEST(Memory, ThisProcess_HasSomeAndMayTakeMore) {
  EXPECT_GT(peak_memory_bytes(), 1 << 20);
  EXPECT_GT(available_memory_bytes(), 0);
}

}  // namespace
}  // namespace linscan
