// The forms of weights a folder may have: which one counts, and which are refused by name.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"
#include "unit/io/test_torch_file.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::raw_safetensors;
using testing::TemporaryFolder;
using testing::torch_file;
using testing::write_vectors;
namespace pickle = testing::pickle;
using Names = std::vector<std::string>;

// One byte vector per name, element i of which is the i-th letter of the name.
std::string torch_vectors(const Names& names) {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::pair<std::string, std::string>> storages;
  for (const std::string& name : names) {
    const std::string key = std::to_string(storages.size());
    const auto size = static_cast<int64_t>(name.size());
    entries.emplace_back(pickle::text(name),
                         pickle::tensor(pickle::storage("ByteStorage", key, size), 0, {size}, {1}));
    storages.emplace_back(key, name);
  }
  return torch_file(pickle::whole(pickle::dict(entries)), storages);
}

void expect_refused(const TemporaryFolder& folder,
                    const std::vector<std::string>& parts,
                    ErrorKind kind = ErrorKind::kUnsupported) {
  std::vector<std::string> all = parts;
  all.push_back(folder.path().string());
  expect_error(kind, all, [&] { Checkpoint::open(folder.path()); });
}

TEST(CheckpointForms, TorchFile_IsReadLikeAnyOther) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("pytorch_model.bin", torch_vectors({"b", "a"}));
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.names(), (Names{"a", "b"}));
  EXPECT_EQ(bytes_of(checkpoint.at("a")), "a");
  EXPECT_EQ(checkpoint.files().front(), folder / "pytorch_model.bin");
  EXPECT_EQ(checkpoint.total_bytes(), 2);
}

TEST(CheckpointForms, TorchShards_AreOneCheckpoint) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("pytorch_model-1.bin", torch_vectors({"a", "c"}));
  folder.write("pytorch_model-2.bin", torch_vectors({"b", "extra"}));
  folder.write(
      "pytorch_model.bin.index.json",
      R"({"weight_map":{"a":"pytorch_model-1.bin","b":"pytorch_model-2.bin","c":"pytorch_model-1.bin"}})");
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  EXPECT_EQ(checkpoint.names(), (Names{"a", "b", "c", "extra"}));
  EXPECT_EQ(bytes_of(checkpoint.at("extra")), "extra");
  folder.write("pytorch_model.bin.index.json",
               R"({"weight_map":{"a":"pytorch_model-2.bin","b":"pytorch_model-3.bin"}})");
  expect_refused(
      folder, {"pytorch_model.bin.index.json", "1 of 2 shards", "-3.bin"}, ErrorKind::kInput);
}

TEST(CheckpointForms, FirstFormThatIsThere_Counts) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("t1", torch_vectors({"torch.index"}));
  folder.write("pytorch_model.bin.index.json", R"({"weight_map":{"torch.index":"t1"}})");
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), Names{"torch.index"});
  folder.write("pytorch_model.bin", torch_vectors({"torch.single"}));
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), Names{"torch.single"});
  write_vectors(folder / "s1", {"safetensors.index"});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"safetensors.index":"s1"}})");
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), Names{"safetensors.index"});
  write_vectors(folder / "model.safetensors", {"safetensors.single"});
  EXPECT_EQ(Checkpoint::open(folder.path()).names(), Names{"safetensors.single"});
}

TEST(CheckpointForms, SharedBytes_CountOnce) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  const std::string storage = pickle::storage("ByteStorage", "0", 6);
  const std::string root =
      pickle::dict({{pickle::text("head"), pickle::tensor(storage, 0, {4}, {1})},
                    {pickle::text("embedding"), pickle::tensor(storage, 0, {4}, {1})},
                    {pickle::text("tail"), pickle::tensor(storage, 3, {3}, {1})},
                    {pickle::text("inside"), pickle::tensor(storage, 1, {1}, {1})},
                    {pickle::text("copy"), pickle::tensor(storage, 0, {2}, {2})}});
  folder.write("pytorch_model.bin", torch_file(pickle::whole(root), {{"0", "abcdef"}}));
  EXPECT_EQ(Checkpoint::open(folder.path()).total_bytes(), 8);
}

