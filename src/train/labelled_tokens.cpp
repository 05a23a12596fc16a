#include "train/labelled_tokens.h"

#include <algorithm>

#include "linscan/base/error.h"
#include "linscan/eval/prompt_encoder.h"

namespace linscan {
namespace {

// How many special tokens the tokenizer puts before a text.
int64_t leading_special_tokens(const PromptEncoder& encoder) {
  const std::vector<int32_t> with = encoder.encode("a");
  const std::vector<int32_t> without = encoder.encode_plain("a");
  return std::ranges::search(with, without).begin() - with.begin();
}

}  // namespace

EncodedTexts encode_labelled(const LabelledTexts& texts, const Model& model, int64_t context) {
  const PromptEncoder encoder(model.checkpoint.folder(), context, model.config.vocabulary);
  const int64_t leading = std::min(leading_special_tokens(encoder), context - 1);
  EncodedTexts encoded;
  for (const LabelledRecord& record : texts.records) {
    LabelledExample example{{}, record.label};
    for (const std::string& text : record.texts) {
      std::vector<int32_t> ids = encoder.encode(text);
      LINSCAN_CHECK(!ids.empty(),
                    kInput,
                    "{}: the tokenizer makes no token of the text '{:.40}'",
                    model.checkpoint.folder().string(),
                    text);
      const auto length = static_cast<int64_t>(ids.size());
      encoded.longest = std::max(encoded.longest, length);
      if (length > context) {
        ++encoded.cut;
        ids.erase(ids.begin() + leading, ids.end() - (context - leading));
      }
      encoded.tokens += static_cast<int64_t>(ids.size());
      example.texts.push_back(std::move(ids));
    }
    encoded.examples.push_back(std::move(example));
  }
  return encoded;
}

}  // namespace linscan
