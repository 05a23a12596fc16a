#include "linscan/io/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "unit/io/test_checkpoints.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;
using testing::all_kinds;
using testing::bytes_of;
using testing::content_of;
using testing::expect_equal;
using testing::expect_error;
using testing::kTwo;
using testing::make_source;
using testing::names_in;
using testing::TemporaryFolder;
using testing::write_all;
using Names = std::vector<std::string>;

constexpr const char* kIndex = "model.safetensors.index.json";

TEST(CheckpointWriter, OneShard_ReadsBackBitForBit) {
  const TemporaryFolder folder;
  const std::vector<TensorEntry> entries = all_kinds();
  CheckpointWriter writer(folder / "out", entries, {.metadata = {{"note", "x"}}});
  write_all(writer, entries);
  EXPECT_EQ(writer.folder(), fs::canonical(folder.path()) / "out");
  EXPECT_FALSE(fs::exists(folder / "out"));
  writer.commit({{"model_type", "llama"}, {"eps", 1e-05}});
  EXPECT_EQ(folder.names(), Names{"out"});
  EXPECT_EQ(names_in(folder / "out"), (Names{"config.json", "model.safetensors"}));
  EXPECT_EQ(content_of(folder / "out/config.json"),
            "{\n  \"model_type\": \"llama\",\n  \"eps\": 1e-05\n}\n");
  const Checkpoint checkpoint = Checkpoint::open(folder / "out");
  expect_equal(checkpoint, entries);
  EXPECT_EQ(checkpoint.metadata(),
            (std::map<std::string, std::string>{{"format", "pt"}, {"note", "x"}}));
}

TEST(CheckpointWriter, ManyShards_ReadBackBitForBitInAnyOrderOfWriting) {
  const std::vector<TensorEntry> entries = all_kinds();
  for (const int64_t max_bytes : {1, 8, 24, 60, 200}) {
    const TemporaryFolder folder;
    CheckpointWriter writer(folder / "out", entries, {.max_shard_bytes = max_bytes});
    write_all(writer, {entries.rbegin(), entries.rend()});
    writer.commit(Json::object());
    expect_equal(Checkpoint::open(folder / "out"), entries);
    const Json index = read_json_file(folder / "out" / kIndex);
    EXPECT_EQ(index["weight_map"].size(), entries.size());
    EXPECT_EQ(index["metadata"]["total_size"], Checkpoint::open(folder / "out").total_bytes());
    EXPECT_EQ(index["metadata"]["total_parameters"], 10 * 6 + 1 + 7);
  }
}

TEST(CheckpointWriter, Shards_FollowTheOrderOfTheEntries) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder / "out", kTwo, {.max_shard_bytes = 16});
  write_all(writer, kTwo);
  writer.commit(Json::object());
  EXPECT_EQ(content_of(folder / "out" / kIndex), R"({
  "metadata": {
    "total_parameters": 8,
    "total_size": 32
  },
  "weight_map": {
    "a": "model-00002-of-00002.safetensors",
    "b": "model-00001-of-00002.safetensors"
  }
}
)");
}

TEST(CheckpointWriter, PiecesOfATensor_MakeTheWhole) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder / "out", {{"a", DType::kU8, {6}}});
  writer.write("a", 4, "ef", 2);
  writer.write("a", 0, "abcd", 4);
  writer.write("a", 6, "", 0);
  writer.commit(Json::object());
  EXPECT_EQ(bytes_of(Checkpoint::open(folder / "out").at("a")), "abcdef");
}

TEST(CheckpointWriter, WithSource_ChangesOnlyWhatChanged) {
  const TemporaryFolder folder;
  make_source(folder);
  CheckpointWriter writer(folder / "out", kTwo, {.source = folder / "source"});
  write_all(writer, kTwo);
  Json config = read_json_file(folder / "source/config.json");
  config["num_layers"] = 3;
  writer.commit(config);
  EXPECT_EQ(content_of(folder / "out/config.json"), "{\"eps\": 1e-05, \"num_layers\": 3}\n");
}

TEST(CheckpointWriter, Source_GivesTokenizerAndLicenceButNoWeights) {
  const TemporaryFolder folder;
  make_source(folder);
  const Names carried = {"LICENSE.txt",
                         "USE_POLICY.md",
                         "chat_template.jinja",
                         "generation_config.json",
                         "merges.txt",
                         "modeling_x.py",
                         "special_tokens_map.json",
                         "tokenizer.json",
                         "tokenizer.model",
                         "tokenizer_config.json",
                         "vocab.json"};
  for (const std::string& name : carried) {
    folder.write("source/" + name, "{ \"spelling\":1E0 }\r\n" + name + std::string(1, '\0'));
  }
  for (const char* name : {"README.md",
                           "pytorch_model.bin",
                           "pytorch_model.bin.index.json",
                           "model.safetensors.index.json",
                           "model-00001-of-00002.safetensors",
                           "optimizer.pt",
                           "training_args.bin",
                           "setup.py",
                           ".gitattributes"}) {
    folder.write(std::string("source/") + name, "not carried");
  }
  fs::create_directory(folder / "source/LICENSES");
  CheckpointWriter writer(folder / "out", kTwo, {.source = folder / "source"});
  write_all(writer, kTwo);
  writer.add_file("generation_config.json", "{}");
  writer.add_file("plan.json", "[]");
  writer.commit(read_json_file(folder / "source/config.json"));
  Names expected = carried;
  expected.insert(expected.end(), {"config.json", "model.safetensors", "plan.json"});
  std::ranges::sort(expected);
  EXPECT_EQ(names_in(folder / "out"), expected);
  for (const std::string& name : carried) {
    EXPECT_EQ(content_of(folder / "out" / name),
              name == "generation_config.json" ? "{}" : content_of(folder / "source" / name));
  }
  expect_equal(Checkpoint::open(folder / "out"), kTwo);
}

TEST(CheckpointWriter, SourceOfLinks_IsCarriedAsContent) {
  const TemporaryFolder folder;
  make_source(folder);
  fs::create_directory(folder / "blobs");
  folder.write("blobs/1234", "{\"version\": 1}");
  fs::create_symlink("../blobs/1234", folder / "source/tokenizer.json");
  CheckpointWriter writer(folder / "out", kTwo, {.source = folder / "source"});
  write_all(writer, kTwo);
  writer.commit(read_json_file(folder / "source/config.json"));
  EXPECT_FALSE(fs::is_symlink(folder / "out/tokenizer.json"));
  EXPECT_EQ(content_of(folder / "out/tokenizer.json"), "{\"version\": 1}");
}

TEST(CheckpointWriter, Alias_StandsInTheFileOfTheTensorKept) {
  const TemporaryFolder folder;
  CheckpointWriter writer(
      folder / "out", kTwo, {.max_shard_bytes = 16, .aliases = {{"lm_head.weight", "a"}}});
  write_all(writer, kTwo);
  writer.commit(Json::object());
  const auto metadata = [&](const char* file) {
    return SafetensorsFile::open(folder / "out" / file).metadata();
  };
  EXPECT_FALSE(metadata("model-00001-of-00002.safetensors").contains("lm_head.weight"));
  EXPECT_EQ(metadata("model-00002-of-00002.safetensors").at("lm_head.weight"), "a");
  EXPECT_EQ(Checkpoint::open(folder / "out").metadata().at("lm_head.weight"), "a");
}

}  // namespace
}  // namespace linscan
