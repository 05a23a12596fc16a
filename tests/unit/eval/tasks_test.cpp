// Prompts of every task, from both spellings of its rows.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/eval/task.h"
#include "unit/base/test_files.h"

namespace linscan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<TaskItem> read(std::string_view task, const std::string& line) {
  std::vector<TaskItem> items;
  find_task(task).read(Json::parse(line), "data.jsonl:3", items);
  return items;
}

TaskItem read_one(std::string_view task, const std::string& line) {
  const std::vector<TaskItem> items = read(task, line);
  EXPECT_EQ(items.size(), 1U);
  return items.at(0);
}

std::string error_of(std::string_view task, const std::string& line) {
  try {
    read(task, line);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Arc, HubReleasedAndFoundry_GiveTheSameItem) {
  const TaskItem hub = read_one("arc_easy",
                                R"({"question": "Why?", "answerKey": "2",
      "choices": {"text": ["so", "änd"], "label": ["1", "2"]}})");
  const TaskItem released = read_one("arc_easy",
                                     R"({"question": {"stem": "Why?", "choices":
      [{"text": "so", "label": "A"}, {"text": "änd", "label": "B"}]}, "answerKey": "B"})");
  const TaskItem foundry =
      read_one("arc_easy", R"({"query": "Question: Why?", "choices": ["so", "änd"], "gold": 1})");
  for (const TaskItem& item : {hub, released, foundry}) {
    EXPECT_THAT(item.contexts, ElementsAre("Question: Why?\nAnswer:"));
    EXPECT_THAT(item.continuations, ElementsAre(" so", " änd"));
    EXPECT_THAT(item.lengths, ElementsAre(2, 3));
    EXPECT_EQ(item.gold, 1);
  }
}

TEST(OpenBookQa, AnswerKeyWithBlanks_IsFound) {
  const TaskItem item = read_one("openbookqa",
                                 R"({"question_stem": "Sky is", "answerKey": "  B",
      "choices": {"text": ["up", "down"], "label": ["A", "B"]}})");
  EXPECT_THAT(item.contexts, ElementsAre("Sky is"));
  EXPECT_EQ(item.gold, 1);
}

TEST(BoolQ, Prompt) {
  const TaskItem item =
      read_one("boolq", R"({"passage": "P -- p.", "question": "is it so", "label": true})");
  EXPECT_THAT(item.contexts, ElementsAre("P -- p.\nQuestion: is it so?\nAnswer:"));
  EXPECT_THAT(item.continuations, ElementsAre(" no", " yes"));
  EXPECT_EQ(item.gold, 1);
  EXPECT_TRUE(item.lengths.empty());
}

TEST(Cb, NamesAndNumbers_AreLabels) {
  for (const char* label : {R"("contradiction")", "1", R"("1")"}) {
    const TaskItem item = read_one(
        "cb", fmt::format(R"({{"premise": "P", "hypothesis": "h.", "label": {}}})", label));
    EXPECT_THAT(item.contexts, ElementsAre("P\nQuestion: h.. True, False, or Neither?\nAnswer:"));
    EXPECT_EQ(item.gold, 1);
  }
}

TEST(Copa, Choices_HaveTwoBlanksAndALowerFirstLetter) {
  const TaskItem item = read_one("copa",
                                 R"({"premise": " The man ran. ", "choice1": "He Fell.",
      "choice2": "Éva left.", "question": "cause", "label": 0})");
  EXPECT_THAT(item.contexts, ElementsAre("The man ran because"));
  EXPECT_THAT(item.continuations, ElementsAre("  he Fell.", "  éva left."));
}

TEST(MultiRc, Released_OneItemForEveryAnswerInFileOrder) {
  const std::vector<TaskItem> items = read("multirc",
                                           R"({"passage": {"text": "T", "questions": [
      {"question": "q1", "answers": [{"text": "a", "label": 1}, {"text": "b", "label": 0}]},
      {"question": "q2", "answers": [{"text": "c", "label": true}]}]}})");
  ASSERT_EQ(items.size(), 3U);
  EXPECT_THAT(items[1].contexts, ElementsAre("T\nQuestion: q1\nAnswer:"));
  EXPECT_THAT(items[1].continuations,
              ElementsAre(" b\nIs the answer correct? yes", " b\nIs the answer correct? no"));
  EXPECT_EQ(items[0].gold, 1);
  EXPECT_EQ(items[1].gold, 0);
  const TaskItem hub =
      read_one("multirc", R"({"paragraph": "T", "question": "q1", "answer": "b", "label": 0})");
  EXPECT_EQ(hub.contexts, items[1].contexts);
  EXPECT_EQ(hub.continuations, items[1].continuations);
}

