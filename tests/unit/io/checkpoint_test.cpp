#include "linscan/io/checkpoint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::raw_safetensors;
using testing::TemporaryFolder;
using testing::write_vectors;
using Names = std::vector<std::string>;

constexpr const char* kIndex = "model.safetensors.index.json";

void expect_refused(const TemporaryFolder& folder,
                    const std::vector<std::string>& parts,
                    ErrorKind kind = ErrorKind::kInput) {
  expect_error(kind, parts, [&] { Checkpoint::open(folder.path()); });
}

// A folder with config.json and the shards "1" (tensors a, c) and "2" (tensor b).
void write_shards(const TemporaryFolder& folder) {
  folder.write("config.json", "{}");
  write_vectors(folder / "1", {"a", "c"});
  write_vectors(folder / "2", {"b"});
}

void write_index(const TemporaryFolder& folder, std::string_view weight_map) {
  folder.write(kIndex,
               fmt::format(R"({{"metadata":{{"total_size":1}},"weight_map":{}}})", weight_map));
}

TEST(Checkpoint, SingleFile_HasItsTensors) {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type":"llama"})");
  write_vectors(folder / "model.safetensors", {"b", "a", "a.b"});
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.folder(), folder.path());
  EXPECT_EQ(checkpoint.config()["model_type"], "llama");
  EXPECT_EQ(checkpoint.names(), (Names{"a", "a.b", "b"}));
  EXPECT_EQ(checkpoint.total_bytes(), 48);
  EXPECT_EQ(checkpoint.files().size(), 1u);
  EXPECT_EQ(checkpoint.metadata().at("format"), "pt");
  EXPECT_EQ(checkpoint.at("a").name, "a");
  EXPECT_EQ(checkpoint.find("c"), nullptr);
  expect_error(ErrorKind::kInput, {"no tensor \"c\""}, [&] { checkpoint.at("c"); });
}

TEST(Checkpoint, Shards_AreOneCheckpoint) {
  const TemporaryFolder folder;
  write_shards(folder);
  write_index(folder, R"({"c":"1","b":"2","a":"1"})");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.names(), (Names{"a", "b", "c"}));
  EXPECT_EQ(checkpoint.files().size(), 2u);
  EXPECT_EQ(checkpoint.at("b").file->path(), folder / "2");
  EXPECT_EQ(checkpoint.at("c").file->path(), folder / "1");
}

TEST(Checkpoint, SingleFileBesideIndex_Counts) {
  const TemporaryFolder folder;
  write_shards(folder);
  write_vectors(folder / "model.safetensors", {"x"});
  write_index(folder, R"({"a":"1"})");
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), Names{"x"});
}

TEST(Checkpoint, NameTheIndexLeavesOut_IsUsed) {
  const TemporaryFolder folder;
  write_shards(folder);
  write_index(folder, R"({"c":"1","b":"2"})");
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), (Names{"a", "b", "c"}));
}

TEST(Checkpoint, NameInTwoShards_IsDecidedByTheIndexOnly) {
  const TemporaryFolder folder;
  write_shards(folder);
  write_vectors(folder / "2", {"b", "a"});
  write_index(folder, R"({"c":"1","b":"2","a":"2"})");
  EXPECT_EQ(Checkpoint::open(folder.path()).at("a").file->path(), folder / "2");
  write_index(folder, R"({"c":"1","b":"2"})");
  expect_refused(folder, {kIndex, "whether tensor \"a\" is in 1 or in 2"});
}

