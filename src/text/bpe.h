// Byte-pair encoding of one piece, with HF's exact rules: the lowest rank first, leftmost on ties;
// byte fallback and fused unknown tokens as in HF's BPE model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/piece_model.h"
#include "text/vocabulary.h"

namespace linscan {

struct BpeOptions {
  std::optional<std::string> unk_token;
  bool byte_fallback = false;
  bool fuse_unk = false;
  bool ignore_merges = false;  // a piece that is a token as a whole is taken as it is
  bool raw_bytes = false;  // pieces are bytes whose characters in GPT-2's alphabet are the symbols
};

class BpeModel final : public PieceModel {
 public:
  // merges: pairs of token strings by rank; of equal pairs the later counts. Errors name `where`
  // and the merge.
  BpeModel(std::shared_ptr<const Vocabulary> vocabulary,
           const std::vector<std::pair<std::string, std::string>>& merges,
           BpeOptions options,
           const std::string& where);

  // True when every byte has its character in `vocabulary`: only then can pieces be raw bytes.
  static bool takes_raw_bytes(const Vocabulary& vocabulary);

  // `piece` is UTF-8, or with raw_bytes anything.
  void encode(std::string_view piece,
              ModelScratch& scratch,
              std::vector<int32_t>& out) const override;

 private:
  struct Merge {
    uint64_t pair = kNoPair;  // left id << 32 | right id
    uint32_t rank = 0;
    int32_t result = 0;
  };
  static constexpr uint64_t kNoPair = ~uint64_t{0};
  static constexpr uint32_t kNoRank = ~uint32_t{0};
  static constexpr int kNoSymbol = -1;

  void add_merges(const std::vector<std::pair<std::string, std::string>>& merges,
                  const std::string& where);
  void note_junction(std::string_view left, std::string_view right);
  void build_symbols(const std::string& where);

  const Merge& find_merge(int32_t left, int32_t right) const;
  // Small index of the character at text[at] (-1: none) and its length in bytes.
  std::pair<int, size_t> junction_index(std::string_view text, size_t at) const;
  size_t next_cut(std::string_view piece, size_t begin) const;

  void encode_cached(std::string_view piece,
                     ModelScratch& scratch,
                     std::vector<int32_t>& out) const;
  void encode_uncached(std::string_view piece,
                       ModelScratch& scratch,
                       std::vector<int32_t>& out) const;
  void initial_symbols(std::string_view piece, std::vector<int32_t>& symbols) const;
  bool append_byte_tokens(std::string_view character, std::vector<int32_t>& symbols) const;
  void merge_short(ModelScratch& scratch) const;
  void merge_long(ModelScratch& scratch) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  BpeOptions options_;
  std::vector<Merge> merges_;     // open addressing, a power of two
  std::vector<int32_t> results_;  // by rank
  uint64_t merge_mask_ = 0;
  int32_t unk_id_ = -1;
  int32_t word_mark_id_ = -1;         // of U+2581
  std::vector<int32_t> single_;       // id by byte (raw bytes) or by ASCII character; -1: none
  std::vector<int32_t> byte_tokens_;  // ids of <0x00> .. <0xFF>; -1: none
  Vocabulary whole_pieces_;           // raw bytes with ignore_merges: tokens as bytes
  // Bit left * 256 + right: some merge joins a token that ends in `left` to one that begins with
  // `right`. Where the bit is unset the two characters never meet in a token, so a piece may be cut
  // there without changing a result.
  std::vector<uint64_t> junctions_;
};

}  // namespace linscan
