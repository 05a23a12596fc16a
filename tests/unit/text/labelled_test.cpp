#include "linscan/text/labelled.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "linscan/base/error.h"
#include "unit/base/test_files.h"

namespace linscan {
namespace {

class LabelledTest : public ::testing::Test {
 protected:
  LabelledTest() : file_(folder_ / "labelled.jsonl") {}

  LabelledTexts read(LabelledKind kind, const std::string& lines, LabelledOptions options = {}) {
    std::ofstream(file_) << lines;
    return read_labelled(kind, file_, options);
  }
  std::string error_of(LabelledKind kind, const std::string& lines, LabelledOptions options = {}) {
    try {
      read(kind, lines, std::move(options));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    return "";
  }

  testing::TemporaryFolder folder_;  // of this test alone
  std::filesystem::path file_;
};

TEST_F(LabelledTest, Boolq_TemplateAndClasses) {
  const LabelledTexts texts = read(LabelledKind::kBoolq,
                                   R"({"question": "is it", "passage": "P", "label": true})"
                                   "\n\n"
                                   R"({"question": "was it", "passage": "P", "label": 0})");
  ASSERT_EQ(texts.records.size(), 2U);
  EXPECT_EQ(texts.records[0].texts.front(), "P\nQuestion: is it?\nAnswer:");
  EXPECT_EQ(texts.records[0].label, 1);
  EXPECT_EQ(texts.records[1].label, 0);
  EXPECT_EQ(texts.records[0].group, texts.records[1].group);
  EXPECT_EQ(texts.classes, (std::vector<std::string>{"false", "true"}));
}

TEST_F(LabelledTest, Multirc_OneRecordForEachAnswer) {
  const LabelledTexts texts =
      read(LabelledKind::kMultirc,
           R"({"passage": {"text": "P", "questions": [{"question": "Q", "answers": )"
           R"([{"text": "A", "label": 1}, {"text": "B", "label": 0}]}]}})");
  ASSERT_EQ(texts.records.size(), 2U);
  EXPECT_EQ(texts.records[1].texts.front(), "P\nQuestion: Q\nAnswer: B\nIs the answer correct?");
  EXPECT_EQ(texts.records[0].label, 1);
}

TEST_F(LabelledTest, Text_ClassesOfTheFileSorted) {
  const LabelledTexts texts = read(LabelledKind::kText,
                                   "{\"text\": \"a\", \"label\": \"sad\"}\n"
                                   "{\"text\": \"b\", \"label\": \"glad\"}\n");
  EXPECT_EQ(texts.classes, (std::vector<std::string>{"glad", "sad"}));
  EXPECT_EQ(texts.records[0].label, 1);
}

TEST_F(LabelledTest, Text_LabelNotInSet_NamesLineAndClasses) {
  const std::string error = error_of(LabelledKind::kText,
                                     "{\"text\": \"a\", \"label\": \"yes\"}\n"
                                     "{\"text\": \"b\", \"label\": \"maybe\"}\n",
                                     {.classes = {"no", "yes"}});
  EXPECT_NE(error.find("labelled.jsonl:2"), std::string::npos) << error;
  EXPECT_NE(error.find("'maybe' is no class; expected no, yes"), std::string::npos) << error;
}

TEST_F(LabelledTest, Cb_LabelNotInSet_NamesClasses) {
  const std::string error =
      error_of(LabelledKind::kCb, R"({"premise": "p", "hypothesis": "h", "label": "perhaps"})");
  EXPECT_NE(error.find("entailment, contradiction, neutral"), std::string::npos) << error;
}

TEST_F(LabelledTest, OneClassOnly_Refused) {
  EXPECT_NE(error_of(LabelledKind::kText, "{\"text\": \"a\", \"label\": 1}\n").find("of class '1'"),
            std::string::npos);
}

TEST_F(LabelledTest, EmptyFile_Refused) {
  EXPECT_NE(error_of(LabelledKind::kReward, "\n").find("holds no examples"), std::string::npos);
}

TEST_F(LabelledTest, Reward_EqualTexts_Refused) {
  EXPECT_NE(
      error_of(LabelledKind::kReward, R"({"chosen": "a", "rejected": "a"})").find("same text"),
      std::string::npos);
}

TEST_F(LabelledTest, Reward_TwoTextsWithoutClasses) {
  const LabelledTexts texts = read(LabelledKind::kReward, R"({"chosen": "a", "rejected": "b"})");
  EXPECT_TRUE(texts.classes.empty());
  EXPECT_EQ(texts.records.front().texts, (std::vector<std::string>{"a", "b"}));
}

LabelledTexts grouped_texts() {
  LabelledTexts texts;
  for (int i = 0; i < 40; ++i) {
    texts.records.push_back({{"t"}, i % 2, "passage " + std::to_string(i / 4)});
  }
  return texts;
}

TEST(SplitLabelled, SharedPassages_StayTogether) {
  const LabelledTexts texts = grouped_texts();
  const LabelledSplit split = split_labelled(texts, 0.25, 7);
  EXPECT_EQ(split.second.size(), 12U);  // ten, filled up to whole passages
  std::set<std::string> seen;
  for (const size_t i : split.second) {
    seen.insert(texts.records[i].group);
  }
  for (const size_t i : split.first) {
    EXPECT_FALSE(seen.contains(texts.records[i].group));
  }
  EXPECT_EQ(split.second, split_labelled(texts, 0.25, 7).second);
  EXPECT_NE(split.second, split_labelled(texts, 0.25, 8).second);
}

TEST(SplitLabelled, OnePassage_Refused) {
  LabelledTexts texts = grouped_texts();
  texts.records.resize(4);
  EXPECT_THROW(split_labelled(texts, 0.25, 7), Error);
}

TEST(ParseLabelledFile, UnknownKind_IsUsage) {
  EXPECT_EQ(parse_labelled_file("cb=a=b.jsonl", "--task").file, "a=b.jsonl");
  for (const char* text : {"cb", "cb=", "sst2=x.jsonl"}) {
    try {
      parse_labelled_file(text, "--task");
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage) << text;
    }
  }
}

}  // namespace
}  // namespace linscan
