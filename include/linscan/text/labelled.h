// Labelled texts: what classifiers and reward models are trained on and probes are fitted to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

class Tokenizer;

// How the JSON lines of a file become texts. The templates are those of `linscan eval`.
enum class LabelledKind {
  kBoolq,    // {passage, question, label}: "PASSAGE\nQuestion: QUESTION?\nAnswer:"; false, true
  kCb,       // {premise, hypothesis, label}: "PREMISE\nQuestion: HYPOTHESIS. True, False, or
             // Neither?\nAnswer:"; entailment, contradiction, neutral
  kMultirc,  // {passage: {text, questions: [{question, answers: [{text, label}]}]}} or
             // {paragraph, question, answer, label}: "PASSAGE\nQuestion: QUESTION\nAnswer:
             // ANSWER\nIs the answer correct?"; false, true
  kText,     // {text, label}: any classes
  kReward,   // {chosen, rejected}: two texts, the first of which is preferred
};

LabelledKind parse_labelled_kind(std::string_view text);  // "boolq" ...; Error(kUsage)
std::string_view name(LabelledKind kind);

struct LabelledRecord {
  std::vector<std::string> texts;  // one, or chosen and rejected
  int64_t label = 0;               // class; 0 of kReward
  std::string group;  // records of one group share a passage: they go to one side of a split
};

struct LabelledTexts {
  LabelledKind kind = LabelledKind::kText;
  std::vector<std::string> classes;  // empty: kReward
  std::vector<LabelledRecord> records;
  std::string sha256;  // over texts and labels
};

struct LabelledOptions {
  std::string text_field = "text";    // kText
  std::string label_field = "label";  // kText
  // kText: the classes in their order, where a label that is not among them is an error. Empty:
  // those that the file has, sorted by name.
  std::vector<std::string> classes;
  int64_t limit = 0;  // records; 0: all
};

// Reads a file of JSON lines (.jsonl, also .gz .zst). Every error names the file and line: what
// CorpusReader refuses, a member that is missing or of another type, a label that is no class, a
// text without characters, an empty file, a file of one class only.
LabelledTexts read_labelled(LabelledKind kind,
                            const std::filesystem::path& file,
                            const LabelledOptions& options);

// The file of "boolq=FILE".
struct LabelledFile {
  LabelledKind kind;
  std::filesystem::path file;
};
LabelledFile parse_labelled_file(std::string_view text, std::string_view option);  // Error(kUsage)

// A record as token ids.
struct LabelledExample {
  std::vector<std::vector<int32_t>> texts;  // at least one id each
  int64_t label = 0;
};

struct EncodedTexts {
  std::vector<LabelledExample> examples;  // as the records
  int64_t tokens = 0;
  int64_t cut = 0;      // texts that were longer than the context
  int64_t longest = 0;  // tokens of the longest text, before it was cut
};

// Every text with the special tokens that the tokenizer adds. One of more than `context` tokens
// keeps the special tokens before it and its end: the templates ask their question there, and the
// last token is the one that is read. Throws Error(kInput) for a text without tokens and for an id
// that is not below `vocabulary_size`, the model's.
EncodedTexts encode_labelled(const LabelledTexts& texts,
                             const Tokenizer& tokenizer,
                             int64_t vocabulary_size,
                             int64_t context);

// Places of the records for each side of a split: groups are drawn with `seed` until `share` of the
// records, rounded up, are in the second side; both ascending. Throws Error(kInput) where one side
// would be empty.
struct LabelledSplit {
  std::vector<size_t> first;
  std::vector<size_t> second;
};
LabelledSplit split_labelled(const LabelledTexts& texts, double share, uint64_t seed);

}  // namespace linscan
