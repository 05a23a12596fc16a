#include "linscan/text/shards.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <csignal>
#include <set>

#include "linscan/base/digest.h"
#include "linscan/base/interrupt.h"
#include "linscan/text/window_order.h"
#include "text_testing.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

template <typename Id>
std::string raw(const std::vector<Id>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(Id)};
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = content(file);
  const size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  std::ofstream(file, std::ios::binary) << text.replace(at, from.size(), to);
}

Ids all_ids(const TokenShards& shards) {
  Ids ids(static_cast<size_t>(shards.tokens()));
  shards.copy(0, std::span<int32_t>(ids));
  return ids;
}

// A tokenizer of tiny_json(): "abc" is 5, "a" 1, "b" 2, "c" 3, "<s>" 0.
class Shards : public testing::Test {
 protected:
  Shards() {
    folder_.write("tokenizer.json", tiny_json());
    tokenizer_.emplace(Tokenizer::load(folder_.path()));
  }

  ShardRequest request(std::vector<fs::path> inputs) const {
    return {.inputs = std::move(inputs),
            .tokenizer = &*tokenizer_,
            .eos = 0,
            .shard_tokens = 4,
            .vocabulary_size = 8};
  }
  fs::path lines() const {
    return folder_.write(
        "a.jsonl",
        "{\"text\": \"abcab\"}\n{\"text\": \"\"}\n{\"text\": \"c\"}\n{\"text\": \"aabc\"}");
  }
  // Three documents, 5 4 0 | 3 0 | 1 5 0, in two shards.
  fs::path written() const {
    const fs::path out = folder_.path() / "out";
    write_shards(request({lines()}), out);
    return out;
  }

  TemporaryFolder folder_;
  std::optional<Tokenizer> tokenizer_;
};

TEST_F(Shards, Text_BecomesOneStream) {
  const TokenShards shards = TokenShards::open(written());
  EXPECT_EQ(all_ids(shards), (Ids{5, 4, 0, 3, 0, 1, 5, 0}));
  EXPECT_EQ(shards.documents(), 3);
  EXPECT_EQ(shards.highest_id(), 5);
  EXPECT_EQ(content(shards.folder() / "shard-00000.bin"), raw<uint16_t>({5, 4, 0, 3}));
  EXPECT_EQ(content(shards.folder() / "shard-00001.bin"), raw<uint16_t>({0, 1, 5, 0}));
  EXPECT_FALSE(fs::exists(shards.folder() / "shard-00002.bin"));
  EXPECT_EQ(shards.document_begin(1), 3);
  EXPECT_EQ(shards.document_begin(3), 8);
  EXPECT_EQ(shards.tokenizer_sha256(), tokenizer_digest(*tokenizer_));
  EXPECT_EQ(shards.sha256(), sha256_of_file(shards.folder() / "shards.json"));
}

TEST_F(Shards, Copy_AnyStretchInBothWidths) {
  const TokenShards shards = TokenShards::open(written());
  const Ids all = all_ids(shards);
  for (int64_t first = 0; first <= 8; ++first) {
    for (int64_t count = 0; count <= 8 - first; ++count) {
      std::vector<int64_t> wide(static_cast<size_t>(count));
      shards.copy(first, std::span<int64_t>(wide));
      EXPECT_EQ(wide, std::vector<int64_t>(all.begin() + first, all.begin() + first + count));
    }
  }
  Ids out(2);
  EXPECT_ERROR_WITH(shards.copy(7, std::span<int32_t>(out)), "of 8 were asked for");
  EXPECT_ERROR_WITH(shards.copy(-1, std::span<int32_t>(out)), "of 8 were asked for");
}

TEST_F(Shards, BoundaryTokens_StandAroundTextOnly) {
  ShardRequest wanted = request({lines(), folder_.write("b.u16", raw<uint16_t>({7, 7}))});
  wanted.bos = 6;
  wanted.eos.reset();
  const fs::path out = folder_.path() / "bos";
  write_shards(wanted, out);
  EXPECT_EQ(all_ids(TokenShards::open(out)), (Ids{6, 5, 4, 6, 3, 6, 1, 5, 7, 7}));
}

TEST_F(Shards, WideIds_TakeFourBytes) {
  ShardRequest wanted = request({folder_.write("b.i32", raw<int32_t>({70000, 1}))});
  wanted.vocabulary_size = 70001;
  const fs::path out = folder_.path() / "wide";
  const TokenShards shards = open_or_write_shards(wanted, out);
  EXPECT_EQ(all_ids(shards), (Ids{70000, 1}));
  EXPECT_EQ(fs::file_size(out / "shard-00000.bin"), 8u);
  EXPECT_ERROR_WITH(shards.require_vocabulary(70000), "highest token id is 70000");
}

