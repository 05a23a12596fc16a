// The tokenizer.json pipeline: added tokens are cut out, the rest is normalised, cut into pieces
// and encoded by the model.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/piece_model.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_backend.h"
#include "text/vocabulary.h"

namespace linscan {

// Components may be nullptr: nothing is done in that place.
struct PipelineParts {
  std::shared_ptr<const Vocabulary> vocabulary;
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<PieceModel> model;
  std::unique_ptr<Decoder> decoder;
  std::vector<AddedToken> added_tokens;
  SpecialTokens special_tokens;
};

class Pipeline final : public TokenizerBackend {
 public:
  explicit Pipeline(PipelineParts parts);

  void encode(std::string_view text,
              bool add_special_tokens,
              size_t enough,
              std::vector<int32_t>& out) const override;
  std::string decode(std::span<const int32_t> ids) const override;
  std::optional<int32_t> find(std::string_view token) const override;
  int64_t vocabulary_size() const override;

 private:
  // A scratch per running encode() call, kept with its word cache for the next one.
  class ScratchPool {
   public:
    std::unique_ptr<ModelScratch> take();
    void give_back(std::unique_ptr<ModelScratch> scratch);

   private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<ModelScratch>> free_;
  };
  struct Output;

  static AddedTokenMatcher make_matcher(const PipelineParts& parts, bool normalized);
  bool encode_stretch(std::string_view text, bool at_start, Output& output) const;
  bool encode_pieces(std::string_view text, bool at_start, Output& output) const;

  PipelineParts parts_;
  AddedTokenMatcher raw_matcher_;
  AddedTokenMatcher normalized_matcher_;
  std::unordered_map<int32_t, std::string> added_by_id_;
  mutable ScratchPool scratches_;
};

}  // namespace linscan
