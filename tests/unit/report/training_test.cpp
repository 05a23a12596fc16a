// Results of trainings and of evaluations, valid and not.
#include "linscan/report/training.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/report/evaluation.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::has;

Json training() {
  return {{"schema", "linscan.training/1"},
          {"command", "pretrain-reg"},
          {"model",
           {{"architecture", "LlamaForCausalLM"},
            {"blocks", 4},
            {"hidden", 64},
            {"parameters", 123456}}},
          {"data", {{"tokens", 100000}, {"documents", 300}, {"ctx", 128}}},
          {"compute", {{"device", "cpu"}, {"tokens_per_second", 1234.5}}},
          {"software", {{"linscan", "0.1.0"}}},
          {"settings",
           {{"batch_tokens", 1024},
            {"regularizer", {{"kind", "cosine"}, {"lambda", 0.5}, {"push_apart", false}}}}},
          {"steps", 100},
          {"stopped_early", false},
          {"evaluation", {{"loss", 2.5}, {"perplexity", 12.18}, {"tokens", 4096}}},
          {"linearity",
           {{{"step", 0}, {"stream", 0.99}, {"update", 0.8}},
            {{"step", 10}, {"stream", nullptr}, {"update", nullptr}},
            {{"step", 100}, {"stream", 0.97}, {"update", 0.5}}}}};
}

Json evaluation() {
  return {{"schema", "linscan.eval/1"},
          {"model",
           {{"path", "models/sample"}, {"family", "llama"}, {"blocks", 4}, {"parameters", 123456}}},
          {"data", Json::object()},
          {"tasks", {{"arc_easy", {{"acc", 0.25}, {"stderr", 0.01}, {"n", 100}}}}},
          {"perplexity", {{"wiki.txt", {{"chunked", 12.5}, {"word", nullptr}, {"tokens", 4096}}}}},
          {"divergence",
           {{"texts", {{"wiki.txt", {{"kl", 0.01}, {"top1", 0.9}, {"positions", 4000}}}}},
            {"reference", {{"path", "models/teacher"}}}}},
          {"protocol", {{"ctx", 256}, {"stride", 256}, {"max_length", 512}}},
          {"compute", {{"dtype", "fp32"}, {"device", "cpu"}, {"seconds", 1.5}}},
          {"software", {{"linscan", "0.1.0"}}},
          {"warnings", {"the text is short"}}};
}

using Change = std::pair<std::string, Json>;  // JSON pointer and what to put there

template <typename Validate>
void expect_refused(const Json& valid, const std::vector<Change>& changes, Validate validate) {
  validate(valid);
  for (const auto& [pointer, value] : changes) {
    Json document = valid;
    document[Json::json_pointer(pointer)] = value;
    EXPECT_THROW(validate(document), Error) << pointer << " = " << value;
  }
}

// Every member of the document that is replaced by something of another kind is refused or drawn,
// never a crash or another exception.
template <typename Render>
void expect_no_surprise(const Json& valid, Render render) {
  const Json flat = valid.flatten();
  for (const auto& [pointer, old] : flat.items()) {
    for (const Json& value : std::vector<Json>{
             nullptr, "x", -1, 1e300, 1.5, true, Json::array(), {{"a", 1}}, UINT64_MAX}) {
      Json document = valid;
      document[Json::json_pointer(pointer)] = value;
      try {
        EXPECT_FALSE(render(document).empty());
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::kInput) << pointer << " = " << value;
      }
    }
    Json document = valid;
    const Json::json_pointer at(pointer);
    Json& owner = document[at.parent_pointer()];
    if (owner.is_object()) {
      owner.erase(at.back());
      try {
        render(document);
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::kInput) << "without " << pointer;
      }
    }
  }
}

TEST(ValidateTraining, WrongMembers_AreRefused) {
  expect_refused(training(),
                 {{"/schema", "linscan.training/2"},
                  {"/model/blocks", "four"},
                  {"/data/tokens", -1},
                  {"/compute/tokens_per_second", 1e16},
                  {"/settings/batch_tokens", 1.5},
                  {"/settings/regularizer/push_apart", 1},
                  {"/steps", nullptr},
                  {"/stopped_early", "no"},
                  {"/evaluation", 3},
                  {"/evaluation/loss", "low"},
                  {"/linearity", nullptr},
                  {"/linearity/0/step", -1},
                  {"/linearity/0/update", "x"}},
                 validate_training);
}

TEST(ValidateEvaluation, WrongMembers_AreRefused) {
  expect_refused(evaluation(),
                 {{"/schema", "linscan.eval/2"},
                  {"/model/path", 3},
                  {"/model/blocks", nullptr},
                  {"/tasks", Json::array()},
                  {"/tasks/arc_easy", 3},
                  {"/tasks/arc_easy/n", 1e30},
                  {"/tasks/arc_easy/acc", 1e300},
                  {"/perplexity/wiki.txt/tokens", -1},
                  {"/divergence/texts", 3},
                  {"/divergence/reference/path", nullptr},
                  {"/protocol/ctx", "long"},
                  {"/compute/seconds", "long"},
                  {"/warnings", {1}}},
                 validate_evaluation);
}

TEST(RenderTraining, EveryForm_TakesWhateverIsThere) {
  for (const auto render : {render_training_table,
                            render_training_markdown,
                            render_training_csv,
                            render_training_html}) {
    expect_no_surprise(training(), render);
  }
}

TEST(RenderEvaluation, EveryForm_TakesWhateverIsThere) {
  for (const auto render : {render_evaluation_table,
                            render_evaluation_markdown,
                            render_evaluation_csv,
                            render_evaluation_html}) {
    expect_no_surprise(evaluation(), render);
  }
}

TEST(RenderTrainingHtml, Page_HasFactsFigureAndTheDocument) {
  const std::string html = render_training_html(training());
  for (const char* part : {"Training by pretrain-reg",
                           "cosine, lambda 0.5",
                           "perplexity 12.180",
                           "id=\"fig-linearity\"",
                           "step 100: update R² 0.5000",
                           "\"schema\":\"linscan.training/1\""}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
  Json unmeasured = training();
  unmeasured["linearity"] = Json::array();
  EXPECT_FALSE(has(render_training_html(unmeasured), "fig-linearity"));
}

TEST(RenderTrainingCsv, NullScores_AreEmpty) {
  EXPECT_EQ(render_training_csv(training()),
            "step,update,stream\r\n0,0.8,0.99\r\n10,,\r\n100,0.5,0.97\r\n");
}

TEST(RenderEvaluationHtml, Page_HasTablesAndStaysText) {
  Json document = evaluation();
  const std::string attack = "</script><img src=x>";
  document["tasks"][attack] = {{"acc", 0.5}};
  document["warnings"] = {attack};
  document["model"]["path"] = attack;
  const std::string html = render_evaluation_html(document);
  EXPECT_TRUE(has(html, "arc_easy"));
  EXPECT_TRUE(has(html, "12.500"));
  EXPECT_TRUE(has(html, "reference: models/teacher"));
  EXPECT_EQ(count(html, "<img"), 0u);
  EXPECT_EQ(count(html, "</script>"), 1u);
}

}  // namespace
}  // namespace linscan