TEST_F(Shards, Threads_DoNotChangeTheResult) {
  std::string text;
  for (int i = 0; i < 20000; ++i) {
    text += "{\"text\": \"" + std::string(static_cast<size_t>(i % 700 + 1), "abc"[i % 3]) + "\"}\n";
  }
  ShardRequest wanted = request({folder_.write("big.jsonl", text)});
  wanted.shard_tokens = 1 << 20;
  wanted.threads = 1;
  write_shards(wanted, folder_.path() / "one");
  wanted.threads = 5;
  write_shards(wanted, folder_.path() / "five");
  EXPECT_EQ(content(folder_.path() / "one" / "shards.json"),
            content(folder_.path() / "five" / "shards.json"));
  EXPECT_GT(TokenShards::open(folder_.path() / "five").tokens(), 6'000'000);
}

TEST_F(Shards, Separator_MakesDocumentsOfATextFile) {
  ShardRequest wanted = request({folder_.write("t.txt", "abc\n<|e|>\nab\n<|e|>\n")});
  write_shards(wanted, folder_.path() / "x");
  EXPECT_EQ(all_ids(TokenShards::open(folder_.path() / "x")), (Ids{5, 4, 0}));
  wanted.document_separator = "<|e|>";
  write_shards(wanted, folder_.path() / "y");
  EXPECT_EQ(all_ids(TokenShards::open(folder_.path() / "y")), (Ids{5, 0, 4, 0}));
}

TEST_F(Shards, Reuse_WhenTheRequestIsTheSame) {
  const fs::path out = written();
  const std::string before = content(out / "shards.json");
  const auto time = fs::last_write_time(out / "shard-00000.bin");
  EXPECT_EQ(open_or_write_shards(request({lines()}), out).tokens(), 8);
  const fs::path renamed = folder_.path() / "renamed.jsonl";
  fs::rename(lines(), renamed);
  ShardRequest larger = request({renamed});  // the model's vocabulary does not count
  larger.vocabulary_size = 100;
  EXPECT_EQ(open_or_write_shards(larger, out).tokens(), 8);
  EXPECT_EQ(content(out / "shards.json"), before);
  EXPECT_EQ(fs::last_write_time(out / "shard-00000.bin"), time);
}

TEST_F(Shards, OtherRequest_SaysWhatDiffers) {
  const fs::path out = written();
  ShardRequest wanted = request({lines()});
  wanted.eos.reset();
  wanted.text_field = "body";
  EXPECT_ERROR_WITH(
      open_or_write_shards(wanted, out),
      "text_field (there: \"text\", wanted: \"body\"), eos (there: 0, wanted: null); choose");
  EXPECT_ERROR_WITH(
      open_or_write_shards(request({folder_.write("other.jsonl", "{\"text\": \"a\"}")}), out),
      "inputs (the content of other.jsonl is another)");
  EXPECT_ERROR_WITH(open_or_write_shards(request({lines(), lines()}), out),
                    "inputs (there: 1, wanted: 2)");
  const Tokenizer other = load_json(tiny_json());  // its file is gone
  EXPECT_ERROR_WITH(TokenShards::open(out).require_tokenizer(other), "tokenizer.json");
}

TEST_F(Shards, OtherTokenizer_IsDetected) {
  const fs::path out = written();
  const TemporaryFolder elsewhere;
  elsewhere.write("tokenizer.json", tiny_json(R"(, "truncation": null)"));
  const Tokenizer other = Tokenizer::load(elsewhere.path());
  EXPECT_ERROR_WITH(TokenShards::open(out).require_tokenizer(other), "another tokenizer");
  EXPECT_NO_THROW(TokenShards::open(out).require_tokenizer(*tokenizer_));
  ShardRequest wanted = request({lines()});
  wanted.tokenizer = &other;
  EXPECT_ERROR_WITH(open_or_write_shards(wanted, out), "tokenizer (there: ");
  wanted.vocabulary_size = 6;
  EXPECT_ERROR_WITH(write_shards(wanted, folder_.path() / "x"),
                    "the tokenizer has 7 tokens, but the model's vocabulary has 6");
}

TEST_F(Shards, Split_IsAtADocument) {
  const TokenShards shards = TokenShards::open(written());
  const auto [training, held_out] = shards.split(0.34);  // two of three
  EXPECT_EQ(training.tokens, 3);
  EXPECT_EQ(held_out.first, 3);
  EXPECT_EQ(held_out.tokens, 5);
  EXPECT_ERROR_WITH(shards.split(0.7), "3 documents cannot be split");
  EXPECT_ERROR_WITH(shards.split(0), "between 0 and 1");
}

