// Data files cut into token windows: what every command pushes through a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace linscan {

class Tokenizer;

// ids[offset .. offset + length): one forward pass. No window crosses a document boundary.
struct Window {
  int64_t offset;
  int32_t length;    // 1 .. context
  int32_t document;  // 0-based, in reading order
};

struct TokenWindows {
  std::vector<int32_t> ids;     // all windows behind one another
  std::vector<Window> windows;  // in the order of ids, without gaps
  int64_t documents = 0;
  std::vector<std::string> files;  // as given
  // SHA-256 over the ids as little-endian int32, followed for every window by offset (int64),
  // length (int32) and document (int32), little-endian too.
  std::string sha256;
  int64_t invalid_utf8 =
      0;  // ill-formed UTF-8 sequences that became U+FFFD, in the records that were read
};

struct WindowOptions {
  int64_t max_tokens = 0;          // > 0; reading stops at exactly this many
  int64_t context = 0;             // > 0; the last window of a document may be shorter
  bool add_special_tokens = true;  // once per record, as the tokenizer does
  std::string text_field = "text";
};

// Reads `files` in order until max_tokens are there. Text records (.txt, .jsonl ..) are encoded
// whole, then cut; one record is one document. Raw ids (.i32, .u16) are used as they are; one file
// is one document. tokenizer  may be nullptr when all files hold raw ids. vocabulary_size  ids must
// be below it (the model's; the tokenizer's own may differ). Throws Error (input): unreadable
// files, id out of range, odd file size, text without a tokenizer, no tokens at all.
TokenWindows read_windows(const std::vector<std::filesystem::path>& files,
                          const Tokenizer* tokenizer,
                          int64_t vocabulary_size,
                          const WindowOptions& options);

// Windows of documents whose ids are there already, at most options.max_tokens. `source` names them
// in errors and in the result.
TokenWindows cut_windows(const std::vector<std::vector<int32_t>>& documents,
                         const std::string& source,
                         int64_t vocabulary_size,
                         const WindowOptions& options);

struct PaperChunkOptions {
  uint64_t seed = 0;
  int64_t context = 0;  // > 0; a chunk of more tokens is cut here
  int64_t chunks = 128;
  int64_t characters = 512;  // per chunk: Unicode characters
  std::string text_field = "text";
};

// The published protocol: all records of the files joined by line breaks, `chunks` stretches of
// `characters` characters that do not overlap, drawn uniformly among all such choices with
// SplitMix64 from `seed`, in text order. Each is encoded on its own with special tokens: one
// window, one document. Throws Error (input) when the text is too short, naming how many characters
// are needed.
TokenWindows read_paper_chunks(const std::vector<std::filesystem::path>& files,
                               const Tokenizer& tokenizer,
                               int64_t vocabulary_size,
                               const PaperChunkOptions& options);

}  // namespace linscan
