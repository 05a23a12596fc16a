// Writing packed shards.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/base/progress.h"
#include "linscan/io/mapped_file.h"
#include "linscan/text/corpus.h"
#include "linscan/text/shards.h"
#include "linscan/text/tokenizer.h"
#include "linscan/text/utf8.h"
#include "text/shard_manifest.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "shards are little-endian");

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kMaxShards = 100'000;           // five digits
constexpr size_t kBatchBytes = size_t{4} << 20;  // of text that is encoded at a time, per thread

// A file and its digest.
class HashedFile {
 public:
  explicit HashedFile(const fs::path& path) : file_(path) {}

  void write(const void* data, size_t bytes) {
    buffer_.append(static_cast<const char*>(data), bytes);
    if (buffer_.size() >= kBufferBytes) flush();
  }
  std::string commit() {
    flush();
    file_.commit();
    return digest_.finish();
  }

 private:
  void flush() {
    digest_.update(buffer_);
    file_.write(buffer_.data(), static_cast<int64_t>(buffer_.size()));
    buffer_.clear();
  }

  AtomicFile file_;
  Sha256 digest_;
  std::string buffer_;
};

// Documents in, shards out.
class ShardWriter {
 public:
  ShardWriter(fs::path folder, int64_t id_bytes, int64_t shard_tokens, int64_t vocabulary_size)
      : folder_(std::move(folder)),
        shard_tokens_(shard_tokens),
        vocabulary_size_(vocabulary_size),
        documents_(folder_ / kDocumentIndex) {
    manifest_.id_bytes = id_bytes;
  }

  // The ids that follow belong to a new document. `file` is for errors.
  void begin_document(const fs::path& file) {
    file_ = &file;
    begins_ = true;
  }

  void add(int64_t id) {
    if (id < 0 || id >= vocabulary_size_) [[unlikely]] {
      refuse(id);
    }
    if (!shard_) open_shard();
    ShardEntry& entry = manifest_.shards.back();
    if (begins_) {
      documents_.write(&manifest_.tokens, sizeof manifest_.tokens);
      ++manifest_.documents;
      ++entry.documents;
      begins_ = false;
    }
    shard_->write(&id, static_cast<size_t>(manifest_.id_bytes));  // its low bytes
    manifest_.highest_id = std::max(manifest_.highest_id, id);
    ++manifest_.tokens;
    if (++entry.tokens == shard_tokens_) close_shard();
  }

  void count_invalid(std::string_view text) { manifest_.invalid_utf8 += count_invalid_utf8(text); }

  // The manifest of what was written, but for its request.
  ShardManifest finish() {
    if (shard_) close_shard();
    manifest_.documents_sha256 = documents_.commit();
    return std::move(manifest_);
  }

 private:
  void open_shard() {
    LINSCAN_CHECK(manifest_.shards.size() < kMaxShards,
                  kInput,
                  "{}: more than {} shards; make them longer than {} tokens",
                  file_->string(),
                  kMaxShards,
                  shard_tokens_);
    shard_ = std::make_unique<HashedFile>(folder_ / shard_name(manifest_.shards.size()));
    manifest_.shards.emplace_back();
  }
  void close_shard() {
    manifest_.shards.back().sha256 = shard_->commit();
    shard_.reset();
  }
  [[noreturn]] void refuse(int64_t id) const {
    fail_input(
        "{}: token {} of the shards has id {}, but the model's vocabulary has {} ids: these ids "
        "are "
        "not for this model",
        file_->string(),
        manifest_.tokens,
        id,
        vocabulary_size_);
  }

  fs::path folder_;
  int64_t shard_tokens_;
  int64_t vocabulary_size_;
  HashedFile documents_;
  std::unique_ptr<HashedFile> shard_;
  ShardManifest manifest_;
  const fs::path* file_ = nullptr;
  bool begins_ = false;
};

bool is_text(const fs::path& file) {
  const DataFormat format = data_format(file);
  return format == DataFormat::kText || format == DataFormat::kJsonLines;
}

