#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "linscan/base/digest.h"
#include "linscan/io/checkpoint.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan {
namespace {

using testing::expect_error;
using testing::raw_safetensors;
using testing::TemporaryFolder;
using testing::write_vectors;

std::string sha256(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.finish();
}

// a: U8 [2,1] = "xy", b: I16 [] = "zz"; `metadata` changes nothing but the file.
void write_single(const TemporaryFolder& folder) {
  folder.write("config.json", "{}");
  folder.write(
      "model.safetensors",
      raw_safetensors(
          R"({"a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},"b":{"dtype":"I16","shape":[],"data_offsets":[2,4]}})",
          "xyzz"));
}

void write_sharded(const TemporaryFolder& folder) {
  folder.write("config.json", R"({"other":"config"})");
  folder.write("s1",
               raw_safetensors(R"({"b":{"dtype":"I16","shape":[],"data_offsets":[0,2]}} )", "zz"));
  folder.write("s2",
               raw_safetensors(R"({"a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}})", "xy"));
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"s2","b":"s1"}})");
}

TEST(WeightsDigest, SmallCheckpoint_IsAsDefined) {
  using namespace std::string_literals;
  const TemporaryFolder folder;
  write_single(folder);
  const std::string a = sha256("a\0U8\0002,1\0xy"s);
  const std::string b = sha256("b\0I16\0\0zz"s);
  EXPECT_EQ(Checkpoint::open(folder.path()).weights_sha256(),
            sha256(fmt::format("a {}\nb {}\n", a, b)));
}

TEST(WeightsDigest, OrderAndSharding_DoNotMatter) {
  const TemporaryFolder single;
  const TemporaryFolder sharded;
  write_single(single);
  write_sharded(sharded);
  EXPECT_EQ(Checkpoint::open(single.path()).weights_sha256(),
            Checkpoint::open(sharded.path()).weights_sha256());
}

TEST(WeightsDigest, AnyChange_ChangesIt) {
  const auto digest_of = [](std::string_view header, std::string_view data) {
    const TemporaryFolder folder;
    folder.write("config.json", "{}");
    folder.write("model.safetensors", raw_safetensors(header, data));
    return Checkpoint::open(folder.path()).weights_sha256();
  };
  const std::vector<std::string> digests = {
      digest_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy"),
      digest_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xz"),
      digest_of(R"({"a":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}})", "xy"),
      digest_of(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}})", "xy"),
      digest_of(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy"),
      digest_of("{}", "")};
  for (size_t i = 0; i < digests.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_NE(digests[i], digests[j]) << i << " and " << j;
    }
  }
}

TEST(WeightsDigest, TensorsAddedFromThreads_GiveTheSame) {
  const TemporaryFolder folder;
  folder.write("config.json", "{}");
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back(fmt::format("w{}", i));
  }
  write_vectors(folder / "model.safetensors", names, 256);
  const Checkpoint checkpoint = Checkpoint::open(folder.path());
  WeightsDigest digest;
  std::vector<std::thread> threads;
  for (size_t first = 0; first < 3; ++first) {
    threads.emplace_back([&, first] {
      for (size_t i = first; i < 150; i += first == 2 ? 1 : 2) {
        digest.add(checkpoint.at(names[i]));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_TRUE(digest.has("w0"));
  EXPECT_FALSE(digest.has("w199"));
  EXPECT_EQ(digest.finish(checkpoint), checkpoint.weights_sha256());
}

TEST(WeightsDigest, TensorOfAnotherCheckpoint_IsInternalError) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  write_single(folder);
  other.write("config.json", "{}");
  write_vectors(other / "model.safetensors", {"stranger"});
  WeightsDigest digest;
  digest.add(Checkpoint::open(other.path()).at("stranger"));
  expect_error(ErrorKind::kInternal, {"\"stranger\""}, [&] {
    digest.finish(Checkpoint::open(folder.path()));
  });
}

}  // namespace
}  // namespace linscan
