// Labelled texts as token ids.
#include <algorithm>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/text/labelled.h"
#include "linscan/text/tokenizer.h"

namespace linscan {
namespace {

// How many special tokens the tokenizer puts before a text.
int64_t leading_special_tokens(const Tokenizer& tokenizer) {
  const std::vector<int32_t> with = tokenizer.encode("a", /*add_special_tokens=*/true);
  const std::vector<int32_t> without = tokenizer.encode("a", /*add_special_tokens=*/false);
  const auto found = std::ranges::search(with, without);
  return found.empty() ? 0 : found.begin() - with.begin();
}

}  // namespace

EncodedTexts encode_labelled(const LabelledTexts& texts,
                             const Tokenizer& tokenizer,
                             int64_t vocabulary_size,
                             int64_t context) {
  const int64_t leading = std::min(leading_special_tokens(tokenizer), context - 1);
  EncodedTexts encoded;
  for (const LabelledRecord& record : texts.records) {
    LabelledExample example{{}, record.label};
    for (const std::string& text : record.texts) {
      std::vector<int32_t> ids = tokenizer.encode(text, /*add_special_tokens=*/true);
      LINSCAN_CHECK(!ids.empty(),
                    kInput,
                    "{}: makes no token of the text '{:.40}'",
                    tokenizer.source(),
                    text);
      LINSCAN_CHECK(*std::ranges::max_element(ids) < vocabulary_size,
                    kInput,
                    "{}: makes token id {}, but the model's vocabulary has {} ids: this tokenizer "
                    "is not for this model",
                    tokenizer.source(),
                    *std::ranges::max_element(ids),
                    vocabulary_size);
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
