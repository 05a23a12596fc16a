#include "linscan/eval/perplexity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <utility>

#include "eval/python_text.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/text/corpus.h"
#include "linscan/text/utf8.h"
#include "linscan/text/windows.h"

namespace linscan {
namespace {

ScoreRequest request_of(std::span<const int32_t> tokens,
                        int64_t begin,
                        int64_t end,
                        int64_t scored) {
  const auto ids = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  return {.ids = {ids.begin(), ids.end()}, .scored = scored};
}

void add_chunks(std::span<const int32_t> tokens,
                const PerplexityOptions& options,
                PerplexityText& text) {
  text.tokens += static_cast<int64_t>(tokens.size());
  if (options.chunked) {
    for (ScoreRequest& window : chunked_windows(tokens, options.context, options.stride)) {
      text.chunked.push_back(std::move(window));
      text.chunk_document.push_back(text.documents);
    }
  }
  ++text.documents;
}

void add_document(std::string document,
                  PromptEncoder& encoder,
                  const PerplexityOptions& options,
                  PerplexityText& text) {
  if (const int64_t invalid = count_invalid_utf8(document); invalid > 0) {
    text.invalid_utf8 += invalid;
    document = replace_invalid_utf8(document);
  }
  text.words += python::count_pieces(document);
  text.bytes += static_cast<int64_t>(document.size());
  if (options.rolling) {
    const std::vector<int32_t> tokens = encoder.encode(document);
    if (!tokens.empty()) {
      std::ranges::move(rolling_windows(tokens, encoder.prefix(), encoder.max_length()),
                        std::back_inserter(text.rolling));
    }
  }
  add_chunks(encoder.encode_plain(document), options, text);
}

PerplexityText read_raw_ids(const std::filesystem::path& file, const PerplexityOptions& options) {
  const TokenWindows ids =
      read_windows({file},
                   nullptr,
                   options.vocabulary,
                   {.max_tokens = std::numeric_limits<int64_t>::max(), .context = options.context});
  PerplexityText text;
  text.raw = true;
  add_chunks(ids.ids, options, text);
  return text;
}

}  // namespace

std::vector<ScoreRequest> rolling_windows(std::span<const int32_t> tokens,
                                          int32_t prefix,
                                          int64_t max_length) {
  const auto count = static_cast<int64_t>(tokens.size());
  std::vector<ScoreRequest> windows;
  if (count == 0) return windows;
  int64_t predicted = std::min(max_length, count);
  windows.push_back(request_of(tokens, 0, predicted, predicted));
  windows.back().ids.insert(windows.back().ids.begin(), prefix);
  while (predicted < count) {
    const int64_t more = std::min(max_length, count - predicted);
    predicted += more;
    windows.push_back(request_of(tokens, predicted - max_length - 1, predicted, more));
  }
  return windows;
}

std::vector<ScoreRequest> chunked_windows(std::span<const int32_t> tokens,
                                          int64_t context,
                                          int64_t stride) {
  const auto count = static_cast<int64_t>(tokens.size());
  std::vector<ScoreRequest> windows;
  int64_t scored_end = 0;
  for (int64_t begin = 0; scored_end < count; begin += stride) {
    const int64_t end = std::min(begin + context, count);
    const int64_t scored = end - std::max(scored_end, begin + 1);
    if (scored > 0) windows.push_back(request_of(tokens, begin, end, scored));
    scored_end = end;
  }
  return windows;
}

bool holds_raw_ids(const std::filesystem::path& file) {
  const DataFormat format = data_format(file);
  return format == DataFormat::kIds32 || format == DataFormat::kIds16;
}

PerplexityText read_perplexity_text(const std::filesystem::path& file,
                                    PromptEncoder* encoder,
                                    const PerplexityOptions& options) {
  check_data_files({file});
  if (holds_raw_ids(file)) return read_raw_ids(file, options);
  LINSCAN_CHECK(encoder != nullptr, kInternal, "{}: text without a tokenizer", file.string());
  PerplexityText text;
  CorpusReader reader({file}, options.text_field);
  while (auto document = reader.next()) {
    check_interrupt();
    add_document(std::move(*document), *encoder, options, text);
  }
  LINSCAN_CHECK(text.tokens > 0, kInput, "{}: no tokens at all", file.string());
  return text;
}

int64_t count_scored(std::span<const ScoreRequest> requests) {
  int64_t scored = 0;
  for (const ScoreRequest& request : requests) scored += request.scored;
  return scored;
}

Json summarize_perplexity(const PerplexityText& text,
                          const PerplexityOptions& options,
                          double chunked,
                          double rolling) {
  const int64_t scored = count_scored(text.chunked);
  Json summary;
  if (options.chunked) {
    summary["chunked"] = scored == 0
                             ? Json(nullptr)
                             : number_or_null(std::exp(-chunked / static_cast<double>(scored)));
  }
  if (options.rolling && !text.raw) {
    const auto words = static_cast<double>(text.words);
    const auto bytes = static_cast<double>(text.bytes);
    summary["word"] = number_or_null(std::exp(-rolling / words));
    summary["byte"] = number_or_null(std::exp(-rolling / bytes));
    summary["bits_per_byte"] = number_or_null(-rolling / bytes / std::numbers::ln2);
  }
  summary["tokens"] = text.tokens;
  if (options.chunked && scored == 0) {
    summary["reason"] = "chunked: no window has a second token";
  }
  return summary;
}

}  // namespace linscan
