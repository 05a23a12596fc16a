#include "common/data_options.h"

#include <optional>

#include "linscan/base/error.h"
#include "linscan/base/system.h"
#include "linscan/text/tokenizer.h"

namespace linscan::tools {
namespace {

constexpr const char* kBundledCorpus = "corpus/demo-stories.jsonl.gz";

bool is_raw_ids(const std::filesystem::path& file) {
  return file.extension() == ".i32" || file.extension() == ".u16";
}

}  // namespace

void DataOptions::add_to(CLI::App& app) {
  app.add_option("--data",
                 files,
                 "Text (.txt), JSON lines (.jsonl, also .gz .zst) or raw token ids (.i32, .u16); "
                 "default: the bundled corpus")
      ->group("Data")
      ->type_name("FILE");
  app.add_option("--tokens", tokens, "At most N tokens; 0: " + default_tokens)
      ->group("Data")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--ctx", context, "Window length in tokens")
      ->group("Data")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->type_name("N");
  app.add_option("--text-field", text_field, "Field of a JSON line that holds the text")
      ->group("Data")
      ->type_name("NAME");
}

TokenWindows load_windows(const DataOptions& options,
                          const std::filesystem::path& folder,
                          int64_t vocabulary_size,
                          int64_t tokens,
                          bool paper,
                          uint64_t seed) {
  std::vector<std::filesystem::path> files(options.files.begin(), options.files.end());
  if (files.empty()) {
    files.push_back(data_file(kBundledCorpus));
  }
  std::optional<Tokenizer> tokenizer;
  for (const auto& file : files) {
    if (!is_raw_ids(file) && !tokenizer) {
      tokenizer = Tokenizer::load(folder);
    }
  }
  if (paper) {
    LINSCAN_CHECK(tokenizer,
                  kUsage,
                  "--paper draws chunks of characters: --data must be text, not token ids");
    return read_paper_chunks(
        files,
        *tokenizer,
        vocabulary_size,
        {.seed = seed, .context = options.context, .text_field = options.text_field});
  }
  return read_windows(
      files,
      tokenizer ? &*tokenizer : nullptr,
      vocabulary_size,
      {.max_tokens = tokens, .context = options.context, .text_field = options.text_field});
}

}  // namespace linscan::tools