TEST_F(Shards, BadInput_LeavesNothing) {
  const auto refuse = [&](const ShardRequest& wanted, const std::string& part) {
    EXPECT_ERROR_WITH(write_shards(wanted, folder_.path() / "bad"), part);
    EXPECT_FALSE(fs::exists(folder_.path() / "bad"));
  };
  refuse(request({folder_.path() / "none.txt"}), "no such file");
  refuse(request({}), "no data files");
  refuse(request({folder_.write("e.txt", "")}), "no tokens at all");
  refuse(request({folder_.write("e.u16", "")}), "no tokens at all");
  refuse(request({folder_.write("o.i32", "12345")}),
         "5 bytes are not a whole number of 4-byte ids");
  refuse(request({folder_.write("n.i32", raw<int32_t>({1, -1}))}),
         "token 1 of the shards has id -1");
  refuse(request({folder_.write("h.u16", raw<uint16_t>({8}))}), "has id 8");
  refuse(request({folder_.write("j.jsonl", "{\"text\": \"a\"}\n{")}), "j.jsonl:2: not valid JSON");
  ShardRequest bare = request({lines()});
  bare.tokenizer = nullptr;
  refuse(bare, "text needs a tokenizer");
  ShardRequest outside = request({lines()});
  outside.eos = 8;
  refuse(outside, "has id 8");
  EXPECT_ERROR_WITH(write_shards(request({lines()}), folder_.path()), "exists and is not empty");
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry.path();
  }
}

TEST_F(Shards, DamagedFiles_AreOneError) {
  const fs::path out = written();
  const auto damaged = [&](const auto& damage) {
    const fs::path copy = folder_.path() / "copy";
    fs::remove_all(copy);
    fs::copy(out, copy);
    damage(copy);
    return copy;
  };
  const auto open = [&](const auto& damage) { return TokenShards::open(damaged(damage)); };
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::resize_file(f / "shard-00001.bin", 6); }),
                    "shard-00001.bin: has 6 bytes, but shards.json says 8");
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::resize_file(f / "shard-00000.bin", 0); }),
                    "shard-00000.bin: has 0 bytes");
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::remove(f / "shard-00000.bin"); }),
                    "shard-00000.bin");
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::resize_file(f / "documents.bin", 16); }),
                    "documents.bin: has 16 bytes");
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::remove(f / "shards.json"); }),
                    "no token shards");
  EXPECT_ERROR_WITH(open([](const fs::path& f) { fs::resize_file(f / "shards.json", 0); }),
                    "not valid JSON");
  // The right size, but other ids: found where they are read, and by verify().
  const fs::path changed = damaged([](const fs::path& f) {
    std::ofstream(f / "shard-00001.bin", std::ios::binary) << raw<uint16_t>({0, 1, 6, 0});
  });
  const TokenShards shards = TokenShards::open(changed);
  EXPECT_ERROR_WITH(all_ids(shards), "an id of 6 near token 0, but the highest is 5");
  EXPECT_ERROR_WITH(shards.verify(), "the content is not what was written");
  EXPECT_ERROR_WITH(open_or_write_shards(request({lines()}), changed), "shard-00001.bin");
  const fs::path moved = damaged([](const fs::path& f) {
    std::ofstream(f / "documents.bin", std::ios::binary) << raw<int64_t>({0, 900, -1});
  });
  EXPECT_ERROR_WITH(TokenShards::open(moved).document_begin(1), "begins at token 900 of 8");
  EXPECT_ERROR_WITH(TokenShards::open(moved).split(0.3), "begins at token -1");
}

TEST_F(Shards, HostileManifest_IsOneError) {
  const fs::path out = written();
  const std::string good = content(out / "shards.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::ofstream(out / "shards.json", std::ios::binary) << good;
    replace_in(out / "shards.json", from, to);
    return error_of([&] { TokenShards::open(out); });
  };
  const std::vector<std::array<std::string, 3>> cases{
      {"\"tokens\": 8", "\"tokens\": 9", "the shards hold 8 tokens in 3 documents, but 9 in 3"},
      {"\"tokens\": 8", "\"tokens\": -8", "$.tokens: expected a whole number"},
      {"\"tokens\": 8", "\"tokens\": 1e300", "$.tokens: expected a whole number"},
      {"\"tokens\": 4", "\"tokens\": 18446744073709551615", "$.shards[0].tokens: expected a whole"},
      {"\"tokens\": 4", "\"tokens\": 9007199254740992", "but 8 in 3 are claimed"},
      {"\"highest_id\": 5", "\"highest_id\": 65536", "from 0 to 65535"},
      {"\"u16\"", "\"f32\"", "expected u16 or u32"},
      {"\"shard-00000.bin\"", "\"../../etc/passwd\"", "expected \"shard-00000.bin\""},
      {"linscan.shards/1", "linscan.shards/2", "expected schema"},
      {"\"inputs\"", "\"in\"", "\"inputs\" is missing"},
      {"\"documents\": 3", "\"documents\": 0", "$.documents: expected a whole number from 1"},
  };
  for (const auto& [from, to, part] : cases) {
    EXPECT_NE(with(from, to).find(part), std::string::npos) << with(from, to);
  }
}

