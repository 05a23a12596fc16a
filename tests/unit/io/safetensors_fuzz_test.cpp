// Seeded mutations of small valid files: whatever the bytes are, a file opens or throws
// linscan::Error, and an opened one can be read to its last byte. Worth most in a build with
// LINSCAN_SANITIZE.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "linscan/io/checkpoint.h"
#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan {
namespace {

using testing::raw_safetensors;
using testing::TemporaryFolder;

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  // One to four changes: of bits, of pieces, and of whole JSON tokens.
  std::string operator()(std::string text) {
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      change(text);
    }
    return text;
  }

  // A number from 0 to limit - 1.
  size_t below(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

 private:
  void change(std::string& text) {
    static constexpr std::array<std::string_view, 24> kTokens = {"{",
                                                                 "}",
                                                                 "[",
                                                                 "]",
                                                                 ",",
                                                                 ":",
                                                                 "\"",
                                                                 "\\",
                                                                 "0",
                                                                 "-1",
                                                                 "1e3",
                                                                 "null",
                                                                 "true",
                                                                 "\"F8_E4M3\"",
                                                                 "\"shape\"",
                                                                 "\"__metadata__\"",
                                                                 "18446744073709551615",
                                                                 "9223372036854775807",
                                                                 "4294967296",
                                                                 "\xff",
                                                                 "\\u0000",
                                                                 "\\ud800",
                                                                 "[[[[[[[[",
                                                                 "{\"a\":"};
    const size_t at = below(text.size() + 1);
    const size_t bytes = std::min(text.size() - at, below(12));
    switch (below(7)) {
      case 0:
        if (at < text.size()) {
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        }
        break;
      case 1:
        text.erase(at, bytes);
        break;
      case 2:
        text.insert(at, text.substr(below(text.size() + 1), below(24)));
        break;
      case 3:
        text.replace(at, bytes, kTokens[below(kTokens.size())]);
        break;
      case 4:
        replace_number(text, at);
        break;
      case 5:
        text.insert(at, 1, static_cast<char>(below(256)));
        break;
      case 6:
        text.resize(below(4) == 0 ? at : text.size());
        break;
      default:
        break;
    }
  }

  // The next run of digits at or after `at` becomes another number.
  void replace_number(std::string& text, size_t at) {
    constexpr std::string_view kDigits = "0123456789";
    const size_t begin = text.find_first_of(kDigits, at);
    if (begin != std::string::npos) {
      const size_t end = std::min(text.find_first_not_of(kDigits, begin), text.size());
      text.replace(begin, end - begin, std::to_string(below(4) == 0 ? random_() : below(40)));
    }
  }

  std::mt19937_64 random_;
};

int64_t read_all(const SafetensorsFile& file) {
  int64_t sum = 0;
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(tensor.elements() * item_size(tensor.dtype), tensor.bytes);
    for (int64_t i = 0; i < tensor.bytes; ++i) {
      sum += static_cast<int64_t>(tensor.data()[i]);
    }
  }
  return sum;
}

constexpr std::string_view kHeader =
    R"({"__metadata__":{"format":"pt","lm_head.weight":"embed"},"embed":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("norm":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"empty":{"dtype":"I8","shape":[0,7],"data_offsets":[32,32]},)"
    R"("scale":{"dtype":"F64","shape":[],"data_offsets":[32,40]}}   )";

TEST(SafetensorsFile, MutatedFile_OpensOrThrowsError) {
  const TemporaryFolder folder;
  Mutator mutate(20260101);
  const std::string data(40, 'd');
  int opened = 0;
  for (int i = 0; i < 6000; ++i) {
    // Every other time only the header changes and its length is right, so that the mutation gets
    // past it.
    const std::string content = i % 2 == 0 ? mutate(raw_safetensors(kHeader, data))
                                           : raw_safetensors(mutate(std::string(kHeader)), data);
    const auto path = folder.write("m", content);
    try {
      read_all(SafetensorsFile::open(path));
      ++opened;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
      EXPECT_LT(std::string_view(error.what()).size(), 2000u);
    }
  }
  EXPECT_GT(opened, 0);
  EXPECT_LT(opened, 3000);
}

TEST(Checkpoint, MutatedIndexAndConfig_OpensOrThrowsError) {
  const TemporaryFolder folder;
  testing::write_vectors(folder / "s1", {"a", "b"});
  testing::write_vectors(folder / "s2", {"c"});
  constexpr std::string_view kIndexText =
      R"({"metadata":{"total_size":48},"weight_map":{"a":"s1","b":"s1","c":"s2"}})";
  constexpr std::string_view kConfigText =
      R"({"architectures":["LlamaForCausalLM"],"quantization_config":null,"text_config":{"a":1},"eps":1e-6})";
  Mutator mutate(20260102);
  int opened = 0;
  for (int i = 0; i < 3000; ++i) {
    folder.write("model.safetensors.index.json",
                 i % 3 == 0 ? std::string(kIndexText) : mutate(std::string(kIndexText)));
    folder.write("config.json",
                 i % 3 != 0 ? std::string(kConfigText) : mutate(std::string(kConfigText)));
    try {
      const Checkpoint checkpoint = Checkpoint::open(folder.path());
      EXPECT_EQ(checkpoint.names().size(), 3u);
      ++opened;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
    }
  }
  EXPECT_GT(opened, 0);
}

}  // namespace
}  // namespace linscan
