// Texts cut into what a model has to predict, by the two rules that perplexities are published
// under.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/eval/prompt_encoder.h"
#include "linscan/eval/request.h"

namespace linscan {

// lm-evaluation-harness's loglikelihood_rolling: every token of `tokens` is scored once, the first
// behind `prefix`; each window is as long as the model's input, max_length, as far as there are
// tokens.
std::vector<ScoreRequest> rolling_windows(std::span<const int32_t> tokens,
                                          int32_t prefix,
                                          int64_t max_length);

// Windows of `context` tokens (at least 2) that begin every `stride` (1 .. context) tokens, up to
// the first that reaches the end. Each scores what no window before it scored and, its first token
// being given, what follows that.
std::vector<ScoreRequest> chunked_windows(std::span<const int32_t> tokens,
                                          int64_t context,
                                          int64_t stride);

struct PerplexityText {
  bool raw = false;    // token ids: chunked only
  int64_t tokens = 0;  // without special tokens
  int64_t documents = 0;
  int64_t words = 0;         // pieces between runs of whitespace
  int64_t bytes = 0;         // of UTF-8
  int64_t invalid_utf8 = 0;  // sequences that became U+FFFD
  std::vector<ScoreRequest> chunked;
  std::vector<int64_t> chunk_document;  // of each chunked window
  std::vector<ScoreRequest> rolling;
};

struct PerplexityOptions {
  int64_t context = 0;
  int64_t stride = 0;
  int64_t vocabulary = 0;  // raw ids must be below it
  std::string text_field = "text";
  bool chunked = true;  // which rules windows are cut by
  bool rolling = true;
};

// encoder  not used, may be nullptr, for raw ids.
PerplexityText read_perplexity_text(const std::filesystem::path& file,
                                    PromptEncoder* encoder,
                                    const PerplexityOptions& options);
bool holds_raw_ids(const std::filesystem::path& file);

// A file's member of the result, with the figures of the rules that are asked for. The
// log-likelihoods are sums over all windows of a rule.
Json summarize_perplexity(const PerplexityText& text,
                          const PerplexityOptions& options,
                          double chunked,
                          double rolling);

// Sum of the scored tokens.
int64_t count_scored(std::span<const ScoreRequest> requests);

}  // namespace linscan