TEST(Checkpoint, IndexThatLies_IsRefused) {
  const TemporaryFolder folder;
  write_shards(folder);
  write_index(folder, R"({"a":"1","b":"3","c":"4"})");
  expect_refused(folder, {kIndex, "2 of 3 shards", "\"3\", \"4\""});
  write_index(folder, R"({"a":"1","b":"1","c":"2"})");
  expect_refused(folder, {kIndex, "2 tensors", "\"b\", \"c\""});
  write_index(folder, R"({"a":"1","b":"config.json"})");
  expect_refused(folder, {"config.json", "too few"});
  std::string many;
  for (int i = 0; i < 1000; ++i) {
    many += fmt::format("\"x{}\":\"1\",", i);
  }
  write_index(folder, "{" + many + R"("a":"1"})");
  expect_refused(folder, {"1000 tensors", "and 980 more"});
}

TEST(Checkpoint, ShardOutsideTheFolder_IsRefused) {
  const TemporaryFolder folder;
  write_shards(folder);
  for (const char* shard : {"../1", "/etc/passwd", "sub/1", "..", ".", "", "1\\u0000"}) {
    SCOPED_TRACE(shard);
    write_index(folder, fmt::format(R"({{"a":"{}"}})", shard));
    expect_refused(folder, {kIndex, "\"a\"", "no plain file name"});
  }
}

TEST(Checkpoint, MalformedIndex_IsRefused) {
  const TemporaryFolder folder;
  write_shards(folder);
  const auto refuses = [&](std::string_view text, const char* part) {
    SCOPED_TRACE(text);
    folder.write(kIndex, text);
    expect_refused(folder, {kIndex, part});
  };
  refuses("", "not valid JSON");
  refuses("[]", "the document is an array, expected an object");
  refuses("7", "the document is a number");
  refuses("{}", "has no weight_map");
  refuses(R"({"weight_map":[]})", "weight_map is an array");
  refuses(R"({"weight_map":null})", "weight_map is null");
  refuses(R"({"weight_map":"1"})", "weight_map is a string");
  refuses(R"({"weight_map":{}})", "weight_map is empty");
  refuses(R"({"weight_map":{"a":1}})", "\"a\": got a number, expected a string");
  refuses(R"({"weight_map":{"a":{"b":"1"}}})", "\"a\": got an object");
  refuses(R"({"weight_map":{"a":["1"]}})", "\"a\": got an array");
  refuses(R"({"weight_map":{"a":"1","a":"2"}})", "\"a\" appears twice");
  refuses(R"({"weight_map":{"a":"1"},"weight_map":{}})", "\"weight_map\" appears twice");
}

TEST(Checkpoint, RestOfTheIndex_IsNotLookedAt) {
  const TemporaryFolder folder;
  write_shards(folder);
  folder.write(
      kIndex,
      R"({"metadata":{"weight_map":{"z":1},"x":[[{"weight_map":2}]]},"weight_map":{"a":"1","c":"1"},"y":null,"z":-1.5})");
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), (Names{"a", "c"}));
}

TEST(Checkpoint, MetadataOfShards_IsMerged) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  SafetensorsWriter(folder / "1", {}, {{"first", "1"}, {"both", "1"}}).commit();
  SafetensorsWriter(folder / "2", {{"a", DType::kU8, {0}}}, {{"second", "2"}, {"both", "2"}})
      .commit();
  write_vectors(folder / "1b", {"b"});
  write_index(folder, R"({"a":"2","b":"1b"})");
  EXPECT_EQ(Checkpoint::open(folder.path()).metadata().at("both"), "2");
  EXPECT_FALSE(Checkpoint::open(folder.path()).metadata().contains("first"));
}

TEST(Checkpoint, WhatIsNoFolder_IsRefused) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kInput, {"absent: no such folder", "config.json"}, [&] {
    Checkpoint::open(folder / "absent");
  });
  const auto file = folder.write("model.safetensors", "x");
  expect_error(ErrorKind::kInput, {"is a file; expected the checkpoint folder"}, [&] {
    Checkpoint::open(file);
  });
}

