#include "linscan/io/checkpoint_writer.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/carried_files.h"
#include "io/json_events.h"
#include "io/safetensors_header.h"
#include "io/shard_plan.h"
#include "io/staged_folder.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/json_edit.h"
#include "linscan/base/system.h"

namespace linscan {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfigFile = "config.json";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr int64_t kPieceBytes = int64_t{64}
                                << 20;  // the interrupt flag is looked at between pieces

struct Shard {
  PlannedShard plan;
  std::map<std::string, std::string> metadata = {};
  std::unique_ptr<SafetensorsWriter> writer;  // from the first byte to the last
  int64_t written = 0;
  bool is_done = false;
};

// `total` bytes must fit beside what is there; asked at once, because weights come after hours.
void require_space(const StagedFolder& folder, int64_t total) {
  std::error_code ec;
  const fs::space_info space = fs::space(folder.staging(), ec);
  if (ec || space.capacity == 0) {
    return;  // some network file systems do not say
  }
  LINSCAN_CHECK(static_cast<uint64_t>(total) <= space.available,
                kInput,
                "{}: the weights need {}, but its file system has {} left; make room or choose "
                "another output folder",
                folder.target().string(),
                format_bytes(total),
                format_bytes(static_cast<int64_t>(space.available)));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

struct CheckpointWriter::State {
  State(const fs::path& path, CheckpointWriterOptions given)
      : options(std::move(given)), folder(path, options.force) {}

  CheckpointWriterOptions options;
  StagedFolder folder;
  std::vector<Shard> shards;
  std::map<std::string, size_t, std::less<>> shard_of;    // tensor -> index into `shards`
  std::map<std::string, std::string, std::less<>> files;  // of add_file
  std::string source_config;                              // text of the source's config.json
  fs::path carried_from;                                  // the source, or the tokenizer's folder
  std::vector<std::string> carried;                       // names of files in it
  int64_t total_bytes = 0;
  int64_t total_parameters = 0;

  std::string name() const { return folder.target().string(); }
  void read_source();
  void list_carried(const std::filesystem::path& from);
  void plan(std::vector<TensorEntry> entries);
  void note_aliases();
  SafetensorsWriter& open(Shard& shard);
  void finish(Shard& shard);
  void write_index() const;
  void write_config(const Json& config) const;
  void carry_files() const;
};

// At once, so that what is wrong with the source is said before hours of work.
void CheckpointWriter::State::read_source() {
  const fs::path path = options.source / kConfigFile;
  source_config = read_file(path);
  LINSCAN_CHECK(parse_json(source_config, path.string()).is_object(),
                kInput,
                "{}: is no JSON object",
                path.string());
  list_carried(options.source);
}

void CheckpointWriter::State::list_carried(const fs::path& from) {
  carried_from = from;
  carried = carried_files(from);
  std::erase_if(carried, [&](const std::string& file) {
    return std::ranges::find(options.left_behind, file) != options.left_behind.end();
  });
}

void CheckpointWriter::State::plan(std::vector<TensorEntry> entries) {
  LINSCAN_CHECK(options.max_shard_bytes > 0,
                kInternal,
                "{}: a shard of {} bytes holds nothing",
                name(),
                options.max_shard_bytes);
  for (PlannedShard& shard : plan_shards(std::move(entries), options.max_shard_bytes, name())) {
    LINSCAN_CHECK(!__builtin_add_overflow(total_bytes, shard.bytes, &total_bytes),
                  kInternal,
                  "{}: the tensors together exceed 63 bits",
                  name());
    for (const TensorEntry& entry : shard.entries) {
      const bool is_new = shard_of.emplace(entry.name, shards.size()).second;
      LINSCAN_CHECK(is_new, kInternal, "{}: tensor {} is listed twice", name(), show(entry.name));
      total_parameters += tensor_bytes(entry.dtype, entry.shape) / item_size(entry.dtype);
    }
    shards.push_back({.plan = std::move(shard), .metadata = options.metadata});
  }
  note_aliases();
}

void CheckpointWriter::State::note_aliases() {
  for (const auto& [alias, kept] : options.aliases) {
    const auto found = shard_of.find(kept);
    LINSCAN_CHECK(found != shard_of.end() && !shard_of.contains(alias),
                  kInternal,
                  "{}: {} cannot stand for {}: expected the first to be left out and the second to "
                  "be written",
                  name(),
                  show(kept),
                  show(alias));
    const bool is_new = shards[found->second].metadata.emplace(alias, kept).second;
    LINSCAN_CHECK(
        is_new, kInternal, "{}: the metadata have an entry {} already", name(), show(alias));
  }
}

SafetensorsWriter& CheckpointWriter::State::open(Shard& shard) {
  if (!shard.writer) {
    shard.writer = std::make_unique<SafetensorsWriter>(
        folder.staging() / shard.plan.file, shard.plan.entries, std::move(shard.metadata));
  }
  return *shard.writer;
}

void CheckpointWriter::State::finish(Shard& shard) {
  open(shard).commit();
  shard.writer.reset();
  shard.is_done = true;
}

// As save_pretrained of transformers 5 writes it.
void CheckpointWriter::State::write_index() const {
  nlohmann::json weight_map = nlohmann::json::object();  // sorted, unlike Json, and not quadratic
  for (const auto& [tensor, shard] : shard_of) {
    weight_map[tensor] = shards[shard].plan.file;
  }
  nlohmann::json index;
  index["metadata"] = {{"total_parameters", total_parameters}, {"total_size", total_bytes}};
  index["weight_map"] = std::move(weight_map);
  write_file_atomically(folder.staging() / kIndexFile,
                        index.dump(2, ' ', /*ensure_ascii=*/true) + "\n");
}

void CheckpointWriter::State::write_config(const Json& config) const {
  LINSCAN_CHECK(config.is_object(),
                kInternal,
                "{}: config.json would be a JSON {}, expected an object",
                name(),
                config.type_name());
  const std::string text =
      options.source.empty()
          ? config.dump(2) + "\n"
          : edit_json(source_config, config, (options.source / kConfigFile).string());
  write_file_atomically(folder.staging() / kConfigFile, text);
}

void CheckpointWriter::State::carry_files() const {
  for (const auto& [file, content] : files) {
    check_interrupt();
    write_file_atomically(folder.staging() / file, content);
  }
  for (const std::string& file : carried) {
    if (!files.contains(file)) {
      copy_content(carried_from / file, folder.staging() / file);
    }
  }
}

CheckpointWriter::CheckpointWriter(const fs::path& folder,
                                   std::vector<TensorEntry> entries,
                                   CheckpointWriterOptions options) {
  if (!options.source.empty()) {
    require_apart(folder, options.source);
  }
  state_ = std::make_unique<State>(folder, std::move(options));
  if (!state_->options.source.empty()) {
    state_->read_source();
  } else if (!state_->options.tokenizer.empty()) {
    state_->list_carried(state_->options.tokenizer);
  }
  state_->plan(std::move(entries));
  require_space(state_->folder, state_->total_bytes);
}

CheckpointWriter::~CheckpointWriter() = default;

void CheckpointWriter::write(std::string_view name,
                             int64_t offset_in_tensor,
                             const void* data,
                             int64_t bytes) {
  const auto found = state_->shard_of.find(name);
  LINSCAN_CHECK(found != state_->shard_of.end(),
                kInternal,
                "{}: tensor {} is not among the entries",
                state_->name(),
                show(name));
  Shard& shard = state_->shards[found->second];
  if (bytes == 0) {
    return;
  }
  LINSCAN_CHECK(bytes > 0,
                kInternal,
                "{}: tensor {}: a piece of {} bytes",
                state_->name(),
                show(name),
                bytes);
  LINSCAN_CHECK(!shard.is_done,
                kInternal,
                "{}: tensor {}: bytes from {} on are written twice",
                state_->name(),
                show(name),
                offset_in_tensor);
  SafetensorsWriter& writer = state_->open(shard);
  const char* from = static_cast<const char*>(data);
  for (int64_t at = 0; at < bytes; at += kPieceBytes) {
    check_interrupt();
    const int64_t piece = std::min(kPieceBytes, bytes - at);
    writer.write(name, offset_in_tensor + at, from + at, piece);
  }
  shard.written += bytes;  // no byte twice, so the sum says when all are there
  if (shard.written == shard.plan.bytes) {
    state_->finish(shard);
  }
}

void CheckpointWriter::add_file(std::string_view name, std::string content) {
  const bool is_ours = name == kConfigFile || name == kIndexFile || name.ends_with(".safetensors");
  LINSCAN_CHECK(is_plain_name(name) && !is_ours,
                kInternal,
                "{}: {} cannot name an additional file",
                state_->name(),
                show(name));
  const bool is_new = state_->files.emplace(name, std::move(content)).second;
  LINSCAN_CHECK(is_new, kInternal, "{}: file {} is added twice", state_->name(), show(name));
}

void CheckpointWriter::commit(const Json& config) {
  for (Shard& shard : state_->shards) {
    check_interrupt();
    if (!shard.is_done) {
      state_->finish(shard);  // refuses bytes that are missing; a shard may have no bytes at all
    }
  }
  if (state_->shards.size() > 1) {
    state_->write_index();
  }
  state_->write_config(config);
  state_->carry_files();
  check_interrupt();
  state_->folder.commit();
}

const fs::path& CheckpointWriter::folder() const {
  return state_->folder.target();
}

void require_new_checkpoint(const fs::path& folder, const fs::path& source, bool force) {
  require_apart(folder, source);
  const StagedFolder probe(folder, force);
}

}  // namespace linscan