TEST(Record, Highlights_BecomeAListAndEntitiesAreDistinctAndSorted) {
  const TaskItem item =
      read_one("record",
               R"({"passage": {"text": " Bé a.\n@highlight\nX won\n@highlight\nY", "entities":
      [{"start": 1, "end": 2}, {"start": 18, "end": 18}, {"start": 1, "end": 2}]},
      "qas": [{"query": "@placeholder and @placeholder", "answers": [{"text": "Bé"}]}]})");
  EXPECT_THAT(item.contexts, ElementsAre("Bé a.\n\n  - X won.\n  - Y.\n"));
  EXPECT_THAT(item.names, ElementsAre("Bé", "X"));
  EXPECT_THAT(item.continuations, ElementsAre("   - Bé and Bé", "   - X and X"));
  const TaskItem hub = read_one("record",
                                R"({"passage": "none", "query": "@placeholder",
      "entities": ["b", "a", "b"], "answers": ["a"]})");
  EXPECT_THAT(hub.contexts, ElementsAre("none\n\n"));
  EXPECT_THAT(hub.names, ElementsAre("a", "b"));
}

TEST(Wic, Word_IsTheSliceInCodePoints) {
  const TaskItem item = read_one("wic",
                                 R"({"word": "run", "sentence1": "Äh, runs.", "sentence2": "S",
      "start1": 4, "end1": 8, "label": false})");
  EXPECT_THAT(item.contexts[0],
              HasSubstr("Is the word 'runs' used in the same way in the two sentences above?"));
}

TEST(Wsc, Passage_IsMarkedAndDetokenised) {
  const TaskItem item =
      read_one("wsc",
               R"({"text": "Tom  did n't see \" it \" ( big ) , so Tom 's dog saw it .",
      "target": {"span1_index": 0, "span1_text": "Tom", "span2_index": 5, "span2_text": "it"},
      "label": false})");
  // Words are joined by one blank, and what follows is cut at a place counted from there: the
  // doubled blank shifts it by one.
  EXPECT_THAT(item.contexts,
              ElementsAre("Passage: Tom didn't see\"*it*t\"(big), so Tom's dog saw it.\nQuestion: "
                          "In the passage above, "
                          "does the pronoun \"*it*\" refer to \"*Tom*\"?\nAnswer:"));
}

TEST(Wsc, SpanThatIsNotInTheText_IsRepaired) {
  const TaskItem item = read_one("wsc",
                                 R"({"text": "the old man saw him", "target": {"span1_index": 0,
      "span1_text": "The old\nman..", "span2_index": 4, "span2_text": "him"}, "label": true})");
  EXPECT_THAT(item.contexts[0], HasSubstr("refer to \"*the old man*\"?"));
  EXPECT_THAT(item.contexts[0], HasSubstr("Passage: the old man saw *him*\n"));
}

TEST(Lambada, LastBlank_Separates) {
  const TaskItem item = read_one("lambada", R"({"text": "one two\n three.\"x"})");
  EXPECT_THAT(item.contexts, ElementsAre("one two\n"));
  EXPECT_THAT(item.continuations, ElementsAre(" three.\"x"));
  const TaskItem single = read_one("lambada", R"({"text": "word"})");
  EXPECT_THAT(single.contexts, ElementsAre(""));
  EXPECT_THAT(single.continuations, ElementsAre(" word"));
  const TaskItem foundry = read_one("lambada", R"({"context": "a\nb", "continuation": "c"})");
  EXPECT_THAT(foundry.contexts, ElementsAre("a\nb"));
}

TEST(Winogrande, Options_MakeTwoContexts) {
  const TaskItem item = read_one("winogrande",
                                 R"({"sentence": "He hit  _ and _ ran . ", "option1": "Bob",
      "option2": "the dog", "answer": "2"})");
  EXPECT_THAT(item.contexts, ElementsAre("He hit  Bob", "He hit  the dog"));
  EXPECT_THAT(item.continuations, ElementsAre(" and _ ran ."));
  EXPECT_EQ(item.choices(), 2);
  EXPECT_EQ(item.continuation(1), item.continuation(0));
  EXPECT_EQ(item.gold, 1);
}

