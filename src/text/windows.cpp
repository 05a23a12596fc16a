#include "linscan/text/windows.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/random.h"
#include "linscan/text/corpus.h"
#include "linscan/text/tokenizer.h"
#include "linscan/text/utf8.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little,
              "raw ids and the digest are little-endian");

// Collects documents up to a number of tokens.
class WindowBuilder {
 public:
  WindowBuilder(const std::vector<fs::path>& files, int64_t vocabulary_size, int64_t context)
      : vocabulary_size_(vocabulary_size), context_(context) {
    LINSCAN_CHECK(context > 0 && context <= INT32_MAX,
                  kUsage,
                  "the window length must be at least 1, got {}",
                  context);
    LINSCAN_CHECK(!files.empty(), kUsage, "no data files were given");
    for (const fs::path& file : files) result_.files.push_back(file.string());
  }

  int64_t tokens() const { return static_cast<int64_t>(result_.ids.size()); }
  void count_invalid(std::string_view text) { result_.invalid_utf8 += count_invalid_utf8(text); }

  // Appends one document, cut into windows. `file` is for errors. An empty one is no document.
  void add_document(const std::vector<int32_t>& ids, const fs::path& file) {
    if (ids.empty()) return;
    check_ids(ids, file);
    LINSCAN_CHECK(result_.documents < INT32_MAX, kInput, "more than {} documents", INT32_MAX);
    const auto document = static_cast<int32_t>(result_.documents++);
    const int64_t start = tokens();
    const auto count = static_cast<int64_t>(ids.size());
    result_.ids.insert(result_.ids.end(), ids.begin(), ids.end());
    for (int64_t at = 0; at < count; at += context_) {
      result_.windows.push_back(
          {start + at, static_cast<int32_t>(std::min(context_, count - at)), document});
    }
  }

  TokenWindows finish() {
    LINSCAN_CHECK(!result_.ids.empty(), kInput, "{}: no tokens at all", result_.files.front());
    Sha256 digest;
    digest.update(result_.ids.data(), static_cast<int64_t>(result_.ids.size() * sizeof(int32_t)));
    for (const Window& window : result_.windows) {
      digest.update(&window.offset, sizeof window.offset);
      digest.update(&window.length, sizeof window.length);
      digest.update(&window.document, sizeof window.document);
    }
    result_.sha256 = digest.finish();
    return std::move(result_);
  }

 private:
  void check_ids(const std::vector<int32_t>& ids, const fs::path& file) const {
    for (size_t i = 0; i < ids.size(); ++i) {
      LINSCAN_CHECK(ids[i] >= 0 && ids[i] < vocabulary_size_,
                    kInput,
                    "{}: token {} has id {}, but the model's vocabulary has {} ids: these ids are "
                    "not for this model",
                    file.string(),
                    i,
                    ids[i],
                    vocabulary_size_);
    }
  }

  int64_t vocabulary_size_;
  int64_t context_;
  TokenWindows result_;
};

// At most `limit` ids from the start of a raw file.
std::vector<int32_t> read_raw_ids(const fs::path& file, int64_t id_bytes, int64_t limit) {
  std::error_code ec;
  const auto size = static_cast<int64_t>(fs::file_size(file, ec));
  LINSCAN_CHECK(!ec, kInput, "{}: {}", file.string(), ec.message());
  LINSCAN_CHECK(size % id_bytes == 0,
                kInput,
                "{}: {} bytes are not a whole number of {}-byte ids",
                file.string(),
                size,
                id_bytes);
  const int64_t count = std::min(limit, size / id_bytes);
  std::vector<char> bytes(static_cast<size_t>(count * id_bytes));
  std::ifstream in(file, std::ios::binary);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  LINSCAN_CHECK(in.gcount() == static_cast<std::streamsize>(bytes.size()),
                kInput,
                "{}: reading failed: {}",
                file.string(),
                std::strerror(errno));
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (id_bytes == 2) {
      uint16_t id;
      std::memcpy(&id, bytes.data() + i * 2, 2);
      ids[i] = id;
    } else {
      std::memcpy(&ids[i], bytes.data() + i * 4, 4);
    }
  }
  return ids;
}

bool holds_text(const fs::path& file) {
  const DataFormat format = data_format(file);
  return format == DataFormat::kText || format == DataFormat::kJsonLines;
}

