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

// Bytes after which a place is looked for up to which the result is settled, and then again.
constexpr size_t kSettleBytes = 1024;
constexpr size_t kSettleStep = 16;

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
  vocabulary_->for_each(
      [&](std::string_view token, int32_t) { longest_ = std::max(longest_, token.size()); });
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
  encode_uncached(piece, scratch.paths, out);
  if (is_short) scratch.cache.insert(key, piece, std::span(out).subspan(before));
}

// Viterbi from left to right. Where no token reaches across, every path goes through: what lies
// before is settled and written, so that a long piece takes little memory. Sums go on over such a
// place, as in HF.
void UnigramModel::encode_uncached(std::string_view piece,
                                   std::vector<BestPath>& paths,
                                   std::vector<int32_t>& out) const {
  LINSCAN_CHECK(piece.size() < std::numeric_limits<uint32_t>::max(),
                kInput,
                "a piece of {} bytes is too long for this tokenizer",
                piece.size());
  paths.resize(std::max(paths.size(), size_t{1}));
  paths[0] = {0.0, 0, kNone};
  size_t begin = 0;  // relative to what is left of the piece, as all places here
  size_t reach = 0;
  size_t limit = kSettleBytes;
  while (limit < piece.size()) {
    extend(piece, limit, begin, reach, paths);
    // An unknown token may still be joined by the next one.
    if (begin != reach || begin == piece.size() || paths[begin].id == unk_id_) {
      limit = begin + kSettleStep;
      continue;
    }
    const double score = paths[begin].score;
    append_path(piece.substr(0, begin), paths, out);
    piece.remove_prefix(begin);
    paths[0] = {score, 0, kNone};
    begin = 0;
    reach = 0;
    limit = kSettleBytes;
  }
  extend(piece, piece.size(), begin, reach, paths);
  append_path(piece, paths, out);
}

// Offers every token that starts in [begin, limit) to the paths. Of equal sums the one found first
// stays: that of the longer last token. Leaves `begin` at the first character behind `limit`,
// `reach` at the furthest end of a token.
void UnigramModel::extend(std::string_view piece,
                          size_t limit,
                          size_t& begin,
                          size_t& reach,
                          std::vector<BestPath>& paths) const {
  const size_t needed = std::min(limit + longest_, piece.size()) + 1;
  if (paths.size() < needed) paths.resize(needed);  // kept for the next piece
  BestPath* const path_to = paths.data();
  const double* const scores = scores_.data();
  size_t furthest = reach;
  size_t at = begin;
  // Paths behind `furthest` are left from other pieces.
  const auto offer = [&](size_t end, double score, int32_t id) {
    while (furthest < end) path_to[++furthest].id = kNone;
    if (path_to[end].id != kNone && !(score > path_to[end].score)) return;
    if (id == kNone) refuse(piece.substr(at, end - at));
    path_to[end] = {score, static_cast<uint32_t>(at), id};
  };
  while (at < limit) {
    const double score_here = path_to[at].score;
    const auto bytes = static_cast<size_t>(code_point_at(piece, at).bytes);
    bool has_character = false;
    trie_.for_each_prefix(piece.substr(at), [&](size_t length, int32_t id) {
      offer(at + length, scores[id] + score_here, id);
      has_character = has_character || length == bytes;
    });
    if (!has_character) offer(at + bytes, unk_score_ + score_here, unk_id_);
    at += bytes;
  }
  begin = at;
  reach = furthest;
}

void UnigramModel::refuse(std::string_view character) const {
  fail_input("{}: no token covers \"{}\", and there is no unk_id", where_, character);
}

// Follows the path that ends with `text` back to its beginning. Neighbouring unknown tokens become
// one, as in HF.
void UnigramModel::append_path(std::string_view text,
                               const std::vector<BestPath>& paths,
                               std::vector<int32_t>& out) const {
  const size_t before = out.size();
  for (size_t end = text.size(); end > 0;) {
    size_t begin = paths[end].begin;
    if (paths[end].id == unk_id_) {
      while (begin > 0 && paths[begin].id == unk_id_) begin = paths[begin].begin;
      append_unknown(text.substr(begin, end - begin), out);
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
