#include "linscan/eval/prompt_encoder.h"

#include <algorithm>
#include <utility>

#include "eval/python_text.h"
#include "linscan/base/error.h"
#include "linscan/text/boundary_tokens.h"

namespace linscan {

PromptEncoder::PromptEncoder(const std::filesystem::path& folder,
                             int64_t max_length,
                             int64_t vocabulary_size)
    : tokenizer_(Tokenizer::load(folder)),
      max_length_(max_length),
      vocabulary_size_(vocabulary_size) {
  const BoundaryTokens tokens = read_boundary_tokens(folder, tokenizer_);
  prefix_ = tokens.bos ? tokens.bos : tokens.eos;
  if (prefix_) {
    prefix_text_ = tokenizer_.decode({{*prefix_}});
  }
}

int32_t PromptEncoder::prefix() const {
  LINSCAN_CHECK(prefix_,
                kInput,
                "{}: neither a BOS nor an EOS token is named, and a text of its own begins with "
                "one; name it in tokenizer_config.json (\"bos_token\")",
                tokenizer_.source());
  return *prefix_;
}

std::vector<int32_t> PromptEncoder::checked(std::vector<int32_t> ids) const {
  const auto bad =
      std::ranges::find_if(ids, [&](int32_t id) { return int64_t{id} >= vocabulary_size_; });
  LINSCAN_CHECK(bad == ids.end(),
                kInput,
                "{}: makes token id {}, but the model's vocabulary has {} ids: this tokenizer is "
                "not for this model",
                tokenizer_.source(),
                *bad,
                vocabulary_size_);
  return ids;
}

std::vector<int32_t> PromptEncoder::encode(std::string_view text) const {
  const bool has_prefix = !prefix_text_.empty() && text.starts_with(prefix_text_);
  return checked(tokenizer_.encode(text, !has_prefix));
}

std::vector<int32_t> PromptEncoder::encode_plain(std::string_view text) const {
  return checked(tokenizer_.encode(text, false));
}

ScoreRequest PromptEncoder::encode_pair(std::string_view context,
                                        std::string_view continuation,
                                        const std::string& where) {
  const std::string_view kept = python::rstrip(context);
  const std::string moved = std::string(context.substr(kept.size())) + std::string(continuation);
  std::vector<int32_t> ids;  // those of the context first
  int64_t scored = 0;
  if (kept.empty() && context.empty()) {
    const std::vector<int32_t> own = encode_plain(continuation);
    ids = own.empty() || own.front() != prefix() ? std::vector<int32_t>{prefix()}
                                                 : std::vector<int32_t>();
    ids.insert(ids.end(), own.begin(), own.end());
    scored = static_cast<int64_t>(ids.size()) - 1;
  } else {
    if (kept != last_context_ || last_context_ids_.empty()) {
      last_context_ = kept;
      last_context_ids_ = encode(kept);
    }
    const std::vector<int32_t> whole = encode(std::string(kept) + moved);
    ids = last_context_ids_;
    const size_t begin = std::min(ids.size(), whole.size());
    scored = static_cast<int64_t>(whole.size() - begin);
    if (ids.empty()) {  // nothing but whitespace, and a tokenizer that adds nothing
      ids.push_back(prefix());
    }
    ids.insert(ids.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin), whole.end());
  }
  LINSCAN_CHECK(scored > 0,
                kInput,
                "{}: the tokenizer merges the whole continuation into the context, so there is no "
                "token to score",
                where);
  LINSCAN_CHECK(scored <= max_length_,
                kInput,
                "{}: the continuation has {} tokens, but the model takes {} at most",
                where,
                scored,
                max_length_);
  const int64_t excess = static_cast<int64_t>(ids.size()) - (max_length_ + 1);
  if (excess > 0) {
    ids.erase(ids.begin(), ids.begin() + excess);
  }
  return {.ids = std::move(ids), .scored = scored};
}

}  // namespace linscan
