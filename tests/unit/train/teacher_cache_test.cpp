#include "train/teacher_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "linscan/base/error.h"
#include "unit/base/test_files.h"

namespace linscan {
namespace {

constexpr int64_t kRows = 3;  // of a window
constexpr int64_t kTopK = 2;
const Json kKey = {{"teacher", "a1"}, {"ctx", kRows}};

// Of `windows` windows, told apart by `seed`.
TopPredictions predictions(int64_t windows, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return {at::randint(0, 50, {windows * kRows, kTopK}, generator),
          at::rand({windows * kRows, kTopK + 1}, generator).log()};
}

class TeacherCacheTest : public ::testing::Test {
 protected:
  std::optional<TeacherCache>& open(const Json& key = kKey) {
    cache_.reset();  // its lock
    return cache_.emplace(file_, key, kRows, kTopK), cache_;
  }

  bool holds(const std::vector<int64_t>& windows, const TopPredictions& expected) {
    const std::optional<TopPredictions> found = cache_->find(windows);
    return found && at::equal(found->ids, expected.ids) &&
           at::equal(found->log_probabilities, expected.log_probabilities);
  }

  std::string refusal(const Json& key) {
    try {
      open(key);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "teacher.cache";
  std::optional<TeacherCache> cache_;
};

TEST_F(TeacherCacheTest, Windows_ComeBackAsTheyWere_InAnyOrder) {
  const TopPredictions two = predictions(2, 1);
  open()->add(std::vector<int64_t>{640, 0}, two);
  EXPECT_TRUE(holds({640, 0}, two));
  open();
  EXPECT_TRUE(holds({640, 0}, two));
  EXPECT_TRUE(
      holds({0}, {two.ids.narrow(0, kRows, kRows), two.log_probabilities.narrow(0, kRows, kRows)}));
  EXPECT_FALSE(cache_->find(std::vector<int64_t>{0, 64}));
  EXPECT_EQ(cache_->describe()["windows"], 2);
  EXPECT_EQ(cache_->describe()["windows_read"], 3);
}

TEST_F(TeacherCacheTest, RecordThatAKillCutShort_IsDropped) {
  const TopPredictions first = predictions(1, 1), second = predictions(1, 2);
  open()->add(std::vector<int64_t>{0}, first);
  cache_->add(std::vector<int64_t>{64}, second);
  cache_.reset();
  std::filesystem::resize_file(file_, std::filesystem::file_size(file_) - 5);
  open();
  EXPECT_TRUE(holds({0}, first));
  EXPECT_FALSE(cache_->find(std::vector<int64_t>{64}));
  cache_->add(std::vector<int64_t>{64}, second);
  open();
  EXPECT_TRUE(holds({64}, second));
}

TEST_F(TeacherCacheTest, DamagedRecord_CountsAsMissingUntilItIsMadeAgain) {
  const TopPredictions first = predictions(1, 1);
  open()->add(std::vector<int64_t>{0}, first);
  cache_.reset();
  std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('x');
  file.close();
  open();
  EXPECT_FALSE(cache_->find(std::vector<int64_t>{0}));
  cache_->add(std::vector<int64_t>{0}, first);
  EXPECT_TRUE(holds({0}, first));
  open();
  EXPECT_TRUE(holds({0}, first));
}

TEST_F(TeacherCacheTest, OtherKey_IsRefusedByName) {
  open();
  const std::string message = refusal({{"teacher", "b2"}, {"ctx", kRows}});
  EXPECT_NE(message.find("of another teacher (\"a1\", not \"b2\")"), std::string::npos) << message;
  std::ofstream(file_, std::ios::trunc) << "something else";
  EXPECT_NE(refusal(kKey).find("not a file of a teacher's predictions"), std::string::npos);
}

TEST_F(TeacherCacheTest, FileThatItsWriterHasOnlyJustMade_HoldsNothing) {
  open();
  std::filesystem::resize_file(file_, 0);
  TeacherCache other(file_, kKey, kRows, kTopK);
  EXPECT_FALSE(other.find(std::vector<int64_t>{0}));
  EXPECT_EQ(other.describe()["windows"], 0);
}

TEST_F(TeacherCacheTest, SecondWriter_OnlyReads) {
  const TopPredictions first = predictions(1, 1);
  open()->add(std::vector<int64_t>{0}, first);
  TeacherCache other(file_, kKey, kRows, kTopK);
  EXPECT_TRUE(other.find(std::vector<int64_t>{0}));
  other.add(std::vector<int64_t>{64}, first);
  EXPECT_FALSE(other.find(std::vector<int64_t>{64}));
  EXPECT_EQ(other.describe()["windows_added"], 0);
}

}  // namespace
}  // namespace linscan
