// Texts tokenized once into files of token ids that are mapped, not read: what training draws its
// windows from. A folder holds shards.json ("schema": "linscan.shards/1"), shard-00000.bin .. with
// the ids one after another (little-endian uint16 or uint32), and documents.bin with the place
// where each document begins (little-endian int64).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace linscan {

class Tokenizer;

// What goes into shards. Shards are the same if, and only if, all of this is but vocabulary_size
// and threads.
struct ShardRequest {
  std::vector<std::filesystem::path> inputs;  // as CorpusReader takes them, and raw ids
  const Tokenizer* tokenizer = nullptr;       // may be null when all inputs are raw ids
  std::string text_field = "text";
  std::string document_separator;           // of .txt files, see CorpusReader
  std::optional<int32_t> bos;               // put before each text document
  std::optional<int32_t> eos;               // put behind each text document
  int64_t shard_tokens = int64_t{1} << 27;  // of every shard but the last
  int64_t vocabulary_size = 0;              // > 0; the model's: all ids are below it
  int threads = 0;                          // that encode; 0: all cores
};

// A run of tokens in the stream.
struct TokenRange {
  int64_t first = 0;
  int64_t tokens = 0;
};

// Opened shards: one stream of tokens. Copies share the mapped files. All members may be called
// from several threads at once.
class TokenShards {
 public:
  // Checks the manifest, that every file is there and has the size it should have. Throws
  // Error(kInput).
  static TokenShards open(const std::filesystem::path& folder);

  int64_t tokens() const;
  int64_t documents() const;
  int64_t highest_id() const;
  // Ill-formed UTF-8 sequences that became U+FFFD.
  int64_t invalid_utf8() const;
  // SHA-256 of shards.json, which holds the digests of all files: names the data in a result.
  const std::string& sha256() const;
  // tokenizer_digest() of the tokenizer that wrote them; empty when only raw ids went in.
  const std::string& tokenizer_sha256() const;
  const std::filesystem::path& folder() const;

  // Refuses shards with an id that a model of this vocabulary does not have.
  void require_vocabulary(int64_t model_vocabulary) const;
  // Refuses shards that another tokenizer wrote. Raw ids pass.
  void require_tokenizer(const Tokenizer& tokenizer) const;

  // The settings of a request that are not those of these shards, each with both values; empty when
  // they are the same. Reads the inputs for their digests.
  std::string differences_from(const ShardRequest& request) const;

  // Tokens [first, first + out.size()) of the stream. Throws Error(kInternal) outside [0,
  // tokens()], Error(kInput) for an id above highest_id(): the file is damaged.
  void copy(int64_t first, std::span<int32_t> out) const;
  void copy(int64_t first, std::span<int64_t> out) const;

  // Where a document begins in the stream, 0 <= document <= documents(); the last one gives
  // tokens().
  int64_t document_begin(int64_t document) const;

  // The stream cut in two at a document border: the last ceil(share * documents()) documents are
  // held out. Throws Error(kInput) unless both parts have a document. 0 < share < 1.
  struct Split {
    TokenRange training;
    TokenRange held_out;
  };
  Split split(double held_out_share) const;

  // Reads all files and compares their digests. Throws Error(kInput) naming the damaged file.
  void verify() const;

 private:
  struct State;
  explicit TokenShards(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

// Writes shards of `request` into `folder`, which must be absent or empty; it appears when it is
// complete. Text is encoded without the special tokens of the tokenizer's own template: bos and eos
// say what stands around a document. Records without text are no documents; one raw file is one
// document, used as it is. Ids take two bytes where the tokenizer has at most 65536 tokens and no
// input is .i32, else four. Shows progress. Throws Error (input): what CorpusReader throws, a
// tokenizer or an id that is not of the vocabulary, no tokens at all, a full disk; Interrupted.
void write_shards(const ShardRequest& request, const std::filesystem::path& folder);

// The shards in `folder`, written first if there are none. Those that are there must be of the same
// request (inputs are compared by content, not by name) and undamaged; an Error(kInput) names the
// settings that differ.
TokenShards open_or_write_shards(const ShardRequest& request, const std::filesystem::path& folder);

}  // namespace linscan
