// Writes a HuggingFace checkpoint folder: what save_pretrained would write of the same tensors, and
// the rest of the folder it was made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/io/safetensors.h"

namespace linscan {

struct CheckpointWriterOptions {
  // The default of save_pretrained in transformers 5. A larger tensor gets a shard of its own.
  int64_t max_shard_bytes = 50'000'000'000;
  // The folder that the new one is made of: its config.json is edited, its tokenizer, generation
  // config, remote code and licence files are carried over bit for bit (links as what they lead to;
  // src/io/carried_files.h has the list). Empty: there is none.
  std::filesystem::path source;
  // Where there is no source: a folder whose tokenizer and generation config are carried over.
  std::filesystem::path tokenizer;
  // Written to the `__metadata__` of every weight file, beside `format: pt`.
  std::map<std::string, std::string> metadata;
  // Tied tensors: name left out -> name kept, noted in the `__metadata__` of the file that holds
  // the kept one, as save_model of safetensors does. transformers 5 neither writes nor needs them:
  // it ties by `tie_word_embeddings`.
  std::map<std::string, std::string> aliases;
  // Names of files of the source that are not carried over.
  std::vector<std::string> left_behind;
  // Of write_model(): files to write beside the weights, name -> content.
  std::map<std::string, std::string> files;
  // Replace a checkpoint that is there already, at commit().
  bool force = false;
};

// Throws what a CheckpointWriter of `source` would throw for a folder that it may not write: before
// the work, not after it. Leaves nothing behind.
void require_new_checkpoint(const std::filesystem::path& folder,
                            const std::filesystem::path& source,
                            bool force);

// All tensors are named at the start; data follow in any order and in pieces. The folder appears as
// a whole at commit(); without it, after an error or after Ctrl-C, nothing is left behind and a
// folder that is to be replaced stays as it was. Not thread-safe.
class CheckpointWriter {
 public:
  // `entries` carry HF names, in the order in which the shards are to be filled (model.safetensors,
  // or model-00001-of-00003.safetensors and so on with model.safetensors.index.json).
  // save_pretrained takes model order; where transformers renames tensors on loading, the natural
  // order of names. Throws Error(kInput) when `folder` cannot be written: it exists and is not
  // empty, and `force` is not given or it is no checkpoint; it lies in, around or behind
  // `options.source`; its file system has too little space; or when
  // `options.source` has no readable config.json. Throws Error(kInternal) for unusable or
  // repeated names, impossible shapes, and aliases of or to tensors that do not fit `entries`.
  CheckpointWriter(const std::filesystem::path& folder,
                   std::vector<TensorEntry> entries,
                   CheckpointWriterOptions options = {});
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Writes `bytes` bytes of tensor `name` at byte `offset_in_tensor`; no byte may be written twice.
  // A weight file is open from its first byte to its last, so writing in model order keeps few
  // open. Throws Error(kInput) when the disk is full, Interrupted after Ctrl-C.
  void write(std::string_view name, int64_t offset_in_tensor, const void* data, int64_t bytes);

  // Adds a file beside the weights, instead of one of that name that would be carried over.
  void add_file(std::string_view name, std::string content);

  // Checks that every byte of every tensor was written, writes the other files and puts the folder
  // in place. `config`, an object, is what config.json shall say: members that the source's
  // config.json has with the same value keep its bytes (edit_json); without a source it is written
  // as it is.
  void commit(const Json& config);

  // The final folder: absolute, symbolic links resolved.
  const std::filesystem::path& folder() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace linscan
