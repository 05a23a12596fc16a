#include "train/training_text.h"

#include <nlohmann/json.hpp>
#include <span>
#include <utility>

namespace linscan {
namespace {

// Ids that config.json names; nothing where it names none, or a list.
std::optional<int32_t> special_token(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number_integer() ? std::optional(found->get<int32_t>())
                                                             : std::nullopt;
}

}  // namespace

TrainingText::TrainingText(const TrainingTextOptions& options,
                           const RunOptions& run,
                           const Tokenizer* tokenizer,
                           const Model& model)
    : options_(options), seed_(run.seed) {
  const Json& config = model.checkpoint.config();
  ShardRequest request{.inputs = options_.data,
                       .tokenizer = tokenizer,
                       .text_field = options_.text_field,
                       .bos = special_token(config, "bos_token_id"),
                       .vocabulary_size = model.config.vocabulary};
  if (const auto eos = special_token(config, "eos_token_id"); eos != request.bos) {
    request.eos = eos;
  }
  shards_.emplace(open_or_write_shards(
      request, options_.shards.empty() ? run.folder / "data" : options_.shards));
  TokenRange training{0, shards_->tokens()};
  std::optional<TokenRange> rest;
  if (options_.held_out.empty()) {
    const TokenShards::Split split = shards_->split(options_.held_out_share);
    training = split.training;
    rest = split.held_out;
  }
  order_.emplace(training, options_.context, seed_);
  read_held_out(tokenizer, model.config.vocabulary, rest);
}

void TrainingText::read_held_out(const Tokenizer* tokenizer,
                                 int64_t vocabulary,
                                 const std::optional<TokenRange>& range) {
  const WindowOptions windows{.max_tokens = options_.held_out_tokens,
                              .context = options_.context,
                              .text_field = options_.text_field};
  if (!range) {
    held_out_ = read_windows(options_.held_out, tokenizer, vocabulary, windows);
    return;
  }
  std::vector<std::vector<int32_t>> documents;
  int64_t tokens = 0;
  for (int64_t i = 0; i < shards_->documents() && tokens < options_.held_out_tokens; ++i) {
    const int64_t begin = shards_->document_begin(i);
    if (begin >= range->first) {
      documents.emplace_back(static_cast<size_t>(shards_->document_begin(i + 1) - begin));
      shards_->copy(begin, std::span<int32_t>(documents.back()));
      tokens += static_cast<int64_t>(documents.back().size());
    }
  }
  held_out_ = cut_windows(documents, options_.data.front().string(), vocabulary, windows);
}

TrainBatch TrainingText::batch(const RunOptions& run, int64_t step, int64_t micro) const {
  const int64_t windows = run.windows_of_micro_batch(options_.context);
  const int64_t first = (step * run.accumulation(options_.context) + micro) * windows;
  std::vector<std::vector<int32_t>> rows;
  std::vector<int64_t> begins;
  for (int64_t i = first; i < first + windows; ++i) {
    begins.push_back(order_->window(i));
    rows.emplace_back(static_cast<size_t>(order_->window_tokens()));
    shards_->copy(begins.back(), std::span<int32_t>(rows.back()));
  }
  TrainBatch batch = next_token_batch(rows);
  batch.windows = std::move(begins);
  return batch;
}

Json TrainingText::describe() const {
  Json data = {{"files", Json::array()},
               {"tokens", shards_->tokens()},
               {"documents", shards_->documents()},
               {"windows", order_->windows()},
               {"ctx", options_.context},
               {"sha256", shards_->sha256()},
               {"held_out_tokens", held_out_.ids.size()}};
  for (const std::filesystem::path& file : options_.data) {
    data["files"].push_back(file.string());
  }
  return data;
}

}  // namespace linscan
