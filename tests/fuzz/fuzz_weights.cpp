// Targets of room io: safetensors files and headers, shard indexes, files of torch.save and their
// pickles.
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/fuzz_targets.h"
#include "fuzz/scratch_folder.h"
#include "fuzz/target.h"
#include "io/safetensors_header.h"
#include "linscan/io/checkpoint.h"
#include "linscan/io/safetensors.h"
#include "linscan/io/torch_file.h"
#include "unit/io/test_safetensors.h"
#include "unit/io/test_torch_file.h"

namespace linscan::fuzz {
namespace {

namespace pickle = testing::pickle;
using testing::raw_safetensors;
using testing::torch_file;

constexpr std::string_view kHeader =
    R"({"__metadata__":{"format":"pt","lm_head.weight":"embed"},"embed":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("norm":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"empty":{"dtype":"I8","shape":[0,7],"data_offsets":[32,32]},)"
    R"("scale":{"dtype":"F64","shape":[],"data_offsets":[32,40]}}   )";
constexpr size_t kDataBytes = 40;
constexpr std::string_view kIndex =
    R"({"metadata":{"total_size":48},"weight_map":{"a":"s1","b":"s1","c":"s2"}})";

// Every byte of every tensor, and that the numbers about it fit together.
void read_all(const WeightsFile& file) {
  unsigned sum = 0;
  for (const TensorView& tensor : file.tensors()) {
    require(file.find(tensor.name) != nullptr, "a tensor is found by its name");
    require(tensor_bytes(tensor.dtype, tensor.shape) == tensor.bytes, "bytes fit the shape");
    const std::byte* data = tensor.data();
    for (int64_t i = 0; i < tensor.bytes; ++i) {
      sum += static_cast<unsigned>(data[i]);
    }
    tensor.release();
  }
  asm volatile("" : : "r"(sum));  // the bytes are really read
}

std::string data_bytes() {
  return std::string(kDataBytes, 'd');
}

// Storages for the pickles: short ones of every element size.
std::vector<std::pair<std::string, std::string>> storages() {
  return {{"0", "aabbccddeeff"}, {"1", "ffff"}, {"2", std::string(64, 'x')}};
}

}  // namespace

int fuzz_safetensors(const uint8_t* data, size_t size) {
  static const ScratchFolder folder;
  const auto path = folder.write("m", text_of(data, size));
  return check_reader([&] { read_all(SafetensorsFile::open(path)); });
}

int fuzz_safetensors_header(const uint8_t* data, size_t size) {
  const std::string file = raw_safetensors(text_of(data, size), data_bytes());
  return fuzz_safetensors(reinterpret_cast<const uint8_t*>(file.data()), file.size());
}

int fuzz_index(const uint8_t* data, size_t size) {
  static const ScratchFolder& folder = [&]() -> const ScratchFolder& {
    static const ScratchFolder made;
    made.write("config.json", "{}");
    testing::write_vectors(made.path() / "s1", {"a", "b"});
    testing::write_vectors(made.path() / "s2", {"c", "d"});
    return made;
  }();
  folder.write("model.safetensors.index.json", text_of(data, size));
  return check_reader([&] {
    const Checkpoint checkpoint = Checkpoint::open(folder.path());
    for (const std::string& name : checkpoint.names()) {
      require(checkpoint.at(name).bytes == 16, "only tensors of the shards are there");
    }
  });
}

int fuzz_torch_file(const uint8_t* data, size_t size) {
  static const ScratchFolder folder;
  const auto path = folder.write("m", text_of(data, size));
  return check_reader([&] { read_all(TorchFile::open(path)); });
}

int fuzz_pickle(const uint8_t* data, size_t size) {
  const std::string file = torch_file(std::string(text_of(data, size)), storages());
  return fuzz_torch_file(reinterpret_cast<const uint8_t*>(file.data()), file.size());
}

std::vector<std::string> seeds_safetensors_header() {
  return {std::string(kHeader), R"({"w":{"dtype":"U8","shape":[40],"data_offsets":[0,40]}})"};
}

std::vector<std::string> seeds_safetensors() {
  return {raw_safetensors(kHeader, data_bytes()), raw_safetensors("{}", "")};
}

std::vector<std::string> seeds_index() {
  return {std::string(kIndex), R"({"weight_map":{"c":"s2"}})"};
}

std::vector<std::string> seeds_pickle() {
  const std::string shorts = pickle::storage("ShortStorage", "0", 6);
  const std::string floats = pickle::storage("FloatStorage", "1", 1);
  const std::string untyped = pickle::tuple({pickle::text("storage"),
                                             pickle::global("torch.storage", "UntypedStorage"),
                                             pickle::text("2"),
                                             pickle::text("cuda:0"),
                                             pickle::number(64)}) +
                              "Q";
  const std::string with_dtype = pickle::call(pickle::global("torch._utils", "_rebuild_tensor_v3"),
                                              {untyped,
                                               pickle::number(1),
                                               pickle::numbers({2, 3}),
                                               pickle::numbers({1, 2}),
                                               "\x89",
                                               pickle::ordered_dict(),
                                               pickle::global("torch", "float64")});
  const std::string state_dict =
      pickle::ordered_dict() + "q\1(" + pickle::text("w") +
      pickle::tensor(shorts, 0, {3, 2}, {2, 1}) + "q\2" + pickle::text("tied") + "h\2" +
      pickle::text("t") + pickle::tensor(shorts, 0, {2, 3}, {1, 2}) + pickle::text("p") +
      pickle::parameter(pickle::tensor(floats, 0, {}, {})) + pickle::text("d") + with_dtype + "u}" +
      pickle::text("_metadata") + pickle::ordered_dict() + "sb";
  const std::string nested =
      pickle::dict({{pickle::text("epoch"), pickle::number(1) + "r" + testing::le<uint32_t>(1)},
                    {pickle::text("model"),
                     pickle::dict({{pickle::text("w"), pickle::tensor(floats, 0, {1}, {1})}})},
                    {pickle::text("list"), "](" + pickle::number(-70000) + "N\x88G12345678e"}});
  return {pickle::whole(state_dict), pickle::whole(nested)};
}

std::vector<std::string> seeds_torch_file() {
  std::vector<std::string> files;
  for (const std::string& text : seeds_pickle()) {
    const auto records = testing::torch_records(text, storages());
    files.push_back(testing::zip(records));
    files.push_back(testing::zip(records, {.zip64 = true, .alignment = 8}));
  }
  return files;
}

}  // namespace linscan::fuzz