TEST_F(Shards, Interrupt_LeavesNothing) {
  // The flag cannot be taken back, so another process is interrupted.
  EXPECT_EXIT(
      {
        install_interrupt_handlers();
        std::raise(SIGINT);
        try {
          write_shards(request({lines()}), folder_.path() / "cut");
        } catch (const Interrupted&) {
          std::exit(fs::exists(folder_.path() / "cut") ? 1 : 42);
        }
      },
      testing::ExitedWithCode(42),
      "");
}

TEST(WindowOrder, Windows_PredictEveryTokenOnce) {
  const WindowOrder order({.first = 10, .tokens = 33}, 4, 7);
  EXPECT_EQ(order.windows(), 8);
  EXPECT_EQ(order.window_tokens(), 5);
  EXPECT_EQ(order.in_order(0), 10);
  EXPECT_EQ(order.in_order(7) + order.window_tokens(), 43);
  EXPECT_EQ(WindowOrder({.first = 0, .tokens = 36}, 4, 7).windows(), 8);
  EXPECT_EQ(WindowOrder({.first = 0, .tokens = 37}, 4, 7).windows(), 9);
}

TEST(WindowOrder, Epochs_ArePermutations) {
  for (const int64_t windows : {1, 2, 3, 5, 16, 17, 100, 4097}) {
    const WindowOrder order({.first = 0, .tokens = windows * 3 + 1}, 3, 11);
    ASSERT_EQ(order.windows(), windows);
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int64_t> seen;
      for (int64_t i = 0; i < windows; ++i) seen.insert(order.window(epoch * windows + i));
      EXPECT_EQ(static_cast<int64_t>(seen.size()), windows);
      EXPECT_EQ(*seen.begin(), 0);
      EXPECT_EQ(*seen.rbegin(), (windows - 1) * 3);
      EXPECT_EQ(order.epoch(epoch * windows + windows - 1), epoch);
    }
  }
}

TEST(WindowOrder, Order_IsPinned) {
  // Runs that are resumed must see what they would have seen on any platform and version.
  const WindowOrder order({.first = 0, .tokens = 11}, 1, 42);
  std::vector<int64_t> windows(20);
  for (int64_t i = 0; i < 20; ++i) windows[static_cast<size_t>(i)] = order.window(i);
  EXPECT_EQ(windows,
            (std::vector<int64_t>{1, 4, 7, 0, 6, 5, 8, 3, 9, 2, 3, 8, 2, 7, 9, 5, 6, 4, 0, 1}));
}

TEST(WindowOrder, Permutations_AreUniform) {
  // Every window at every place equally often, and every pair of neighbours too: chi-square over
  // seeds and epochs, far from its mean by chance once in 10^6.
  for (const int64_t windows : {3, 6, 7, 25}) {
    constexpr int kTrials = 20000;
    const auto count = static_cast<size_t>(windows);
    std::vector<double> places(count * count);
    std::vector<double> pairs(count * count);
    for (int trial = 0; trial < kTrials; ++trial) {
      const WindowOrder order(
          {.first = 0, .tokens = windows + 1}, 1, static_cast<uint64_t>(trial % 100));
      size_t before = 0;
      for (size_t i = 0; i < count; ++i) {
        const auto window =
            static_cast<size_t>(order.window(trial / 100 * windows + static_cast<int64_t>(i)));
        ++places[i * count + window];
        if (i > 0) ++pairs[before * count + window];
        before = window;
      }
    }
    const auto chi_square = [](double sum, double expected, double observed) {
      return sum + (observed - expected) * (observed - expected) / expected;
    };
    double by_place = 0;
    for (const double n : places) {
      by_place = chi_square(by_place, kTrials / static_cast<double>(windows), n);
    }
    double by_pair = 0;
    const double expected =
        kTrials * static_cast<double>(windows - 1) / static_cast<double>(windows * (windows - 1));
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (i % (count + 1) != 0) by_pair = chi_square(by_pair, expected, pairs[i]);
    }
    const auto limit = [](double freedom) { return freedom + 5 * std::sqrt(2 * freedom) + 15; };
    const auto n = static_cast<double>(windows);
    EXPECT_LT(by_place, limit((n - 1) * (n - 1))) << windows;
    EXPECT_LT(by_pair, limit(n * (n - 1) - 1)) << windows;
  }
}

TEST(WindowOrder, TooFewTokens_AreRefused) {
  EXPECT_ERROR_WITH(WindowOrder({.first = 0, .tokens = 4}, 4, 1), "windows of length 4 need 5");
  EXPECT_ERROR_WITH(WindowOrder({.first = 0, .tokens = 4}, 0, 1), "at least 1");
}

}  // namespace
}  // namespace linscan
