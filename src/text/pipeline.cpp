#include "text/pipeline.h"

#include <algorithm>
#include <utility>

namespace linscan {

// Where the ids of one encode() call go.
struct Pipeline::Output {
  std::vector<int32_t>& ids;
  ModelScratch& scratch;
  size_t enough;

  bool wants_more() const { return ids.size() < enough; }
};

std::unique_ptr<ModelScratch> Pipeline::ScratchPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto scratch = std::move(free_.back());
      free_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<ModelScratch>();
}

void Pipeline::ScratchPool::give_back(std::unique_ptr<ModelScratch> scratch) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(scratch));
}

AddedTokenMatcher Pipeline::make_matcher(const PipelineParts& parts, bool normalized) {
  std::vector<AddedToken> tokens;
  std::vector<std::string> patterns;
  for (const AddedToken& token : parts.added_tokens) {
    if (token.normalized != normalized) continue;
    tokens.push_back(token);
    patterns.push_back(token.content);
    if (normalized && parts.normalizer) parts.normalizer->apply(patterns.back());
  }
  return AddedTokenMatcher(std::move(tokens), patterns);
}

Pipeline::Pipeline(PipelineParts parts)
    : parts_(std::move(parts)),
      raw_matcher_(make_matcher(parts_, false)),
      normalized_matcher_(make_matcher(parts_, true)) {
  for (const AddedToken& token : parts_.added_tokens) added_by_id_[token.id] = token.content;
}

void Pipeline::encode(std::string_view text,
                      bool add_special_tokens,
                      size_t enough,
                      std::vector<int32_t>& out) const {
  auto scratch = scratches_.take();
  Output output{out, *scratch, enough};
  const auto& special = parts_.special_tokens;
  if (add_special_tokens) out.insert(out.end(), special.before.begin(), special.before.end());
  raw_matcher_.split(text, [&](size_t begin, size_t end, const AddedToken* token) {
    if (token != nullptr) {
      out.push_back(token->id);
      return output.wants_more();
    }
    const std::string_view stretch = text.substr(begin, end - begin);
    if (!parts_.normalizer) return encode_stretch(stretch, begin == 0, output);
    std::string normalized(stretch);
    const bool keeps_start = parts_.normalizer->apply(normalized);
    return encode_stretch(normalized, begin == 0 && keeps_start, output);
  });
  if (add_special_tokens) out.insert(out.end(), special.after.begin(), special.after.end());
  scratches_.give_back(std::move(scratch));
}

// `text` is normalised; the added tokens that are looked for in normalised text are still in it.
bool Pipeline::encode_stretch(std::string_view text, bool at_start, Output& output) const {
  return normalized_matcher_.split(text, [&](size_t begin, size_t end, const AddedToken* token) {
    if (token != nullptr) {
      output.ids.push_back(token->id);
      return output.wants_more();
    }
    return encode_pieces(text.substr(begin, end - begin), at_start && begin == 0, output);
  });
}

bool Pipeline::encode_pieces(std::string_view text, bool at_start, Output& output) const {
  const auto encode_piece = [&](std::string_view piece, bool) {
    parts_.model->encode(piece, output.scratch, output.ids);
    return output.wants_more();
  };
  if (text.empty()) return true;
  if (!parts_.pre_tokenizer) return encode_piece(text, at_start);
  return parts_.pre_tokenizer->split(text, at_start, encode_piece);
}

std::string Pipeline::decode(std::span<const int32_t> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    if (const auto added = added_by_id_.find(id); added != added_by_id_.end()) {
      tokens.push_back(added->second);
    } else if (parts_.vocabulary->contains_id(id)) {
      tokens.emplace_back(parts_.vocabulary->token(id));
    }
  }
  const bool spaced = parts_.decoder == nullptr;  // HF joins with spaces when there is no decoder
  if (parts_.decoder) parts_.decoder->apply(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (spaced && i > 0) text += ' ';
    text += tokens[i];
  }
  return text;
}

std::optional<int32_t> Pipeline::find(std::string_view token) const {
  for (const AddedToken& added : parts_.added_tokens) {
    if (added.content == token) return added.id;
  }
  const int32_t id = parts_.vocabulary->find(token);
  return id >= 0 ? std::optional<int32_t>(id) : std::nullopt;
}

int64_t Pipeline::vocabulary_size() const {
  int64_t size = parts_.vocabulary->id_limit();
  for (const AddedToken& token : parts_.added_tokens) size = std::max(size, int64_t{token.id} + 1);
  return size;
}

}  // namespace linscan
