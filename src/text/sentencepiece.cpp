// tokenizer.model: the sentencepiece library, with the BOS and EOS that HF's Llama tokenizers put
// around a text.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "text/json_node.h"
#include "text/tokenizer_backend.h"

namespace linscan {
namespace {

class SentencePieceBackend final : public TokenizerBackend {
 public:
  explicit SentencePieceBackend(const std::filesystem::path& file) : file_(file.string()) {
    const std::string bytes = read_file(file);
    LINSCAN_CHECK(!bytes.empty(), kInput, "{}: is empty", file_);
    const auto status = processor_.LoadFromSerializedProto(bytes);
    LINSCAN_CHECK(
        status.ok() && processor_.GetPieceSize() > 0,
        kInput,
        "{}: not a sentencepiece model ({}); a tokenizer.json beside it would be used instead",
        file_,
        status.ok() ? "no pieces" : status.message());
    read_config(file.parent_path() / "tokenizer_config.json");
  }

  void encode(std::string_view text,
              bool add_special_tokens,
              size_t,
              std::vector<int32_t>& out) const override {
    std::vector<int> ids;
    const auto status = processor_.Encode({text.data(), text.size()}, &ids);
    LINSCAN_CHECK(status.ok(),
                  kInput,
                  "{}: a text of {} bytes cannot be encoded: {}",
                  file_,
                  text.size(),
                  status.message());
    if (add_special_tokens && add_bos_) out.push_back(processor_.bos_id());
    out.insert(out.end(), ids.begin(), ids.end());
    if (add_special_tokens && add_eos_) out.push_back(processor_.eos_id());
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::vector<int> known;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](int32_t id) {
      return id >= 0 && id < processor_.GetPieceSize();
    });
    std::string text;
    const auto status = processor_.Decode(known, &text);
    LINSCAN_CHECK(status.ok(),
                  kInput,
                  "{}: {} ids cannot be decoded: {}",
                  file_,
                  ids.size(),
                  status.message());
    return text;
  }

  int64_t vocabulary_size() const override { return processor_.GetPieceSize(); }

 private:
  // BOS unless the configuration says otherwise, EOS only when it asks for it: the defaults of HF's
  // LlamaTokenizer.
  void read_config(const std::filesystem::path& path) {
    bool bos = true;
    if (std::filesystem::exists(path)) {
      const Json json = read_json_file(path);
      const JsonNode config(json, path.string());
      bos = config.bool_or("add_bos_token", true);
      add_eos_ = config.bool_or("add_eos_token", false);
      LINSCAN_CHECK(!add_eos_ || processor_.eos_id() >= 0,
                    kInput,
                    "{}: add_eos_token is true, but {} has no EOS",
                    path.string(),
                    file_);
    }
    add_bos_ = bos && processor_.bos_id() >= 0;
  }

  std::string file_;
  sentencepiece::SentencePieceProcessor processor_;
  bool add_bos_ = false;
  bool add_eos_ = false;
};

}  // namespace

std::unique_ptr<TokenizerBackend> load_sentencepiece(const std::filesystem::path& file) {
  return std::make_unique<SentencePieceBackend>(file);
}

}  // namespace linscan
