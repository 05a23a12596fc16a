#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "linscan/base/error.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace linscan {
namespace {

// The word separator of Llama-style vocabularies, U+2581.
constexpr std::string_view kWordMark = "\xE2\x96\x81";
constexpr int kWordMarkIndex = 128;
constexpr size_t kShortPiece = 48;  // symbols up to which searching the row beats a heap

uint64_t pair_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

uint64_t mix(uint64_t pair) {
  pair *= 0x9E3779B97F4A7C15u;
  return pair ^ (pair >> 29);
}

}  // namespace

BpeModel::BpeModel(std::shared_ptr<const Vocabulary> vocabulary,
                   const std::vector<std::pair<std::string, std::string>>& merges,
                   BpeOptions options,
                   const std::string& where)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      junctions_(256 * 256 / 64, 0) {
  build_symbols(where);
  add_merges(merges, where);
}

bool BpeModel::takes_raw_bytes(const Vocabulary& vocabulary) {
  for (int byte = 0; byte < 256; ++byte) {
    if (vocabulary.find(byte_character(static_cast<unsigned char>(byte))) < 0) return false;
  }
  return true;
}

void BpeModel::build_symbols(const std::string& where) {
  for (int byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(byte);
    const std::string_view raw = byte_character(static_cast<unsigned char>(byte));
    const std::string_view ascii(&character, 1);
    single_.push_back(options_.raw_bytes ? vocabulary_->find(raw)
                      : byte < 128       ? vocabulary_->find(ascii)
                                         : -1);
    byte_tokens_.push_back(
        options_.byte_fallback ? vocabulary_->find(fmt::format("<0x{:02X}>", byte)) : -1);
  }
  word_mark_id_ = vocabulary_->find(kWordMark);
  if (options_.unk_token) {
    unk_id_ = vocabulary_->find(*options_.unk_token);
    LINSCAN_CHECK(unk_id_ >= 0,
                  kInput,
                  "{}.unk_token: \"{}\" is not in the vocabulary",
                  where,
                  *options_.unk_token);
  }
  if (options_.raw_bytes && options_.ignore_merges) {
    vocabulary_->for_each([&](std::string_view token, int32_t id) {
      const auto bytes = characters_to_bytes(token);
      if (bytes && !bytes->empty()) whole_pieces_.add(*bytes, id, where);
    });
  }
}

void BpeModel::add_merges(const std::vector<std::pair<std::string, std::string>>& merges,
                          const std::string& where) {
  LINSCAN_CHECK(
      merges.size() < kNoRank, kInput, "{}: {} merges are too many", where, merges.size());
  size_t slots = 64;
  while (slots < merges.size() * 2) slots *= 2;
  merges_.resize(slots);
  merge_mask_ = slots - 1;
  results_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& left = merges[rank].first;
    const auto& right = merges[rank].second;
    const auto id_of = [&](const std::string& token) {
      const int32_t id = vocabulary_->find(token);
      LINSCAN_CHECK(id >= 0,
                    kInput,
                    "{}.merges[{}]: \"{}\" is not in the vocabulary (merge of \"{}\" and \"{}\")",
                    where,
                    rank,
                    token,
                    left,
                    right);
      return id;
    };
    const uint64_t pair = pair_of(id_of(left), id_of(right));
    const int32_t result = id_of(left + right);
    uint64_t slot = mix(pair) & merge_mask_;
    while (merges_[slot].pair != kNoPair && merges_[slot].pair != pair)
      slot = (slot + 1) & merge_mask_;
    merges_[slot] = {pair, static_cast<uint32_t>(rank), result};
    results_.push_back(result);
    note_junction(left, right);
  }
}

void BpeModel::note_junction(std::string_view left, std::string_view right) {
  int last = kNoSymbol;
  int first = kNoSymbol;
  if (left.empty() || right.empty()) {
    // Such a merge joins whatever stands around it: no cut is safe any more.
    std::fill(junctions_.begin(), junctions_.end(), ~uint64_t{0});
    return;
  }
  const std::string_view last_character =
      left.substr(left.size() - static_cast<size_t>(code_point_before(left, left.size()).bytes));
  const std::string_view first_character =
      right.substr(0, static_cast<size_t>(code_point_at(right, 0).bytes));
  if (options_.raw_bytes) {
    const auto a = characters_to_bytes(last_character);
    const auto b = characters_to_bytes(first_character);
    if (!a || !b) return;
    last = static_cast<unsigned char>((*a)[0]);
    first = static_cast<unsigned char>((*b)[0]);
  } else {
    last = junction_index(last_character, 0).first;
    first = junction_index(first_character, 0).first;
  }
  if (last < 0 || first < 0) return;
  const auto bit = static_cast<size_t>(last) * 256 + static_cast<size_t>(first);
  junctions_[bit / 64] |= uint64_t{1} << (bit % 64);
}