// Also of a tensor that has to be copied, and after its memory was given back.
TEST(CheckpointForms, Digest_IsThatOfTheSameTensorsInSafetensors) {
  const TemporaryFolder torch;
  torch.write("config.json", "{}");
  torch.write(
      "pytorch_model.bin",
      torch_file(pickle::whole(pickle::dict(
                     {{pickle::text("a"),
                       pickle::tensor(pickle::storage("ByteStorage", "0", 6), 0, {3, 2}, {1, 3})},
                      {pickle::text("b"),
                       pickle::tensor(pickle::storage("ByteStorage", "0", 6), 0, {6}, {1})}})),
                 {{"0", "abcdef"}}));
  const TemporaryFolder safe;
  safe.write("config.json", "{}");
  safe.write(
      "model.safetensors",
      raw_safetensors(
          R"({"a":{"dtype":"U8","shape":[3,2],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[6],"data_offsets":[6,12]}})",
          "adbecfabcdef"));
  const Checkpoint checkpoint = Checkpoint::open(torch.path());
  const std::string digest = checkpoint.weights_sha256();
  EXPECT_EQ(digest, Checkpoint::open(safe.path()).weights_sha256());
  EXPECT_EQ(digest, checkpoint.weights_sha256());
}

TEST(CheckpointForms, FormThatIsNotRead_IsNamed) {
  const struct {
    const char* file;
    const char* part;
  } rows[] = {{"model-q4.gguf", "GGUF"},
              {"adapter_config.json", "adapter"},
              {"tf_model.h5", "TensorFlow"},
              {"flax_model.msgpack", "Flax"},
              {"consolidated.00.pth", "Meta"}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.file);
    const TemporaryFolder folder;
    folder.write(row.file, "x");
    expect_refused(folder, {row.file, row.part});  // without config.json
    folder.write("config.json", "{}");
    expect_refused(folder, {row.file, row.part});
    write_vectors(folder / "model.safetensors", {"a"});
    EXPECT_NO_THROW(Checkpoint::open(folder.path()));
  }
}

TEST(CheckpointForms, QuantizedTensors_AreRefusedByName) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  const auto refuses = [&](const std::string& name, const char* part) {
    SCOPED_TRACE(name);
    write_vectors(folder / "model.safetensors", {"model.embed_tokens.weight", name});
    expect_refused(folder, {"quantized", part, name, "made from"});
  };
  refuses("model.layers.0.mlp.up_proj.qweight", "gptq or awq");
  refuses("model.layers.0.mlp.up_proj.qzeros", "gptq or awq");
  refuses("model.layers.0.mlp.up_proj.SCB", ".dequantize()");
  refuses("model.layers.0.mlp.up_proj.weight.absmax", "bitsandbytes");
  refuses("model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4", "bitsandbytes");
  refuses("model.layers.0.mlp.up_proj.weight_scale_inv", "FineGrainedFP8Config");
  refuses("model.layers.0.mlp.up_proj.weight_packed", "CompressedTensorsConfig");
  refuses("model.layers.0.mlp.up_proj.weight_scales", "eetq");
  refuses("model.layers.0.mlp.up_proj.W_q", "hqq");
  refuses("model.layers.0.mlp.up_proj.weight._data", "quanto");
  refuses("model.layers.0.mlp.experts.gate_up_proj_blocks", "Mxfp4Config");
}

TEST(CheckpointForms, IntegerMatrix_IsAQuantizedWeight) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write(
      "model.safetensors",
      raw_safetensors(R"({"a.weight":{"dtype":"I8","shape":[2,1],"data_offsets":[0,2]}} )", "ab"));
  expect_refused(folder, {"quantized", "a.weight", "I8"});
  // Masks and position ids are integers too.
  folder.write(
      "model.safetensors",
      raw_safetensors(R"({"a.bias":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}} )", "ab"));
  EXPECT_NO_THROW(Checkpoint::open(folder.path()));
}

TEST(CheckpointForms, QuantizedType_IsRefusedByName) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  folder.write("model.safetensors",
               raw_safetensors(
                   R"({"a.weight":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}} )", "ab"));
  expect_refused(folder, {"a.weight", "F8_E4M3", "quantized"});
}

}  // namespace
}  // namespace linscan
