#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "linscan/base/error.h"
#include "text/utf8.h"

namespace linscan {
namespace {

// What an unknown character costs more than the least likely token, as in sentencepiece.
constexpr double kUnknownPenalty = 10.0;
// The trie takes twelve times this at most; the largest vocabularies in use hold 3 MiB.
constexpr size_t kMaxVocabularyText = size_t{64} << 20;

PrefixTrie make_trie(const Vocabulary& vocabulary, const std::string& where) {
  std::vector<std::pair<std::string_view, int32_t>> keys;
  keys.reserve(static_cast<size_t>(vocabulary.size()));
  size_t bytes = 0;
  vocabulary.for_each([&](std::string_view token, int32_t id) {
    bytes += token.size();
    if (!token.empty()) keys.emplace_back(token, id);  // an empty token is never found
  });
  LINSCAN_CHECK(bytes <= kMaxVocabularyText,
                kInput,
                "{}.vocab: {} bytes of tokens, at most {} are possible",
                where,
                bytes,
                kMaxVocabularyText);
  return PrefixTrie(std::move(keys));
}

}  // namespace

UnigramModel::UnigramModel(std::shared_ptr<const Vocabulary> vocabulary,
                           std::vector<double> scores,
                           const UnigramOptions& options,
                           const std::string& where)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      trie_(make_trie(*vocabulary_, where)),
      where_(where) {
  double lowest = std::numeric_limits<double>::infinity();
  for (const double score : scores_) lowest = std::min(lowest, score);
  unk_score_ = lowest - kUnknownPenalty;
  if (options.unk_id) {
    LINSCAN_CHECK(*options.unk_id < vocabulary_->size(),
                  kInput,
                  "{}.unk_id: {} is not below the {} tokens of the vocabulary",
                  where,
                  *options.unk_id,
                  vocabulary_->size());
    unk_id_ = static_cast<int32_t>(*options.unk_id);
  }
  if (!options.byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte)
    byte_tokens_.push_back(vocabulary_->find(fmt::format("<0x{:02X}>", byte)));
}

void UnigramModel::encode(std::string_view piece,
                          ModelScratch& scratch,
                          std::vector<int32_t>& out) const {
  const bool is_short = piece.size() <= WordCache::kMaxBytes;
  WordCache::Key key{};
  if (is_short) {
    key = WordCache::make_key(piece);
    const std::span<const int32_t> cached = scratch.cache.find(key, piece);
    if (!cached.empty()) {
      out.insert(out.end(), cached.begin(), cached.end());
      return;
    }
  }
  const size_t before = out.size();
  find_best_paths(piece, scratch.paths);
  append_path(piece, scratch.paths, out);
  if (is_short) scratch.cache.insert(key, piece, std::span(out).subspan(before));
}

// Viterbi from left to right. Of equal sums the one found first stays: that of the longer last
// token.
void UnigramModel::find_best_paths(std::string_view piece, std::vector<BestPath>& paths) const {
  LINSCAN_CHECK(piece.size() < std::numeric_limits<uint32_t>::max(),
                kInput,
                "a piece of {} bytes is too long for this tokenizer",
                piece.size());
  paths.assign(piece.size() + 1, {0.0, 0, kNone});
  for (size_t begin = 0; begin < piece.size();) {
    const double score_here = paths[begin].score;
    const auto offer = [&](size_t end, double score, int32_t id) {
      BestPath& path = paths[end];
      if (path.id != kNone && !(score > path.score)) return;
      LINSCAN_CHECK(id != kNone,
                    kInput,
                    "{}: no token covers \"{}\", and there is no unk_id",
                    where_,
                    piece.substr(begin, end - begin));
      path = {score, static_cast<uint32_t>(begin), id};
    };
    const auto bytes = static_cast<size_t>(code_point_at(piece, begin).bytes);
    bool has_character = false;
    trie_.for_each_prefix(piece.substr(begin), [&](size_t length, int32_t id) {
      offer(begin + length, scores_[static_cast<size_t>(id)] + score_here, id);
      has_character = has_character || length == bytes;
    });
    if (!has_character) offer(begin + bytes, unk_score_ + score_here, unk_id_);
    begin += bytes;
  }
}

// Neighbouring unknown tokens become one, as in HF.
void UnigramModel::append_path(std::string_view piece,
                               const std::vector<BestPath>& paths,
                               std::vector<int32_t>& out) const {
  const size_t before = out.size();
  for (size_t end = piece.size(); end > 0;) {
    size_t begin = paths[end].begin;
    if (paths[end].id == unk_id_) {
      while (begin > 0 && paths[begin].id == unk_id_) begin = paths[begin].begin;
      append_unknown(piece.substr(begin, end - begin), out);
    } else {
      out.push_back(paths[end].id);
    }
    end = begin;
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
}

// The ids of unknown text, last one first. It may spell a token after all, the unknown one above
// all.
void UnigramModel::append_unknown(std::string_view text, std::vector<int32_t>& out) const {
  const int32_t id = vocabulary_->find(text);
  if (id >= 0) {
    out.push_back(id);
    return;
  }
  const auto token_of = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
  const bool spelled =
      !byte_tokens_.empty() &&
      std::all_of(text.begin(), text.end(), [&](char byte) { return token_of(byte) != kNone; });
  if (spelled) {
    std::transform(text.rbegin(), text.rend(), std::back_inserter(out), token_of);
  } else {
    out.push_back(unk_id_);
  }
}

}  // namespace linscan
