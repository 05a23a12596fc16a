// linscan train-tokenizer OUT --data F... --vocabulary N: a tokenizer of one's own text.
#include <filesystem>
#include <string>
#include <vector>

#include "common/run_main.h"
#include "linscan/text/tokenizer_training.h"

namespace {

struct Options {
  std::string output;
  std::vector<std::string> data;
  std::string kind = "bpe";
  int64_t sample_mebibytes = 256;
  bool joined_digits = false;
  bool force = false;
  linscan::TokenizerTraining training;
};

void add_options(CLI::App& cli, Options& options) {
  linscan::TokenizerTraining& training = options.training;
  cli.add_option(
         "OUT", options.output, "Folder to write: tokenizer.json and what HF needs beside it")
      ->required()
      ->group("Output");
  cli.add_flag("--force", options.force, "Replace the files of an existing folder")
      ->group("Output");
  cli.add_option("--data", options.data, "Text files: .txt, .jsonl (also .gz, .zst)")
      ->required()
      ->type_name("FILE...")
      ->group("Data");
  cli.add_option(
         "--text-field", training.text_field, "Member of each JSON line that holds the text")
      ->type_name("NAME")
      ->group("Data");
  cli.add_option("--document-separator",
                 training.document_separator,
                 "Lines of .txt files that stand between documents and are no text")
      ->type_name("LINE")
      ->group("Data");
  cli.add_option("--vocabulary",
                 training.vocabulary,
                 "Tokens in all; <unk>, <s>, </s> and 256 bytes are among them")
      ->required()
      ->type_name("N")
      ->group("Method");
  cli.add_option("--kind", options.kind, "bpe or unigram")->type_name("KIND")->group("Method");
  cli.add_option("--character-coverage",
                 training.character_coverage,
                 "Share of the text whose characters become tokens; others are spelled in bytes")
      ->type_name("SHARE")
      ->group("Method");
  cli.add_flag("--joined-digits", options.joined_digits, "Let digits become parts of longer tokens")
      ->group("Method");
  cli.add_option("--sample-mib",
                 options.sample_mebibytes,
                 "Train on a sample of the lines where there is more text than this, MiB")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->type_name("N")
      ->group("Method");
  cli.add_option("--seed", training.seed, "Of the sample")->type_name("N")->group("Method");
}

void run(Options& options) {
  options.training.inputs.assign(options.data.begin(), options.data.end());
  options.training.kind = linscan::parse_tokenizer_kind(options.kind);
  options.training.split_digits = !options.joined_digits;
  options.training.sample_bytes = options.sample_mebibytes << 20;
  linscan::train_tokenizer(options.training, options.output, options.force);
}

}  // namespace

int main(int argc, char** argv) {
  linscan::tools::ToolApp app(
      "linscan-train-tokenizer",
      "A Llama-style tokenizer trained with sentencepiece on your own text.",
      "linscan train-tokenizer my-tokenizer --data corpus.jsonl.gz --vocabulary 8000");
  Options options;
  add_options(app.cli(), options);
  return app.run(argc, argv, [&] { run(options); });
}
