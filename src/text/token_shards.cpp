// Reading packed shards.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/progress.h"
#include "linscan/io/mapped_file.h"
#include "linscan/text/shards.h"
#include "linscan/text/tokenizer.h"
#include "text/shard_manifest.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "shards are little-endian");

std::shared_ptr<MappedFile> map_file(const fs::path& file, int64_t bytes) {
  auto mapped = MappedFile::open(file);
  const auto size = static_cast<int64_t>(mapped->bytes().size());
  LINSCAN_CHECK(size == bytes,
                kInput,
                "{}: has {} bytes, but shards.json says {}: the file is damaged; remove the folder "
                "to have it written anew",
                file.string(),
                size,
                bytes);
  return mapped;
}

// Widens ids into `out`, eight or sixteen at a time; returns the highest.
template <typename Stored, typename Id>
Id widen(const std::byte* from, std::span<Id> out) {
  Id highest = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    Stored id;
    std::memcpy(&id, from + i * sizeof id, sizeof id);
    // An id of 2^31 and more is never in range; as a negative number it would look like one.
    const Id value = sizeof(Stored) == 4 && id > static_cast<Stored>(INT32_MAX)
                         ? Id{INT32_MAX}
                         : static_cast<Id>(id);
    out[i] = value;
    highest = std::max(highest, value);
  }
  return highest;
}

}  // namespace

struct TokenShards::State {
  fs::path folder;
  ShardManifest manifest;
  std::string sha256;
  std::string tokenizer_sha256;
  std::vector<std::shared_ptr<MappedFile>> files;
  std::vector<int64_t> begins;  // first token of each shard, and the end of the last
  std::shared_ptr<MappedFile> documents;

  template <typename Id>
  void copy(int64_t first, std::span<Id> out) const;
};

TokenShards TokenShards::open(const fs::path& folder) {
  const fs::path file = folder / kShardManifest;
  LINSCAN_CHECK(fs::exists(file), kInput, "{}: no such file: no token shards", file.string());
  const std::string text = read_file(file);
  auto state = std::make_shared<State>();
  state->folder = folder;
  state->manifest = parse_manifest(text, file.string());
  const ShardManifest& manifest = state->manifest;
  Sha256 digest;
  digest.update(text);
  state->sha256 = digest.finish();
  const Json tokenizer = manifest.request->value("tokenizer", Json());
  if (!tokenizer.is_null()) state->tokenizer_sha256 = tokenizer.at("sha256").get<std::string>();
  state->begins.push_back(0);
  for (size_t i = 0; i < manifest.shards.size(); ++i) {
    const int64_t tokens = manifest.shards[i].tokens;
    state->files.push_back(map_file(folder / shard_name(i), tokens * manifest.id_bytes));
    state->begins.push_back(state->begins.back() + tokens);
  }
  state->documents = map_file(folder / kDocumentIndex, manifest.documents * 8);
  return TokenShards(std::move(state));
}

int64_t TokenShards::tokens() const {
  return state_->manifest.tokens;
}
int64_t TokenShards::documents() const {
  return state_->manifest.documents;
}
int64_t TokenShards::highest_id() const {
  return state_->manifest.highest_id;
}
int64_t TokenShards::invalid_utf8() const {
  return state_->manifest.invalid_utf8;
}
const std::string& TokenShards::sha256() const {
  return state_->sha256;
}
const std::string& TokenShards::tokenizer_sha256() const {
  return state_->tokenizer_sha256;
}
const fs::path& TokenShards::folder() const {
  return state_->folder;
}

void TokenShards::require_vocabulary(int64_t model_vocabulary) const {
  LINSCAN_CHECK(
      highest_id() < model_vocabulary,
      kInput,
      "{}: the highest token id is {}, but the model's vocabulary has {} ids: these shards "
      "are not for this model",
      state_->folder.string(),
      highest_id(),
      model_vocabulary);
}

void TokenShards::require_tokenizer(const Tokenizer& tokenizer) const {
  if (tokenizer_sha256().empty()) return;
  const std::string digest = tokenizer_digest(tokenizer);
  LINSCAN_CHECK(digest == tokenizer_sha256(),
                kInput,
                "{}: written with another tokenizer: sha256 {}, that of {} is {}",
                state_->folder.string(),
                tokenizer_sha256(),
                tokenizer.source(),
                digest);
}

