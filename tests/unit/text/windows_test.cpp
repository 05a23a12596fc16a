#include "linscan/text/windows.h"

#include <gtest/gtest.h>

#include "linscan/base/digest.h"
#include "text_testing.h"

namespace linscan {
namespace {

template <typename Id>
std::string raw(const std::vector<Id>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(Id)};
}

TEST(Windows, RawIds_OneDocumentAFile) {
  const TemporaryFolder folder;
  const auto a = folder.write("a.i32", raw<int32_t>({1, 2, 3, 4, 5}));
  const auto b = folder.write("b.u16", raw<uint16_t>({6, 7}));
  const TokenWindows windows = read_windows({a, b}, nullptr, 8, {.max_tokens = 100, .context = 2});
  EXPECT_EQ(windows.ids, (Ids{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(windows.documents, 2);
  ASSERT_EQ(windows.windows.size(), 4u);
  EXPECT_EQ(windows.windows[2].offset, 4);
  EXPECT_EQ(windows.windows[2].length, 1);
  EXPECT_EQ(windows.windows[3].document, 1);
  EXPECT_EQ(windows.files, (std::vector<std::string>{a.string(), b.string()}));
}

TEST(Windows, Digest_IsOfIdsAndBoundaries) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.i32", raw<int32_t>({1, 2, 3}));
  Sha256 expected;
  expected.update(raw<int32_t>({1, 2, 3}));
  expected.update(raw<int64_t>({0}));
  expected.update(raw<int32_t>({2, 0}));
  expected.update(raw<int64_t>({2}));
  expected.update(raw<int32_t>({1, 0}));
  EXPECT_EQ(read_windows({file}, nullptr, 8, {.max_tokens = 9, .context = 2}).sha256,
            expected.finish());
}

TEST(Windows, Budget_IsExact) {
  const TemporaryFolder folder;
  const auto a = folder.write("a.i32", raw<int32_t>({1, 2, 3, 4, 5}));
  const Tokenizer tokenizer = load_json(tiny_json());
  const auto b = folder.write(
      "b.jsonl",
      "{\"text\": \"abcabc\"}\n{\"text\": \"\"}\n{\"text\": \"acb\"}\nbroken, but never read");
  EXPECT_EQ(read_windows({a}, nullptr, 8, {.max_tokens = 3, .context = 2}).ids, (Ids{1, 2, 3}));
  const TokenWindows windows = read_windows({b}, &tokenizer, 8, {.max_tokens = 4, .context = 8});
  EXPECT_EQ(windows.ids, (Ids{5, 5, 1, 3}));
  EXPECT_EQ(windows.documents, 2);
}

TEST(Windows, InvalidUtf8_IsCounted) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = load_json(tiny_json());
  EXPECT_EQ(
      read_windows(
          {folder.write("a.txt", "a\xFF\xFE")}, &tokenizer, 8, {.max_tokens = 9, .context = 8})
          .invalid_utf8,
      2);
}

TEST(Windows, BadInput_IsRefused) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = load_json(tiny_json());
  const WindowOptions options{.max_tokens = 10, .context = 4};
  EXPECT_ERROR_WITH(read_windows({folder.write("a.i32", "12345")}, nullptr, 8, options),
                    "5 bytes are not a whole number of 4-byte ids");
  EXPECT_ERROR_WITH(
      read_windows({folder.write("b.i32", raw<int32_t>({1, 8}))}, nullptr, 8, options),
      "token 1 has id 8");
  EXPECT_ERROR_WITH(read_windows({folder.write("c.i32", raw<int32_t>({-1}))}, nullptr, 8, options),
                    "id -1");
  EXPECT_ERROR_WITH(read_windows({folder.write("d.u16", "")}, nullptr, 8, options),
                    "no tokens at all");
  EXPECT_ERROR_WITH(read_windows({folder.write("e.txt", "")}, &tokenizer, 8, options),
                    "no tokens at all");
  EXPECT_ERROR_WITH(read_windows({folder.write("f.txt", "abc")}, nullptr, 8, options),
                    "text needs the model's tokenizer");
  EXPECT_ERROR_WITH(read_windows({folder.write("g.txt", "abc")}, &tokenizer, 5, options), "id 5");
  EXPECT_ERROR_WITH(read_windows({folder.path() / "none.txt"}, &tokenizer, 8, options),
                    "no such file");
}

TEST(PaperChunks, Chunks_DoNotOverlapAndRepeat) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>('a' + i % 3);
  const auto file = folder.write("a.txt", text);
  const Tokenizer tokenizer =
      load_json(R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}})");
  const PaperChunkOptions options{.seed = 4, .context = 512, .chunks = 20, .characters = 100};
  const TokenWindows windows = read_paper_chunks({file}, tokenizer, 3, options);
  EXPECT_EQ(windows.windows.size(), 20u);
  EXPECT_EQ(windows.documents, 20);
  for (const Window& window : windows.windows) EXPECT_EQ(window.length, 100);
  EXPECT_EQ(read_paper_chunks({file}, tokenizer, 3, options).sha256, windows.sha256);
  EXPECT_NE(read_paper_chunks(
                {file}, tokenizer, 3, {.seed = 5, .context = 512, .chunks = 20, .characters = 100})
                .sha256,
            windows.sha256);
}

// With exactly as many characters as are needed the chunks are the text itself, whatever the seed.
TEST(PaperChunks, ExactFit_IsTheWholeText) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.txt",
                                 "abcab\xC3\xA9"
                                 "abcabc");
  const Tokenizer tokenizer = load_json(
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "é": 3}, "merges": []}})");
  const TokenWindows windows = read_paper_chunks(
      {file}, tokenizer, 4, {.seed = 9, .context = 2, .chunks = 4, .characters = 3});
  EXPECT_EQ(windows.ids, (Ids{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_ERROR_WITH(
      read_paper_chunks({file}, tokenizer, 4, {.context = 8, .chunks = 5, .characters = 3}),
      "need 15");
}

}  // namespace
}  // namespace linscan