TEST(Checkpoint, BadConfig_IsRefused) {
  const TemporaryFolder folder;
  write_vectors(folder / "model.safetensors", {"a"});
  expect_refused(folder, {"has no config.json"});
  folder.write("config.json", "{");
  expect_refused(folder, {"config.json", "not valid JSON"});
  folder.write("config.json", "[]");
  expect_refused(folder, {"config.json", "is a JSON array, expected an object"});
  folder.write("config.json", R"({"a":1,"a":2})");
  expect_refused(folder, {"config.json", "appears twice"});
  folder.write("config.json", std::string(5 << 20, ' ') + "{}");
  expect_refused(folder, {"config.json", "larger than"});
}

TEST(Checkpoint, NoWeights_SaysWhatWasLookedFor) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  expect_refused(
      folder,
      {"has no weights", "model.safetensors, model.safetensors.index.json, pytorch_model.bin"});
}

TEST(Checkpoint, QuantizedWeights_AreRefusedByName) {
  const TemporaryFolder folder;
  write_vectors(folder / "model.safetensors", {"a"});
  const auto refuses = [&](const char* config, const char* method) {
    SCOPED_TRACE(config);
    folder.write("config.json", config);
    expect_refused(folder, {"quantized", method}, ErrorKind::kUnsupported);
  };
  refuses(R"({"quantization_config":{"quant_method":"gptq","bits":4}})", "\"gptq\"");
  refuses(R"({"quantization_config":{"quant_method":"awq"}})", "\"awq\"");
  refuses(R"({"quantization_config":{"quant_method":"fp8"}})", "\"fp8\"");
  refuses(R"({"quantization_config":{"load_in_8bit":true}})", "\"bitsandbytes\"");
  refuses(R"({"quantization_config":{"quant_method":7}})", "\"unnamed method\"");
  refuses(R"({"text_config":{"quantization_config":{"quant_method":"hqq"}}})", "\"hqq\"");
  refuses(R"({"compression_config":{"quant_method":"compressed-tensors"}})", "compressed-tensors");
  folder.write("config.json", R"({"quantization_config":null,"text_config":7})");
  EXPECT_NO_THROW(Checkpoint::open(folder.path()));
}

// No limit on the time, which depends on the machine: it is printed for people.
TEST(Checkpoint, HundredShardsWithTenThousandTensors_Open) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  std::string weight_map;
  for (int shard = 0; shard < 100; ++shard) {
    Names names;
    for (int i = 0; i < 100; ++i) {
      names.push_back(fmt::format("model.layers.{}.mlp.experts.{}.down_proj.weight", i, shard));
      weight_map += fmt::format("{}\"{}\":\"model-{:05}.safetensors\"",
                                weight_map.empty() ? "" : ",",
                                names.back(),
                                shard);
    }
    write_vectors(folder / fmt::format("model-{:05}.safetensors", shard), names);
  }
  write_index(folder, "{" + weight_map + "}");
  const auto start = std::chrono::steady_clock::now();
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  const std::chrono::duration<double, std::milli> opening =
      std::chrono::steady_clock::now() - start;
  EXPECT_EQ(checkpoint.names().size(), 10'000u);
  EXPECT_EQ(checkpoint.files().size(), 100u);
  fmt::print("opened 100 shards with 10000 tensors in {:.1f} ms\n", opening.count());
}

TEST(SafetensorsFile, TenThousandTensors_Open) {
  const TemporaryFolder folder;
  Names names;
  for (int i = 0; i < 10'000; ++i) {
    names.push_back(fmt::format("model.layers.{}.mlp.experts.{}.down_proj.weight", i % 100, i));
  }
  write_vectors(folder / "model.safetensors", names);
  const auto start = std::chrono::steady_clock::now();
  const SafetensorsFile file = SafetensorsFile::open(folder / "model.safetensors");
  const std::chrono::duration<double, std::milli> opening =
      std::chrono::steady_clock::now() - start;
  EXPECT_EQ(file.tensors().size(), 10'000u);
  fmt::print("opened one file with 10000 tensors in {:.1f} ms\n", opening.count());
}

}  // namespace
}  // namespace linscan