std::pair<int, size_t> BpeModel::junction_index(std::string_view text, size_t at) const {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (options_.raw_bytes) return {byte, 1};
  if (byte < 0x80) return {byte, 1};
  if (text.substr(at).starts_with(kWordMark)) return {kWordMarkIndex, kWordMark.size()};
  return {kNoSymbol, static_cast<size_t>(code_point_at(text, at).bytes)};
}

// End of the longest stretch from `begin` inside which every two neighbours might meet in a token.
size_t BpeModel::next_cut(std::string_view piece, size_t begin) const {
  // A character without a token of its own becomes something else (unknown, bytes): never cut
  // beside it.
  const auto known = [&](int index) {
    return index >= 0 && (index == kWordMarkIndex && !options_.raw_bytes
                              ? word_mark_id_ >= 0
                              : single_[static_cast<size_t>(index)] >= 0);
  };
  auto [left, bytes] = junction_index(piece, begin);
  size_t at = begin + bytes;
  while (at < piece.size()) {
    const auto [right, right_bytes] = junction_index(piece, at);
    if (known(left) && known(right)) {
      const auto bit = static_cast<size_t>(left) * 256 + static_cast<size_t>(right);
      if ((junctions_[bit / 64] >> (bit % 64) & 1) == 0) return at;
    }
    left = right;
    at += right_bytes;
  }
  return at;
}

const BpeModel::Merge& BpeModel::find_merge(int32_t left, int32_t right) const {
  static constexpr Merge kNone{kNoPair, kNoRank, 0};
  const uint64_t pair = pair_of(left, right);
  for (uint64_t slot = mix(pair) & merge_mask_;; slot = (slot + 1) & merge_mask_) {
    if (merges_[slot].pair == pair) return merges_[slot];
    if (merges_[slot].pair == kNoPair) return kNone;
  }
}

void BpeModel::encode(std::string_view piece,
                      ModelScratch& scratch,
                      std::vector<int32_t>& out) const {
  if (piece.size() <= WordCache::kMaxBytes) {
    encode_cached(piece, scratch, out);
    return;
  }
  if (options_.ignore_merges) {
    const int32_t id = options_.raw_bytes ? whole_pieces_.find(piece) : vocabulary_->find(piece);
    if (id >= 0) {
      out.push_back(id);
      return;
    }
  }
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = next_cut(piece, begin);
    const std::string_view part = piece.substr(begin, end - begin);
    // With ignore_merges the cache holds whole pieces, and a part is not one.
    if (part.size() <= WordCache::kMaxBytes && !options_.ignore_merges) {
      encode_cached(part, scratch, out);
    } else {
      encode_uncached(part, scratch, out);
    }
    begin = end;
  }
}

void BpeModel::encode_cached(std::string_view piece,
                             ModelScratch& scratch,
                             std::vector<int32_t>& out) const {
  const WordCache::Key key = WordCache::make_key(piece);
  const std::span<const int32_t> cached = scratch.cache.find(key, piece);
  if (!cached.empty()) {
    out.insert(out.end(), cached.begin(), cached.end());
    return;
  }
  const size_t before = out.size();
  if (options_.ignore_merges) {
    const int32_t id = options_.raw_bytes ? whole_pieces_.find(piece) : vocabulary_->find(piece);
    if (id >= 0) out.push_back(id);
  }
  if (out.size() == before) encode_uncached(piece, scratch, out);
  scratch.cache.insert(key, piece, std::span(out).subspan(before));
}

void BpeModel::encode_uncached(std::string_view piece,
                               ModelScratch& scratch,
                               std::vector<int32_t>& out) const {
  LINSCAN_CHECK(piece.size() < std::numeric_limits<uint32_t>::max(),
                kInput,
                "a piece of {} bytes without a place to cut it is too long for this tokenizer",
                piece.size());
  scratch.symbols.clear();
  initial_symbols(piece, scratch.symbols);
  if (scratch.symbols.size() <= kShortPiece) {
    merge_short(scratch);
  } else {
    merge_long(scratch);
  }
  out.insert(out.end(), scratch.symbols.begin(), scratch.symbols.end());
}

