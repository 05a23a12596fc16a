#include "linscan/text/corpus.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "text_testing.h"

namespace linscan {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::vector<std::string> read_all(const std::filesystem::path& file,
                                  const std::string& field = "text") {
  CorpusReader reader({file}, field);
  std::vector<std::string> records;
  while (auto record = reader.next()) records.push_back(*record);
  return records;
}

const std::string kLines =
    "{\"text\": \"one\", \"n\": 1}\r\n\n{\"id\": {\"text\": \"inner\"}, \"text\": "
    "\"tw\\u00f6\"}\n{\"text\": \"\"}";
const std::vector<std::string> kRecords{"one", "tw\xC3\xB6", ""};

TEST(Corpus, JsonLines_InEveryPacking) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_all(folder.write("a.jsonl", kLines)), kRecords);
  EXPECT_EQ(read_all(folder.write("a.json", kLines)), kRecords);
  EXPECT_EQ(read_all(folder.write("a.jsonl.gz", gzip(kLines))), kRecords);
  EXPECT_EQ(
      read_all(folder.write("a.json.gz", gzip(kLines.substr(0, 10)) + gzip(kLines.substr(10)))),
      kRecords);
  EXPECT_EQ(
      read_all(folder.write("a.jsonl.zst", zstd(kLines.substr(0, 30)) + zstd(kLines.substr(30)))),
      kRecords);
}

TEST(Corpus, TextFile_IsOneRecord) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_all(folder.write("a.txt", "one\ntwo\n")),
            (std::vector<std::string>{"one\ntwo\n"}));
}

TEST(Corpus, DocumentSeparator_CutsTextFilesIntoRecords) {
  const TemporaryFolder folder;
  const std::string text = "<|e|>\none\n\ntwo\n<|e|>\n\n<|e|>\r\n\n a <|e|> b \n\n<|e|>\nend";
  const auto file = folder.write("a.txt", text);
  CorpusReader reader({file}, "text", "<|e|>");
  std::vector<std::string> records;
  while (auto record = reader.next()) records.push_back(*record);
  EXPECT_EQ(records, (std::vector<std::string>{"one\n\ntwo", " a <|e|> b ", "end"}));
  EXPECT_EQ(reader.bytes_read(), static_cast<int64_t>(text.size()));
}

TEST(Corpus, BytesRead_AreThoseOfThePackedFiles) {
  const TemporaryFolder folder;
  const std::string packed = gzip(kLines);
  CorpusReader reader({folder.write("a.jsonl.gz", packed), folder.write("b.txt", "abc")});
  EXPECT_EQ(reader.bytes_read(), 0);
  while (reader.next()) {
  }
  EXPECT_EQ(reader.bytes_read(), static_cast<int64_t>(packed.size()) + 3);
}

TEST(Corpus, LongLines_CrossBuffers) {
  const TemporaryFolder folder;
  const std::string text(1000000, 'x');
  EXPECT_EQ(
      read_all(folder.write("a.jsonl", "{\"text\": \"" + text + "\"}\n{\"text\": \"end\"}\n")),
      (std::vector<std::string>{text, "end"}));
}

TEST(Corpus, OtherField_IsChosenByName) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_all(folder.write("a.jsonl", R"({"text": 3, "body": "b"})"), "body"),
            (std::vector<std::string>{"b"}));
}

TEST(Corpus, BrokenLines_NameFileAndLine) {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& name, const std::string& content) {
    read_all(folder.write(name, content));
  };
  EXPECT_ERROR_WITH(read("a.jsonl", "{\"text\": \"x\"}\n{\"text\": "), "a.jsonl:2: not valid JSON");
  EXPECT_ERROR_WITH(read("a.jsonl", "[1]\n"), "a.jsonl:1: expected a JSON object");
  EXPECT_ERROR_WITH(read("a.jsonl", "\n\n{\"txt\": \"x\"}\n"), "a.jsonl:3: no field \"text\"");
  EXPECT_ERROR_WITH(read("a.jsonl", "{\"text\": 5}\n"),
                    "a.jsonl:1: \"text\": expected a string, got a number");
  EXPECT_ERROR_WITH(read("a.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n"), "appears twice");
  EXPECT_ERROR_WITH(read("a.jsonl", "{\"text\": \"\xFF\"}\n"), "not valid JSON");
  EXPECT_ERROR_WITH(read("a.jsonl", "{\"x\": " + std::string(10000, '[')), "nested deeper");
}

TEST(Corpus, CorruptPacking_IsOneError) {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& name, const std::string& content) {
    read_all(folder.write(name, content));
  };
  const std::string packed = gzip(kLines);
  EXPECT_ERROR_WITH(read("a.jsonl.gz", packed.substr(0, packed.size() - 9)),
                    "the gzip data ends too early");
  EXPECT_ERROR_WITH(read("a.jsonl.gz", "plain text"), "corrupt gzip data");
  EXPECT_ERROR_WITH(read("a.jsonl.gz", ""), "ends too early");
  std::string changed = packed;
  changed[changed.size() - 6] = static_cast<char>(changed[changed.size() - 6] ^ 1);  // the checksum
  EXPECT_ERROR_WITH(read("a.jsonl.gz", changed), "corrupt gzip data");
  const std::string z = zstd(kLines);
  EXPECT_ERROR_WITH(read("a.jsonl.zst", z.substr(0, z.size() - 5)), "the zstd data ends too early");
  EXPECT_ERROR_WITH(read("a.jsonl.zst", "plain text"), "corrupt zstd data");
}

TEST(Corpus, WrongFiles_AreRefusedAtOnce) {
  const TemporaryFolder folder;
  EXPECT_ERROR_WITH(CorpusReader({folder.path() / "none.txt"}), "no such file");
  EXPECT_ERROR_WITH(CorpusReader({folder.write("a.pdf", "x")}), "unknown kind of data file");
  EXPECT_ERROR_WITH(CorpusReader({folder.write("a.i32", "abcd")}), "holds token ids");
}

}  // namespace
}  // namespace linscan
