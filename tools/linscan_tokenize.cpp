// linscan tokenize MODEL --data F...: token ids of texts, one JSON array per record.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "common/run_main.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/text/corpus.h"
#include "linscan/text/tokenizer.h"
#include "linscan/text/utf8.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model;
  std::vector<std::string> data;
  std::string text_field = "text";
  bool no_special = false;
  bool count = false;
};

// Writes records to standard output in large blocks.
class Output {
 public:
  void write_ids(const std::vector<int32_t>& ids) {
    buffer_.push_back('[');
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) buffer_.push_back(',');
      const fmt::format_int digits(ids[i]);
      buffer_.append(digits.data(), digits.size());
      if (buffer_.size() >= kBlock) flush();
    }
    buffer_ += "]\n";
  }

  void write_count(size_t count) {
    buffer_ += std::to_string(count);
    buffer_.push_back('\n');
  }

  void flush() {
    const size_t written = std::fwrite(buffer_.data(), 1, buffer_.size(), stdout);
    LINSCAN_CHECK(written == buffer_.size() && std::fflush(stdout) == 0,
                  kInput,
                  "standard output cannot be written");
    buffer_.clear();
  }

 private:
  static constexpr size_t kBlock = size_t{1} << 16;
  std::string buffer_;
};

void run(const Options& options) {
  const std::vector<fs::path> files(options.data.begin(), options.data.end());
  linscan::CorpusReader reader(files, options.text_field);
  const auto tokenizer = linscan::Tokenizer::load(options.model);
  Output output;
  int64_t invalid = 0;
  while (const auto text = reader.next()) {
    linscan::check_interrupt();
    invalid += linscan::count_invalid_utf8(*text);
    const std::vector<int32_t> ids = tokenizer.encode(*text, !options.no_special);
    if (options.count) {
      output.write_count(ids.size());
    } else {
      output.write_ids(ids);
    }
    output.flush();
  }
  if (invalid > 0) linscan::log::warn("{} ill-formed UTF-8 sequences were read as U+FFFD", invalid);
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app("linscan-tokenize",
                              "Token ids of texts: one JSON array per record on standard output.",
                              "linscan tokenize path/to/gpt2 --data corpus.jsonl.gz --no-special");
  Options options;
  CLI::App& cli = app.cli();
  cli.add_option("MODEL", options.model, "Checkpoint folder; its tokenizer files are enough")
      ->required()
      ->group("Model");
  cli.add_option("--data",
                 options.data,
                 "Text files: .txt is one record, .jsonl (also .gz, .zst) one record a line")
      ->required()
      ->type_name("FILE...")
      ->group("Data");
  cli.add_option("--text-field", options.text_field, "Member of each JSON line that holds the text")
      ->type_name("NAME")
      ->group("Data");
  cli.add_flag("--no-special",
               options.no_special,
               "Leave out the tokens that the model puts around a text (BOS, ..)")
      ->group("Method");
  cli.add_flag(
         "--count", options.count, "Print the number of tokens of each record instead of the ids")
      ->group("Output");
  return app.run(argc, argv, [&] { run(options); });
}
