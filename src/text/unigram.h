// The Unigram model of HF tokenizers: of all ways to spell a piece with tokens the one with the
// highest sum of scores.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/piece_model.h"
#include "text/prefix_trie.h"
#include "text/vocabulary.h"

namespace linscan {

struct UnigramOptions {
  std::optional<int64_t> unk_id;
  bool byte_fallback = false;
};

class UnigramModel final : public PieceModel {
 public:
  // scores: by id, one for each token of the vocabulary. Errors name `where`.
  UnigramModel(std::shared_ptr<const Vocabulary> vocabulary,
               std::vector<double> scores,
               const UnigramOptions& options,
               const std::string& where);

  // Throws Error (input) for a character that no token covers when there is no unknown token.
  void encode(std::string_view piece,
              ModelScratch& scratch,
              std::vector<int32_t>& out) const override;

 private:
  static constexpr int32_t kNone = -1;

  void encode_uncached(std::string_view piece,
                       std::vector<BestPath>& paths,
                       std::vector<int32_t>& out) const;
  void extend(std::string_view piece,
              size_t limit,
              size_t& begin,
              size_t& reach,
              std::vector<BestPath>& paths) const;
  [[noreturn]] void refuse(std::string_view character) const;
  void append_path(std::string_view text,
                   const std::vector<BestPath>& paths,
                   std::vector<int32_t>& out) const;
  void append_unknown(std::string_view text, std::vector<int32_t>& out) const;

  std::shared_ptr<const Vocabulary> vocabulary_;
  std::vector<double> scores_;
  PrefixTrie trie_;
  size_t longest_ = 4;  // bytes of the longest token, and of the longest character at least
  int32_t unk_id_ = kNone;
  double unk_score_ = 0.0;
  std::vector<int32_t> byte_tokens_;  // ids of <0x00> .. <0xFF>, kNone where missing; or empty
  std::string where_;
};

}  // namespace linscan
