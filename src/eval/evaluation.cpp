#include "linscan/eval/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "eval/divergence.h"
#include "linscan/base/device.h"
#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/eval/perplexity.h"
#include "linscan/eval/scorer.h"
#include "linscan/eval/task_set.h"
#include "linscan/model/description.h"
#include "linscan/text/corpus.h"

namespace linscan {
namespace {

constexpr int64_t kDefaultContext = 2048;

struct TextRun {
  std::filesystem::path file;
  PerplexityText text;
  size_t first_request = 0;  // chunked, then rolling; without chunked where models are compared
};

// All that is asked, in one list, so that the weights are read once for everything.
struct Work {
  std::optional<TaskSet> tasks;  // absent without any; its requests come first
  std::vector<TextRun> texts;
  std::vector<ScoreRequest> requests;
};

// What a run holds besides the checkpoint.
struct Setup {
  at::Device device;
  at::ScalarType compute_dtype;
  int64_t max_length;
  int64_t context;
  int64_t stride;
  std::unique_ptr<PromptEncoder> encoder;  // absent where all is token ids
};

PerplexityOptions perplexity_options(const Model& model,
                                     const EvaluationOptions& options,
                                     const Setup& setup) {
  return {.context = setup.context,
          .stride = setup.stride,
          .vocabulary = model.config.vocabulary,
          .text_field = options.text_field,
          .chunked = options.chunked,
          .rolling = options.rolling};
}

Setup prepare(const Model& model, const EvaluationOptions& options) {
  const at::Device device = parse_device(options.device);
  Setup setup{device,
              choose_compute_dtype(options.dtype, stored_in_16_bits(model), device),
              options.max_length > 0 ? options.max_length : input_length(model),
              options.context,
              options.stride,
              nullptr};
  const DecoderConfig& config = model.config;
  LINSCAN_CHECK(!config.learned_positions || setup.max_length <= config.max_positions,
                kInput,
                "--max-length {}: {} has learned positions for {} tokens only",
                setup.max_length,
                model.checkpoint.folder().string(),
                config.max_positions);
  if (setup.context == 0) {
    setup.context = std::max<int64_t>(2, std::min(kDefaultContext, setup.max_length));
  }
  LINSCAN_CHECK(!config.learned_positions || setup.context - 1 <= config.max_positions,
                kInput,
                "--ctx {}: {} has learned positions for {} tokens only",
                setup.context,
                model.checkpoint.folder().string(),
                config.max_positions);
  if (setup.stride == 0) setup.stride = setup.context;
  LINSCAN_CHECK(setup.stride <= setup.context,
                kUsage,
                "--stride {}: longer than a window (--ctx {}), so tokens would be left out",
                setup.stride,
                setup.context);
  const bool text =
      !options.tasks.empty() ||
      std::ranges::any_of(options.texts, [](const auto& file) { return !holds_raw_ids(file); });
  if (text) {
    setup.encoder = std::make_unique<PromptEncoder>(
        model.checkpoint.folder(), setup.max_length, config.vocabulary);
  }
  return setup;
}

Work read_work(const Model& model, const EvaluationOptions& options, Setup& setup) {
  Work work;
  if (!options.tasks.empty()) {
    work.tasks.emplace(options.tasks, options.limit, *setup.encoder);
    work.requests = work.tasks->requests();
  }
  for (const auto& file : options.texts) {
    TextRun run{
        file,
        read_perplexity_text(file, setup.encoder.get(), perplexity_options(model, options, setup)),
        work.requests.size()};
    const auto add = [&](const std::vector<ScoreRequest>& windows) {
      work.requests.insert(work.requests.end(), windows.begin(), windows.end());
    };
    if (!options.reference) add(run.text.chunked);
    add(run.text.rolling);
    work.texts.push_back(std::move(run));
  }
  return work;
}

double sum_of(std::span<const ScoredRequest> scores) {
  double sum = 0;
  for (const ScoredRequest& score : scores) sum += score.log_likelihood;
  return sum;
}

// chunked  log-likelihood of each text's chunked windows where they were scored elsewhere.
void add_texts(const Work& work,
               const PerplexityOptions& options,
               std::span<const ScoredRequest> scores,
               const std::vector<double>& chunked,
               Json& result) {
  Json texts = Json::object();
  for (size_t i = 0; i < work.texts.size(); ++i) {
    const TextRun& run = work.texts[i];
    const size_t chunks = chunked.empty() ? run.text.chunked.size() : 0;
    const auto of_chunks = scores.subspan(run.first_request, chunks);
    const auto of_rolling = scores.subspan(run.first_request + chunks, run.text.rolling.size());
    texts[run.file.string()] = summarize_perplexity(
        run.text, options, chunked.empty() ? sum_of(of_chunks) : chunked[i], sum_of(of_rolling));
  }
  result["perplexity"] = std::move(texts);
}

Json describe_data(const Work& work, const EvaluationOptions& options) {
  Json texts = Json::object();
  for (const TextRun& run : work.texts) {
    texts[run.file.string()] = {
        {"sha256", sha256_of_file(run.file)},
        {"documents", run.text.documents},
        {"scored_tokens", options.chunked ? Json(count_scored(run.text.chunked)) : Json()},
        {"words", run.text.raw ? Json(nullptr) : Json(run.text.words)},
        {"bytes", run.text.raw ? Json(nullptr) : Json(run.text.bytes)},
        {"invalid_utf8", run.text.invalid_utf8}};
  }
  return {{"tasks", work.tasks ? work.tasks->describe() : Json::object()},
          {"texts", std::move(texts)},
          {"bundled", options.bundled_data}};
}

std::vector<std::string> collect_warnings(const Model& model,
                                          const Work& work,
                                          const Setup& setup,
                                          const EvaluationOptions& options) {
  std::vector<std::string> warnings;
  if (options.bundled_data) {
    warnings.push_back(
        "perplexity depends on the text: this is for the bundled corpus of stories; name your own "
        "with --ppl for figures to publish");
  }
  if (!work.texts.empty() && setup.context > model.config.max_positions) {
    warnings.push_back(
        fmt::format("windows of {} tokens are longer than the {} positions the model was made for",
                    setup.context,
                    model.config.max_positions));
  }
  for (const TextRun& run : work.texts) {
    if (run.text.invalid_utf8 > 0) {
      warnings.push_back(fmt::format("{}: {} invalid UTF-8 sequences were replaced by U+FFFD",
                                     run.file.string(),
                                     run.text.invalid_utf8));
    }
  }
  return warnings;
}

}  // namespace

int64_t input_length(const Model& model) {
  const Json& config = model.checkpoint.config();
  for (const char* key : {"n_positions", "max_position_embeddings", "n_ctx"}) {
    const auto found = config.find(key);
    if (found != config.end() && found->is_number_unsigned() && *found > 0) {
      return found->get<int64_t>();
    }
  }
  return model.config.max_positions;
}

Evaluation evaluate(const Model& model, const EvaluationOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Setup setup = prepare(model, options);
  const Work work = read_work(model, options, setup);
  const ScorerOptions scoring{.memory_limit = options.memory_limit,
                              .batch_rows = options.batch_tokens};
  const DivergenceOptions comparing{
      setup.context, options.text_field, setup.compute_dtype, setup.device, scoring};
  std::optional<Model> reference;
  std::vector<ComparedText> compared;
  if (options.reference) {
    reference = open_model(*options.reference);
    for (const TextRun& run : work.texts) compared.push_back({run.file, &run.text});
    check_comparable(*reference, model, compared, setup.encoder.get(), comparing);
  }
  const std::vector<std::string> warnings = collect_warnings(model, work, setup, options);
  for (const std::string& warning : warnings) log::warn("{}", warning);

  auto digest = std::async(std::launch::async, [&] { return model.checkpoint.weights_sha256(); });
  const WeightLoader loader(model.weights, model.config, setup.compute_dtype, setup.device);
  Scorer scorer(model.config, loader, scoring);
  const std::vector<ScoredRequest> scores = scorer.score(work.requests);
  int64_t fed = scorer.rows_fed();
  Divergence divergence;
  if (reference) {
    divergence = measure_divergence(*reference, compared, comparing, scorer);
    fed += scorer.rows_fed();
  }

  Evaluation evaluation;
  Json& result = evaluation.result;
  result["schema"] = "linscan.eval/1";
  result["model"] = describe_model(model);
  result["model"]["weights_sha256"] = digest.get();
  result["data"] = describe_data(work, options);
  const size_t asked = work.tasks ? work.tasks->requests().size() : 0;
  result["tasks"] = work.tasks
                        ? work.tasks->summarize(std::span(scores).first(asked), &evaluation.items)
                        : Json::object();
  add_texts(
      work, perplexity_options(model, options, setup), scores, divergence.log_likelihoods, result);
  if (reference) result["divergence"] = std::move(divergence.result);
  result["protocol"] = {{"max_length", setup.max_length},
                        {"ctx", setup.context},
                        {"stride", setup.stride},
                        {"limit", options.limit}};
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result["compute"] = {{"device", setup.device.str()},
                       {"dtype", dtype_name(setup.compute_dtype)},
                       {"threads", threads()},
                       {"seconds", seconds},
                       {"tokens_fed", fed},
                       {"tokens_per_second", static_cast<double>(fed) / seconds},
                       {"peak_memory_bytes", peak_memory_bytes()}};
  result["software"] = describe_software(torch_version());
  result["date"] = now_utc();
  result["config"] = Json::object();
  result["warnings"] = warnings;
  return evaluation;
}

}  // namespace linscan