// The ids of every text, in their order, found by `threads` threads.
std::vector<std::vector<int32_t>> encode_all(const std::vector<std::string>& texts,
                                             const Tokenizer& tokenizer,
                                             size_t threads) {
  std::vector<std::vector<int32_t>> ids(texts.size());
  std::vector<std::exception_ptr> failures(texts.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < texts.size(); i = next++) {
      try {
        ids[i] = tokenizer.encode(texts[i], false);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < std::min(threads, texts.size()); ++i) helpers.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  return ids;
}

// Texts collected until there is work for all threads.
class TextPacker {
 public:
  TextPacker(const ShardRequest& request, ShardWriter& writer)
      : request_(request),
        writer_(writer),
        threads_(request.threads > 0 ? static_cast<size_t>(request.threads)
                                     : std::max(1u, std::thread::hardware_concurrency())) {}

  void add(std::string text, const fs::path& file) {
    if (text.empty()) return;  // would be a document of special tokens only
    writer_.count_invalid(text);
    bytes_ += text.size();
    texts_.push_back(std::move(text));
    if (bytes_ >= kBatchBytes * threads_) flush(file);
  }

  void flush(const fs::path& file) {
    check_interrupt();
    for (const auto& ids : encode_all(texts_, *request_.tokenizer, threads_)) {
      if (ids.empty()) continue;
      writer_.begin_document(file);
      if (request_.bos) writer_.add(*request_.bos);
      for (const int32_t id : ids) writer_.add(id);
      if (request_.eos) writer_.add(*request_.eos);
    }
    texts_.clear();
    bytes_ = 0;
  }

 private:
  const ShardRequest& request_;
  ShardWriter& writer_;
  size_t threads_;
  std::vector<std::string> texts_;
  size_t bytes_ = 0;
};

void pack_text(const fs::path& file,
               const ShardRequest& request,
               ShardWriter& writer,
               const std::function<void(int64_t)>& report) {
  CorpusReader reader({file}, request.text_field, request.document_separator);
  TextPacker packer(request, writer);
  while (auto text = reader.next()) {
    packer.add(std::move(*text), file);
    report(reader.bytes_read());
  }
  packer.flush(file);
}

template <typename Stored>
void pack_ids(const fs::path& file,
              ShardWriter& writer,
              const std::function<void(int64_t)>& report) {
  const auto mapped = MappedFile::open(file);
  const std::span<const std::byte> bytes = mapped->bytes();
  LINSCAN_CHECK(bytes.size() % sizeof(Stored) == 0,
                kInput,
                "{}: {} bytes are not a whole number of {}-byte ids",
                file.string(),
                bytes.size(),
                sizeof(Stored));
  writer.begin_document(file);
  for (size_t at = 0; at < bytes.size(); at += sizeof(Stored)) {
    Stored id;
    std::memcpy(&id, bytes.data() + at, sizeof id);
    writer.add(id);
    if (at % kBufferBytes == 0) {
      check_interrupt();
      report(static_cast<int64_t>(at));
    }
  }
}

int64_t file_bytes(const fs::path& file) {
  std::error_code ec;
  const auto bytes = static_cast<int64_t>(fs::file_size(file, ec));
  LINSCAN_CHECK(!ec, kInput, "{}: {}", file.string(), ec.message());
  return bytes;
}

void check_request(const ShardRequest& request) {
  LINSCAN_CHECK(!request.inputs.empty(), kUsage, "no data files were given");
  LINSCAN_CHECK(request.shard_tokens > 0,
                kUsage,
                "a shard must have at least 1 token, got {}",
                request.shard_tokens);
  LINSCAN_CHECK(request.vocabulary_size > 0,
                kInternal,
                "write_shards: the vocabulary has {} ids",
                request.vocabulary_size);
  check_data_files(request.inputs);
  for (const fs::path& file : request.inputs) {
    LINSCAN_CHECK(
        request.tokenizer != nullptr || !is_text(file),
        kInput,
        "{}: text needs a tokenizer, and there is none; raw ids (.i32, .u16) work without",
        file.string());
  }
  if (request.tokenizer != nullptr) {
    require_tokenizer_fits(*request.tokenizer, request.vocabulary_size);
  }
}

// Depends on the inputs and the tokenizer alone, not on the model, so that shards fit every model
// that they can be for.
int64_t bytes_of_ids(const ShardRequest& request) {
  for (const fs::path& file : request.inputs) {
    if (data_format(file) == DataFormat::kIds32) return 4;
  }
  const bool is_wide = request.tokenizer != nullptr && request.tokenizer->vocabulary_size() > 65536;
  return is_wide ? 4 : 2;
}

}  // namespace

void write_shards(const ShardRequest& request, const fs::path& folder) {
  check_request(request);
  AtomicFolder output(folder, false);
  Json description = describe_request(request);
  ShardWriter writer(
      output.staging(), bytes_of_ids(request), request.shard_tokens, request.vocabulary_size);
  constexpr int64_t kMegabyte = int64_t{1} << 20;
  int64_t total = 0;
  for (const fs::path& file : request.inputs) total += file_bytes(file);
  Progress progress("packing tokens", "MiB", total / kMegabyte + 1);
  int64_t before = 0;
  for (const fs::path& file : request.inputs) {
    const auto report = [&](int64_t bytes) { progress.update((before + bytes) / kMegabyte); };
    switch (data_format(file)) {
      case DataFormat::kIds16:
        pack_ids<uint16_t>(file, writer, report);
        break;
      case DataFormat::kIds32:
        pack_ids<int32_t>(file, writer, report);
        break;
      default:
        pack_text(file, request, writer, report);
    }
    before += file_bytes(file);
  }
  progress.finish();
  ShardManifest manifest = writer.finish();
  LINSCAN_CHECK(
      manifest.tokens > 0, kInput, "{}: no tokens at all", request.inputs.front().string());
  if (manifest.invalid_utf8 > 0) {
    log::warn("{} ill-formed UTF-8 sequences were read as U+FFFD", manifest.invalid_utf8);
  }
  manifest.request = std::make_shared<const Json>(std::move(description));
  write_file_atomically(output.staging() / kShardManifest, format_manifest(manifest));
  output.commit();
}

}  // namespace linscan
