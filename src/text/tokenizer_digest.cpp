// What identifies a tokenizer, and whether it can be a model's.
#include <string>
#include <vector>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace linscan {

namespace fs = std::filesystem;

std::string tokenizer_digest(const Tokenizer& tokenizer) {
  const fs::path source = tokenizer.source();
  const fs::path folder = source.parent_path();
  std::vector<fs::path> files{source};
  const bool alone = source.extension() == ".json" && source.filename() != "vocab.json";
  if (source.filename() == "vocab.json") files.push_back(folder / "merges.txt");
  if (!alone) {
    for (const char* name :
         {"added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"}) {
      if (fs::exists(folder / name)) files.push_back(folder / name);
    }
  }
  Sha256 digest;
  for (const fs::path& file : files) {
    // The main file may have been opened under another name.
    digest.update(file != source || source.filename() == "vocab.json" ? file.filename().string()
                  : alone                                             ? "tokenizer.json"
                                                                      : "tokenizer.model");
    digest.update(std::string_view("\0", 1));
    digest.update(sha256_of_file(file));
  }
  if (!alone) digest.update(TokenizerConfig(folder).model_type().value_or(""));
  return digest.finish();
}

void require_tokenizer_fits(const Tokenizer& tokenizer, int64_t model_vocabulary) {
  LINSCAN_CHECK(
      tokenizer.vocabulary_size() <= model_vocabulary,
      kInput,
      "{}: the tokenizer has {} tokens, but the model's vocabulary has {}: it is not this "
      "model's tokenizer",
      tokenizer.source(),
      tokenizer.vocabulary_size(),
      model_vocabulary);
}

}  // namespace linscan
