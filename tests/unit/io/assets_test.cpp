// Checkpoints as they are published, when they are there: LINSCAN_ASSETS, or ../shared/assets
// beside the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "linscan/io/safetensors.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

fs::path assets() {
  const char* folder = std::getenv("LINSCAN_ASSETS");
  return folder != nullptr ? fs::path(folder) : fs::path(LINSCAN_SOURCE_DIR) / "../shared/assets";
}

TEST(Assets, EverySafetensorsFile_Opens) {
  if (!fs::is_directory(assets())) {
    GTEST_SKIP() << "no assets; set LINSCAN_ASSETS";
  }
  int opened = 0;
  for (const auto& entry : fs::recursive_directory_iterator(assets())) {
    if (entry.path().extension() == ".safetensors") {
      EXPECT_FALSE(SafetensorsFile::open(entry.path()).tensors().empty()) << entry.path();
      ++opened;
    }
  }
  if (opened == 0) {
    GTEST_SKIP() << "no .safetensors file among the assets";
  }
}

TEST(Assets, TinyStories_HasItsTensorsAndDigest) {
  const fs::path folder = assets() / "models/tinystories-656k-llama";
  if (!fs::is_directory(folder)) {
    GTEST_SKIP() << "no models/tinystories-656k-llama among the assets; set LINSCAN_ASSETS";
  }
  const Checkpoint checkpoint = Checkpoint::open(folder);
  EXPECT_EQ(checkpoint.names().size(), 20u);
  EXPECT_EQ(checkpoint.at("lm_head.weight").shape, (std::vector<int64_t>{2048, 128}));
  EXPECT_EQ(checkpoint.metadata().at("model.embed_tokens.weight"), "lm_head.weight");
  EXPECT_EQ(checkpoint.total_bytes(), 2624000);
  // Computed with Python's hashlib from the definition in the header.
  EXPECT_EQ(checkpoint.weights_sha256(),
            "ca295f8a89025c95ed556a435add58b43351ecc2a5a3289fe096ae406e7d13d0");
}

}  // namespace
}  // namespace linscan