void BpeModel::initial_symbols(std::string_view piece, std::vector<int32_t>& symbols) const {
  if (options_.raw_bytes) {
    for (const char byte : piece) symbols.push_back(single_[static_cast<unsigned char>(byte)]);
    return;
  }
  // An unknown character waits: the next one may be fused with it. As in HF, byte tokens in between
  // overtake it.
  bool unknown_waits = false;
  for (size_t at = 0; at < piece.size();) {
    const CodePoint c = code_point_at(piece, at);
    const std::string_view character = piece.substr(at, static_cast<size_t>(c.bytes));
    at += character.size();
    const int32_t id = c.value < 0x80 ? single_[c.value] : vocabulary_->find(character);
    if (id >= 0) {
      if (unknown_waits) symbols.push_back(unk_id_);
      unknown_waits = false;
      symbols.push_back(id);
    } else if (!(options_.byte_fallback && append_byte_tokens(character, symbols)) &&
               unk_id_ >= 0) {
      if (unknown_waits && !options_.fuse_unk) symbols.push_back(unk_id_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) symbols.push_back(unk_id_);
}

// Only when every byte has a token; otherwise nothing is appended.
bool BpeModel::append_byte_tokens(std::string_view character, std::vector<int32_t>& symbols) const {
  const auto token_of = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
  if (!std::all_of(
          character.begin(), character.end(), [&](char byte) { return token_of(byte) >= 0; })) {
    return false;
  }
  for (const char byte : character) symbols.push_back(token_of(byte));
  return true;
}

// ranks[i] is the rank of the pair (i, i + 1).
void BpeModel::merge_short(ModelScratch& scratch) const {
  std::vector<int32_t>& symbols = scratch.symbols;
  if (symbols.size() < 2) return;
  uint32_t ranks[kShortPiece];
  size_t pairs = symbols.size() - 1;
  for (size_t i = 0; i < pairs; ++i) ranks[i] = find_merge(symbols[i], symbols[i + 1]).rank;
  while (pairs > 0) {
    const size_t best = static_cast<size_t>(std::min_element(ranks, ranks + pairs) - ranks);
    if (ranks[best] == kNoRank) break;
    symbols[best] = results_[ranks[best]];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(ranks + best + 1, ranks + pairs, ranks + best);
    --pairs;
    if (best < pairs) ranks[best] = find_merge(symbols[best], symbols[best + 1]).rank;
    if (best > 0) ranks[best - 1] = find_merge(symbols[best - 1], symbols[best]).rank;
  }
}

// A heap of (rank, position); an entry whose pair has changed since is skipped. O(n log n).
void BpeModel::merge_long(ModelScratch& scratch) const {
  std::vector<int32_t>& symbols = scratch.symbols;
  const auto n = static_cast<uint32_t>(symbols.size());
  scratch.ranks.assign(n, kNoRank);
  scratch.next.resize(n);
  scratch.previous.resize(n);
  scratch.heap.clear();
  const auto entry = [](uint32_t rank, uint32_t at) {
    return static_cast<uint64_t>(rank) << 32 | at;
  };
  for (uint32_t i = 0; i < n; ++i) {
    scratch.next[i] = i + 1;
    scratch.previous[i] = i - 1;  // of 0: past the end, as next of the last
    if (i + 1 == n) break;
    scratch.ranks[i] = find_merge(symbols[i], symbols[i + 1]).rank;
    if (scratch.ranks[i] != kNoRank) scratch.heap.push_back(entry(scratch.ranks[i], i));
  }
  std::make_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
  const auto update = [&](uint32_t at) {
    const uint32_t right = scratch.next[at];
    scratch.ranks[at] = right < n ? find_merge(symbols[at], symbols[right]).rank : kNoRank;
    if (scratch.ranks[at] == kNoRank) return;
    scratch.heap.push_back(entry(scratch.ranks[at], at));
    std::push_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
  };
  while (!scratch.heap.empty()) {
    std::pop_heap(scratch.heap.begin(), scratch.heap.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(scratch.heap.back() >> 32);
    const auto at = static_cast<uint32_t>(scratch.heap.back());
    scratch.heap.pop_back();
    if (scratch.ranks[at] != rank) continue;
    const uint32_t right = scratch.next[at];
    symbols[at] = results_[rank];
    scratch.ranks[right] = kNoRank;
    symbols[right] = kNoSymbol;
    scratch.next[at] = scratch.next[right];
    if (scratch.next[at] < n) scratch.previous[scratch.next[at]] = at;
    update(at);
    if (scratch.previous[at] < n) update(scratch.previous[at]);
  }
  symbols.erase(std::remove(symbols.begin(), symbols.end(), kNoSymbol), symbols.end());
}

}  // namespace linscan
