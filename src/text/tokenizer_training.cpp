#include "linscan/text/tokenizer_training.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/text/corpus.h"
#include "linscan/text/utf8.h"
#include "text/line_sample.h"
#include "text/tokenizer_writer.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFixedTokens = 3 + 256;  // <unk>, <s>, </s> and the bytes
constexpr size_t kLongestLine = 4096;      // the library leaves out those above 4192
constexpr int64_t kMaxVocabulary = int64_t{1} << 20;

// Lines in memory, as the library asks for them.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(const std::vector<std::string>& lines) : lines_(lines) {}

  bool done() const override { return at_ == lines_.size(); }
  void Next() override { ++at_; }
  const std::string& value() const override { return lines_[at_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  size_t at_ = 0;
};

void check_training(const TokenizerTraining& training) {
  LINSCAN_CHECK(!training.inputs.empty(), kUsage, "no data files were given");
  LINSCAN_CHECK(
      training.vocabulary > kFixedTokens && training.vocabulary <= kMaxVocabulary,
      kUsage,
      "a vocabulary of {} tokens cannot be trained: expected more than {} (<unk>, <s>, </s> "
      "and 256 bytes come first) and at most {}",
      training.vocabulary,
      kFixedTokens,
      kMaxVocabulary);
  LINSCAN_CHECK(training.character_coverage > 0 && training.character_coverage <= 1,
                kUsage,
                "the character coverage must be above 0 and at most 1, got {}",
                training.character_coverage);
  LINSCAN_CHECK(training.sample_bytes > 0,
                kUsage,
                "the sample must have at least 1 byte, got {}",
                training.sample_bytes);
}

// Cuts a line into pieces of at most kLongestLine bytes, at spaces where there are any: the library
// ends the process on words of 65536 characters, and needs minutes for much shorter ones.
void add_line(std::string_view line, LineSample& sample) {
  while (line.size() > kLongestLine) {
    size_t cut = line.rfind(' ', kLongestLine);
    if (cut == 0 || cut == std::string_view::npos) {
      cut = kLongestLine;
      while ((static_cast<unsigned char>(line[cut]) & 0xC0) == 0x80) --cut;  // inside a character
    }
    sample.add(line.substr(0, cut));
    line.remove_prefix(cut);
  }
  if (line.find_first_not_of(" \t") != std::string_view::npos) sample.add(line);
}

std::vector<std::string> sample_lines(const TokenizerTraining& training) {
  LineSample sample(training.sample_bytes, training.seed);
  CorpusReader reader(training.inputs, training.text_field, training.document_separator);
  while (const auto record = reader.next()) {
    check_interrupt();
    const std::string text = replace_invalid_utf8(*record);
    std::string_view rest = text;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      add_line(line, sample);
    }
  }
  std::vector<std::string> lines = sample.take();
  LINSCAN_CHECK(!lines.empty(),
                kInput,
                "{}: no text to train a tokenizer on",
                training.inputs.front().string());
  return lines;
}

std::unordered_map<std::string, std::string> trainer_options(const TokenizerTraining& training) {
  return {
      {"model_type", training.kind == TokenizerKind::kBpe ? "bpe" : "unigram"},
      {"vocab_size", std::to_string(training.vocabulary)},
      {"character_coverage", fmt::format("{:.9g}", training.character_coverage)},
      {"split_digits", training.split_digits ? "true" : "false"},
      {"byte_fallback", "true"},
      {"allow_whitespace_only_pieces", "true"},
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"add_dummy_prefix", "true"},
      {"unk_id", "0"},
      {"bos_id", "1"},
      {"eos_id", "2"},
      {"pad_id", "-1"},
      {"hard_vocab_limit", "false"},  // too few pieces are counted here instead
      {"num_threads", "1"},           // several make the sums of Unigram depend on timing
      {"minloglevel", "3"},
  };
}