// Start of each chunk in characters: all sets of `chunks` stretches that do not overlap are equally
// likely. Drawing k of n - k (L - 1) positions and spreading them by L - 1 each is a bijection with
// those sets.
std::vector<int64_t> draw_starts(int64_t total, int64_t chunks, int64_t characters, uint64_t seed) {
  Random random(seed);
  const int64_t positions = total - chunks * (characters - 1);
  std::vector<int64_t> drawn;
  // Floyd's sampling: k different numbers below `positions` with k draws.
  for (int64_t top = positions - chunks; top < positions; ++top) {
    const auto value = static_cast<int64_t>(random.below(static_cast<uint64_t>(top) + 1));
    const auto place = std::lower_bound(drawn.begin(), drawn.end(), value);
    if (place == drawn.end() || *place != value) {
      drawn.insert(place, value);
    } else {
      drawn.push_back(top);  // larger than all before
    }
  }
  for (int64_t i = 0; i < chunks; ++i) drawn[static_cast<size_t>(i)] += i * (characters - 1);
  return drawn;
}

// Byte offset of the character that lies `count` characters behind the one at byte `from`.
size_t skip_characters(std::string_view text, size_t from, int64_t count) {
  const auto continues = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  for (; count > 0; --count) {
    ++from;
    while (continues(from)) ++from;
  }
  return from;
}

}  // namespace

TokenWindows read_windows(const std::vector<fs::path>& files,
                          const Tokenizer* tokenizer,
                          int64_t vocabulary_size,
                          const WindowOptions& options) {
  LINSCAN_CHECK(options.max_tokens > 0,
                kUsage,
                "the number of tokens must be at least 1, got {}",
                options.max_tokens);
  WindowBuilder builder(files, vocabulary_size, options.context);
  check_data_files(files);
  for (const fs::path& file : files) {
    const int64_t wanted = options.max_tokens - builder.tokens();
    if (wanted == 0) break;
    check_interrupt();
    if (!holds_text(file)) {
      builder.add_document(
          read_raw_ids(file, data_format(file) == DataFormat::kIds16 ? 2 : 4, wanted), file);
      continue;
    }
    LINSCAN_CHECK(tokenizer != nullptr,
                  kInput,
                  "{}: text needs the model's tokenizer, and there is none; raw ids (.i32, .u16) "
                  "work without",
                  file.string());
    CorpusReader reader({file}, options.text_field);
    while (builder.tokens() < options.max_tokens) {
      const auto text = reader.next();
      if (!text) break;
      check_interrupt();
      builder.count_invalid(*text);
      const int64_t rest = options.max_tokens - builder.tokens();
      // An empty record would be a document of special tokens only.
      if (!text->empty())
        builder.add_document(tokenizer->encode_prefix(*text, options.add_special_tokens, rest),
                             file);
    }
  }
  return builder.finish();
}

TokenWindows cut_windows(const std::vector<std::vector<int32_t>>& documents,
                         const std::string& source,
                         int64_t vocabulary_size,
                         const WindowOptions& options) {
  WindowBuilder builder({source}, vocabulary_size, options.context);
  for (const std::vector<int32_t>& document : documents) {
    const int64_t rest = options.max_tokens - builder.tokens();
    if (rest <= 0) break;
    const auto count = std::min<int64_t>(rest, static_cast<int64_t>(document.size()));
    builder.add_document({document.begin(), document.begin() + count}, source);
  }
  return builder.finish();
}

TokenWindows read_paper_chunks(const std::vector<fs::path>& files,
                               const Tokenizer& tokenizer,
                               int64_t vocabulary_size,
                               const PaperChunkOptions& options) {
  LINSCAN_CHECK(options.chunks > 0 && options.characters > 0,
                kUsage,
                "expected at least one chunk of at least one character, got {} of {}",
                options.chunks,
                options.characters);
  WindowBuilder builder(files, vocabulary_size, options.context);
  std::string text;
  CorpusReader reader(files, options.text_field);
  while (const auto record = reader.next()) {
    check_interrupt();
    builder.count_invalid(*record);
    if (!text.empty()) text += '\n';
    text += replace_invalid_utf8(*record);
  }
  const int64_t total = count_characters(text);
  LINSCAN_CHECK(total / options.characters >= options.chunks,
                kInput,
                "{}: the text has {} characters; {} chunks of {} that do not overlap need {}",
                files.front().string(),
                total,
                options.chunks,
                options.characters,
                options.chunks * options.characters);
  size_t at = 0;
  int64_t at_character = 0;
  for (const int64_t start : draw_starts(total, options.chunks, options.characters, options.seed)) {
    at = skip_characters(text, at, start - at_character);
    const size_t end = skip_characters(text, at, options.characters);
    builder.add_document(
        tokenizer.encode_prefix(std::string_view(text).substr(at, end - at), true, options.context),
        files.front());
    at = end;
    at_character = start + options.characters;
  }
  return builder.finish();
}

}  // namespace linscan