std::string TokenShards::differences_from(const ShardRequest& request) const {
  return request_differences(*state_->manifest.request, describe_request(request));
}

template <typename Id>
void TokenShards::State::copy(int64_t first, std::span<Id> out) const {
  const auto count = static_cast<int64_t>(out.size());
  LINSCAN_CHECK(first >= 0 && first <= manifest.tokens && count <= manifest.tokens - first,
                kInternal,
                "tokens [{}, {} + {}) of {} were asked for",
                first,
                first,
                count,
                manifest.tokens);
  size_t shard = static_cast<size_t>(std::ranges::upper_bound(begins, first) - begins.begin()) - 1;
  for (int64_t done = 0; done < count; ++shard) {
    const int64_t at = first + done - begins[shard];
    const int64_t taken = std::min(count - done, begins[shard + 1] - begins[shard] - at);
    const std::byte* from = files[shard]->bytes().data() + at * manifest.id_bytes;
    const auto piece = out.subspan(static_cast<size_t>(done), static_cast<size_t>(taken));
    const Id highest =
        manifest.id_bytes == 2 ? widen<uint16_t>(from, piece) : widen<uint32_t>(from, piece);
    LINSCAN_CHECK(highest <= manifest.highest_id,
                  kInput,
                  "{}: an id of {} near token {}, but the highest is {}: the file is damaged",
                  files[shard]->path().string(),
                  highest,
                  at,
                  manifest.highest_id);
    done += taken;
  }
}

void TokenShards::copy(int64_t first, std::span<int32_t> out) const {
  state_->copy(first, out);
}
void TokenShards::copy(int64_t first, std::span<int64_t> out) const {
  state_->copy(first, out);
}

int64_t TokenShards::document_begin(int64_t document) const {
  LINSCAN_CHECK(document >= 0 && document <= documents(),
                kInternal,
                "document {} of {} was asked for",
                document,
                documents());
  if (document == documents()) return tokens();
  int64_t begin;
  std::memcpy(&begin, state_->documents->bytes().data() + document * 8, sizeof begin);
  LINSCAN_CHECK(begin >= 0 && begin < tokens() && (document > 0 || begin == 0),
                kInput,
                "{}: document {} begins at token {} of {}: the file is damaged",
                state_->documents->path().string(),
                document,
                begin,
                tokens());
  return begin;
}

TokenShards::Split TokenShards::split(double held_out_share) const {
  LINSCAN_CHECK(held_out_share > 0 && held_out_share < 1,
                kUsage,
                "the held-out share must be between 0 and 1, got {}",
                held_out_share);
  const auto held_out =
      static_cast<int64_t>(std::ceil(held_out_share * static_cast<double>(documents())));
  LINSCAN_CHECK(held_out < documents(),
                kInput,
                "{}: {} documents cannot be split into training and held-out text; name a held-out "
                "file, or the separator of the documents",
                state_->folder.string(),
                documents());
  const int64_t border = document_begin(documents() - held_out);
  return {{0, border}, {border, tokens() - border}};
}

void TokenShards::verify() const {
  const auto& shards = state_->manifest.shards;
  Progress progress("checking shards", "files", static_cast<int64_t>(shards.size()) + 1);
  const auto check = [](const MappedFile& file, const std::string& expected) {
    const std::string digest = sha256_of_file(file.path());
    LINSCAN_CHECK(digest == expected,
                  kInput,
                  "{}: the content is not what was written (sha256 {}, expected {}); remove the "
                  "folder to have it written anew",
                  file.path().string(),
                  digest,
                  expected);
  };
  for (size_t i = 0; i < shards.size(); ++i) {
    check(*state_->files[i], shards[i].sha256);
    progress.update(static_cast<int64_t>(i) + 1);
  }
  check(*state_->documents, state_->manifest.documents_sha256);
  progress.finish();
}

TokenShards open_or_write_shards(const ShardRequest& request, const fs::path& folder) {
  if (!fs::exists(folder / kShardManifest)) {
    write_shards(request, folder);
    return TokenShards::open(folder);
  }
  TokenShards shards = TokenShards::open(folder);
  const std::string differences = shards.differences_from(request);
  LINSCAN_CHECK(differences.empty(),
                kInput,
                "{}: holds shards of something else: {}; choose another folder, or remove this one",
                folder.string(),
                differences);
  shards.require_vocabulary(request.vocabulary_size);
  shards.verify();
  return shards;
}

}  // namespace linscan