// "Internal: src/trainer_interface.cc(582) [condition] Message. ..": the message.
std::string_view message_of(std::string_view text) {
  const size_t bracket = text.find("] ");
  if (bracket == std::string_view::npos) return text;
  const std::string_view message = text.substr(bracket + 2);
  return message.empty() ? "the library does not say why" : message;
}

// "Vocabulary size is smaller than required_chars. 300 vs 345.": the second number.
std::string_view required_size(std::string_view message) {
  constexpr std::string_view kBefore = " vs ";
  if (message.find("required_chars") == std::string_view::npos) return "";
  const size_t at = message.find(kBefore);
  if (at == std::string_view::npos) return "";
  message.remove_prefix(at + kBefore.size());
  return message.substr(0, message.find_first_not_of("0123456789"));
}

// The bytes of a tokenizer.model.
std::string train_model(const TokenizerTraining& training, const std::vector<std::string>& lines) {
  int64_t bytes = 0;
  for (const std::string& line : lines) bytes += static_cast<int64_t>(line.size());
  Lines iterator(lines);
  std::string model;
  const auto status =
      sentencepiece::SentencePieceTrainer::Train(trainer_options(training), &iterator, &model);
  const std::string file = training.inputs.front().string();
  const std::string message = status.ToString();
  const std::string_view required = required_size(message);
  LINSCAN_CHECK(
      required.empty(),
      kInput,
      "{}: a vocabulary of {} tokens is too small: the text's characters and the {} fixed "
      "tokens alone are {}; give a larger one or a lower character coverage",
      file,
      training.vocabulary,
      kFixedTokens,
      required);
  LINSCAN_CHECK(
      status.ok(),
      kInput,
      "{}: no tokenizer of {} tokens can be trained on {} lines of {} bytes in all; give more "
      "text ({})",
      file,
      training.vocabulary,
      lines.size(),
      bytes,
      message_of(message));
  return model;
}

TrainedPieces read_pieces(const std::string& model, const TokenizerTraining& training) {
  sentencepiece::SentencePieceProcessor processor;
  const auto status = processor.LoadFromSerializedProto(model);
  LINSCAN_CHECK(status.ok(), kInternal, "the trained model cannot be opened: {}", status.message());
  const int size = processor.GetPieceSize();
  LINSCAN_CHECK(
      size == training.vocabulary,
      kInput,
      "{}: too little text for a vocabulary of {} tokens: it yields {}; give more text or "
      "a vocabulary of at most that",
      training.inputs.front().string(),
      training.vocabulary,
      size);
  TrainedPieces trained{.kind = training.kind, .pieces = {}, .scores = {}};
  for (int id = 0; id < size; ++id) {
    trained.pieces.push_back(processor.IdToPiece(id));
    trained.scores.push_back(processor.GetScore(id));
  }
  return trained;
}

}  // namespace

TokenizerKind parse_tokenizer_kind(std::string_view name) {
  if (name == "bpe") return TokenizerKind::kBpe;
  LINSCAN_CHECK(
      name == "unigram", kUsage, "unknown kind of tokenizer \"{}\"; expected bpe or unigram", name);
  return TokenizerKind::kUnigram;
}

void train_tokenizer(const TokenizerTraining& training, const fs::path& folder, bool force) {
  check_training(training);
  check_data_files(training.inputs);
  AtomicFolder output(folder, force);
  const std::vector<std::string> lines = sample_lines(training);
  log::info("training a tokenizer of {} tokens on {} lines", training.vocabulary, lines.size());
  const std::string model = train_model(training, lines);
  check_interrupt();
  const TrainedPieces trained = read_pieces(model, training);
  const auto write = [&](const char* name, std::string_view content) {
    write_file_atomically(output.staging() / name, content);
  };
  write("tokenizer.model", model);
  write("tokenizer.json", format_tokenizer(trained).dump(2) + "\n");
  write("tokenizer_config.json", format_tokenizer_config().dump(2) + "\n");
  output.commit();
}

}  // namespace linscan