TEST(Hellaswag, Texts_AreCleaned) {
  const TaskItem item = read_one(
      "hellaswag",
      R"({"activity_label": "Baking", "ctx_a": " [title] How [step] it is", "ctx_b": "tHEN",
      "endings": [" a [x] b    c ", "[open\n]", "d", "e"], "label": "1"})");
  EXPECT_THAT(item.contexts, ElementsAre("Baking: . How it is Then"));
  EXPECT_THAT(item.continuations, ElementsAre(" a b  c", " [open\n]", " d", " e"));
  EXPECT_THAT(item.lengths, ElementsAre(6, 7, 1, 1));
}

TEST(Piqa, Prompt) {
  const TaskItem item =
      read_one("piqa", R"({"goal": "cut", "sol1": "a", "sol2": "bb", "label": 1})");
  EXPECT_THAT(item.contexts, ElementsAre("Question: cut\nAnswer:"));
  EXPECT_THAT(item.lengths, ElementsAre(1, 2));
}

TEST(Rte, HypothesisKeepsItsFullStop) {
  const TaskItem item = read_one(
      "rte", R"({"premise": "P", "hypothesis": "H.", "label": "not_entailment", "extra": [1]})");
  EXPECT_THAT(item.contexts, ElementsAre("P\nQuestion: H. True or False?\nAnswer:"));
  EXPECT_EQ(item.gold, 1);
}

TEST(Tasks, WrongRows_NameLineAndField) {
  EXPECT_THAT(error_of("boolq", R"({"passage": "p", "label": 1})"),
              HasSubstr("data.jsonl:3: $: \"question\" is missing"));
  EXPECT_THAT(error_of("boolq", R"({"passage": 7, "question": "q", "label": 1})"),
              HasSubstr("data.jsonl:3: $.passage: expected a string"));
  EXPECT_THAT(error_of("boolq", R"({"passage": "p", "question": "q", "label": -1})"),
              HasSubstr("$.label: expected a class"));
  EXPECT_THAT(error_of("cb", R"({"premise": "p", "hypothesis": "q", "label": "maybe"})"),
              HasSubstr("$.label"));
  EXPECT_THAT(error_of("arc_easy", R"({"question": "q", "answerKey": "E",
      "choices": {"text": ["a"], "label": ["A"]}})"),
              HasSubstr("$.answerKey: \"E\" is no label"));
  EXPECT_THAT(error_of("winogrande", R"({"sentence": "none", "option1": "a", "option2": "b",
      "answer": "1"})"),
              HasSubstr("$.sentence"));
  EXPECT_THAT(error_of("wsc", R"({"text": "a b", "span1_index": 9, "span1_text": "Z",
      "span2_index": 0, "span2_text": "a", "label": 0})"),
              HasSubstr("span1_index is 9, but the text has 2 words"));
  EXPECT_THAT(
      error_of("record", R"({"passage": "p", "query": "q", "entities": [], "answers": ["a"]})"),
      HasSubstr("0 entities"));
  EXPECT_THAT(error_of("piqa", R"(["goal"])"), HasSubstr("expected an object"));
}

TEST(ReadTask, Limit_CountsItemsNotLines) {
  const testing::TemporaryFolder folder;
  folder.write("m.jsonl", R"({"paragraph": "T", "question": "q", "answer": "b", "label": 0}
{"paragraph": "T", "question": "q", "answer": "c", "label": 1}

{"passage": {"text": "T", "questions": [{"question": "q", "answers": [{"text": "a", "label": 1}, {"text": "b", "label": 0}]}]}}
)");
  EXPECT_EQ(read_task(find_task("multirc"), folder / "m.jsonl", 0).size(), 4U);
  EXPECT_EQ(read_task(find_task("multirc"), folder / "m.jsonl", 3).size(), 3U);
  folder.write("empty.jsonl", "\n");
  EXPECT_THROW(read_task(find_task("multirc"), folder / "empty.jsonl", 0), Error);
  EXPECT_THROW(find_task("mmlu"), Error);
}

}  // namespace
}  // namespace linscan
