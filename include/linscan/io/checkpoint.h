// A HuggingFace checkpoint folder: config.json and the weights, as safetensors or as written by
// torch.save, in one file or in shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/io/weights_file.h"

namespace linscan {

// An opened checkpoint. Opening maps and checks every file but reads no weights: a mapping costs
// address space only. Copies share one state, which never changes, so any thread may use it.
class Checkpoint {
 public:
  // Opens config.json and the first of these that is there (the order of transformers):
  // `model.safetensors`, the shards that `model.safetensors.index.json` names,
  // `pytorch_model.bin`, the shards that `pytorch_model.bin.index.json` names. Shards must be plain
  // file names inside the folder and hold every tensor that the index maps to them. A tensor that a
  // shard holds and the index does not name is used all the same, with one warning, as transformers
  // does; where two shards hold the same tensor, the index must say which counts. Throws
  // Error(kInput) for what is missing or malformed; Error(kUnsupported) for quantized weights
  // (GPTQ, AWQ, bitsandbytes, FP8, ..., by config.json or by the tensors) and for weights in a form
  // that is not read (GGUF, adapters, other frameworks).
  static Checkpoint open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const;
  // config.json, an object.
  const Json& config() const;
  // Sorted by bytes.
  std::vector<std::string> names() const;
  // Null when there is no such tensor. The pointer lives as long as this checkpoint or a copy of
  // it.
  const TensorView* find(std::string_view name) const;
  // Throws Error(kInput) when there is no such tensor.
  const TensorView& at(std::string_view name) const;
  // The `__metadata__` of all files together; where two differ, the first file by name counts.
  // Writers note tied tensors here, the name left out -> the name kept ("lm_head.weight" ->
  // "model.embed_tokens.weight").
  const std::map<std::string, std::string>& metadata() const;
  // The weight files, sorted by name.
  const std::vector<std::filesystem::path>& files() const;
  // Bytes of all tensors, those that tensors of a torch file share counted once.
  int64_t total_bytes() const;
  // WeightsDigest of all tensors: reads every weight once.
  std::string weights_sha256() const;

 private:
  struct State;
  explicit Checkpoint(std::shared_ptr<const State> state) : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

// Names the weights of a checkpoint, independent of tensor order and sharding:
//
//   tensor digest  = SHA-256(name NUL dtype NUL shape NUL data)   shape: decimal sizes joined by
//   ',' ("32,64") weights digest = SHA-256(lines), one line "name digest\n" per tensor, sorted by
//   name
//
// dtype is name(DType), data are the bytes of the file, digests are 64 lower-case hexadecimal
// digits. Tensors may be added while their pages are in memory anyway; finish() reads what is left.
class WeightsDigest {
 public:
  // Hashes the tensor's data. Thread-safe; a tensor that was added before is not hashed again.
  void add(const TensorView& tensor);
  bool has(std::string_view name) const;
  // Hashes the tensors of `checkpoint` that were not added, giving their memory back as it goes,
  // and returns the weights digest. Throws Error(kInternal) when a tensor was added that
  // `checkpoint` does not have, and Interrupted after Ctrl-C.
  std::string finish(const Checkpoint& checkpoint);

 private:
  void store(const std::string& name, std::string digest);

  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> digests_;  // name -> tensor digest
};

}  // namespace linscan
