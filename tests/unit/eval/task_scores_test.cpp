#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/eval/task.h"

namespace linscan {
namespace {

TaskItem choice_item(int64_t gold, std::vector<int64_t> lengths) {
  TaskItem item;
  item.contexts = {"c"};
  for (const int64_t length : lengths) {
    item.continuations.push_back(std::string(1, ' ').append(static_cast<size_t>(length), 'x'));
  }
  item.lengths = std::move(lengths);
  item.gold = gold;
  return item;
}

std::vector<ScoredRequest> scored(const std::vector<double>& values) {
  std::vector<ScoredRequest> scores;
  for (const double value : values) scores.push_back({value, false});
  return scores;
}

TEST(ScoreItem, EqualLikelihoods_TheFirstCounts) {
  const ItemScore score =
      score_item(find_task("piqa"), choice_item(1, {2, 2}), scored({-3.0, -3.0}));
  EXPECT_EQ(score.predicted, 0);
  EXPECT_EQ(score.by_length, 0);
  EXPECT_EQ(score.acc, 0);
}

TEST(ScoreItem, Length_CanChangeTheAnswer) {
  const ItemScore score =
      score_item(find_task("piqa"), choice_item(1, {2, 10}), scored({-3.0, -5.0}));
  EXPECT_EQ(score.predicted, 0);
  EXPECT_EQ(score.by_length, 1);
  EXPECT_EQ(score.acc, 0);
  EXPECT_EQ(score.acc_norm, 1);
}

ItemScore entity_score(const std::string& predicted, std::vector<std::string> answers) {
  TaskItem item = choice_item(0, {1});
  item.names = {predicted};
  item.answers = std::move(answers);
  return score_item(find_task("record"), item, scored({-1.0}));
}

TEST(ScoreItem, Record_ArticlesCaseAndPunctuationDoNotCount) {
  EXPECT_EQ(entity_score("The U.S. Army", {"us army"}).em, 1);
  EXPECT_EQ(entity_score("an apple", {"Apple!"}).f1, 1);
  EXPECT_EQ(entity_score("theatre", {"atre"}).em, 0);
  EXPECT_EQ(entity_score("“a” b", {"“ ” b"}).em, 1);  // an article between other marks too
}

TEST(ScoreItem, Record_TheBestAnswerCounts) {
  const ItemScore score = entity_score("New York City", {"London", "York York"});
  EXPECT_DOUBLE_EQ(score.f1, 2 * (1.0 / 3) * (1.0 / 2) / (1.0 / 3 + 1.0 / 2));
  EXPECT_EQ(score.em, 0);
  EXPECT_EQ(entity_score("the", {"a"}).f1, 1);  // both have no words
  EXPECT_EQ(entity_score("the", {"b"}).f1, 0);
}

TEST(SummarizeTask, StandardError_IsThatOfTheMean) {
  const Task& task = find_task("boolq");
  const std::vector<TaskItem> items(4, choice_item(0, {}));
  std::vector<ItemScore> scores(4);
  scores[0].acc = 1;
  const Json summary = summarize_task(task, items, scores, scored({-1, -1, -1, -1}));
  EXPECT_DOUBLE_EQ(summary["acc"].get<double>(), 0.25);
  EXPECT_DOUBLE_EQ(summary["stderr"].get<double>(),
                   std::sqrt((0.75 * 0.75 + 3 * 0.25 * 0.25) / 3) / 2);
  EXPECT_EQ(summary["n"], 4);
  EXPECT_FALSE(summary.contains("acc_norm"));
  const Json one =
      summarize_task(task, std::span(items).first(1), std::span(scores).first(1), scored({-1}));
  EXPECT_TRUE(one["stderr"].is_null());
}

TEST(SummarizeTask, Cb_F1IsTheMeanOverThreeClasses) {
  std::vector<TaskItem> items;
  std::vector<ItemScore> scores;
  // gold 0 0 1, predicted 0 1 1; class 2 neither gold nor predicted.
  for (const auto& [gold, predicted] : {std::pair(0, 0), std::pair(0, 1), std::pair(1, 1)}) {
    items.push_back(choice_item(gold, {1, 1, 1}));
    items.back().lengths.clear();
    scores.push_back({.predicted = predicted});
  }
  const Json summary = summarize_task(find_task("cb"), items, scores, scored({-1, -1, -1}));
  EXPECT_DOUBLE_EQ(summary["f1"].get<double>(), (2.0 / 3 + 2.0 / 3 + 0) / 3);
}

TEST(SummarizeTask, Lambada_AccIsGreedyAndPerplexityCountsWords) {
  const Task& task = find_task("lambada");
  const std::vector<TaskItem> items(2, choice_item(0, {}));
  const std::vector<ScoredRequest> scores{{-1.0, true}, {-3.0, false}};
  std::vector<ItemScore> item_scores;
  for (size_t i = 0; i < 2; ++i) {
    item_scores.push_back(score_item(task, items[i], std::span(scores).subspan(i, 1)));
  }
  const Json summary = summarize_task(task, items, item_scores, scores);
  EXPECT_DOUBLE_EQ(summary["acc"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(summary["perplexity"].get<double>(), std::exp(2.0));
}

TEST(DescribeItem, HasEveryLikelihoodPredictedAndGold) {
  const TaskItem item = choice_item(1, {2, 3});
  const auto scores = scored({-1.5, -2.5});
  const Task& task = find_task("piqa");
  const Json described = describe_item(task, 7, item, score_item(task, item, scores), scores);
  EXPECT_EQ(described["task"], "piqa");
  EXPECT_EQ(described["index"], 7);
  EXPECT_EQ(described["log_likelihood"], Json::parse("[-1.5, -2.5]"));
  EXPECT_EQ(described["predicted"], 0);
  EXPECT_EQ(described["gold"], 1);
}

}  // namespace
}  // namespace linscan
