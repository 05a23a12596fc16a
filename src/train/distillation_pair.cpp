#include "train/distillation_pair.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <numeric>

#include "linscan/base/error.h"
#include "linscan/model/weights.h"
#include "linscan/text/corpus.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kComparedDocuments = 1000;  // where two tokenizers are not the same files

bool holds_text(const fs::path& file) {
  const DataFormat format = data_format(file);
  return format == DataFormat::kText || format == DataFormat::kJsonLines;
}

// Both must see a text as the same tokens. The same files do; others are tried on the text.
void check_same_tokens(const DistillOptions& options,
                       const std::vector<fs::path>& texts,
                       const Tokenizer& tokenizer) {
  const Tokenizer other = Tokenizer::load(options.teacher);
  if (tokenizer_digest(tokenizer) == tokenizer_digest(other)) {
    return;
  }
  CorpusReader reader(texts, options.text.text_field);
  for (int64_t i = 0; i < kComparedDocuments; ++i) {
    const auto document = reader.next();
    if (!document) {
      break;
    }
    LINSCAN_CHECK(tokenizer.encode(*document, false) == other.encode(*document, false),
                  kInput,
                  "{}: its tokenizer cuts {} into other tokens than the student's {}: the two "
                  "cannot read the same text",
                  other.source(),
                  texts.front().string(),
                  tokenizer.source());
  }
}

}  // namespace

void check_pair(const DistillOptions& options, const Model& teacher, const Model& student) {
  LINSCAN_CHECK(teacher.config.vocabulary == student.config.vocabulary,
                kInput,
                "{}: a vocabulary of {} ids, but the student's has {}: the two cannot read the "
                "same tokens",
                options.teacher.string(),
                teacher.config.vocabulary,
                student.config.vocabulary);
  LINSCAN_CHECK(options.kl.top_k <= teacher.config.vocabulary,
                kUsage,
                "--top-k {}: the models have {} tokens",
                options.kl.top_k,
                teacher.config.vocabulary);
  if (!options.teacher_cache.empty()) {
    LINSCAN_CHECK(options.kl.top_k > 0 && options.kl.top_k < teacher.config.vocabulary,
                  kUsage,
                  "--cache-teacher keeps the likeliest tokens of every row: name how many with "
                  "--top-k, fewer than the {} that there are",
                  teacher.config.vocabulary);
    LINSCAN_CHECK(options.weights.kl > 0 && !options.weights.compares_states(),
                  kUsage,
                  "--cache-teacher keeps predictions: with --loss {} the teacher {}",
                  to_string(options.weights),
                  options.weights.compares_states() ? "has to run for its states" : "is not asked");
  }
  for (const Model* model : {&teacher, &student}) {
    LINSCAN_CHECK(
        !model->config.learned_positions || options.text.context <= model->config.max_positions,
        kInput,
        "--ctx {}: {} has learned positions for {} tokens only",
        options.text.context,
        model->checkpoint.folder().string(),
        model->config.max_positions);
  }
  if (options.history) {
    const auto blocks = static_cast<int64_t>(options.history->aligned.size());
    LINSCAN_CHECK(blocks == student.config.blocks(),
                  kInput,
                  "{}: its linscan_plan.json leaves {} blocks, but the model has {}: it is not "
                  "the plan that made this model",
                  options.student.string(),
                  blocks,
                  student.config.blocks());
  }
}

std::optional<Tokenizer> shared_tokenizer(const DistillOptions& options, const Model& student) {
  std::vector<fs::path> texts;
  for (const auto* files : {&options.text.data, &options.text.held_out}) {
    std::ranges::copy_if(*files, std::back_inserter(texts), holds_text);
  }
  if (texts.empty()) {
    return std::nullopt;
  }
  std::optional<Tokenizer> tokenizer(Tokenizer::load(options.student));
  require_tokenizer_fits(*tokenizer, student.config.vocabulary);
  check_same_tokens(options, texts, *tokenizer);
  return tokenizer;
}

std::vector<int64_t> align_states(const DistillOptions& options,
                                  const Model& teacher,
                                  const Model& student,
                                  const std::string& teacher_sha256) {
  const std::string losses = to_string(options.weights);
  LINSCAN_CHECK(teacher.config.hidden == student.config.hidden,
                kInput,
                "--loss {}: states of {} features cannot be compared with the teacher's of {}; "
                "use kl and ce",
                losses,
                student.config.hidden,
                teacher.config.hidden);
  if (options.history && options.history->source_sha256 == teacher_sha256) {
    return options.history->aligned;
  }
  const int64_t blocks = student.config.blocks();
  LINSCAN_CHECK(teacher.config.blocks() == blocks,
                kInput,
                "--loss {}: no plan says which of the teacher's {} blocks each of the {} blocks of "
                "{} stands for ({}); use kl and ce",
                losses,
                teacher.config.blocks(),
                blocks,
                options.student.string(),
                options.history ? "its linscan_plan.json is of another model than this teacher"
                                : "it has no linscan_plan.json");
  std::vector<int64_t> aligned(static_cast<size_t>(blocks));
  std::iota(aligned.begin(), aligned.end(), 1);
  return aligned;
}

ExportForm own_form(const Model& source) {
  const EditedModel model = EditedModel::unchanged(source);
  const std::string reason = why_not(model, ExportForm::kStock);
  if (reason.empty()) {
    return ExportForm::kStock;
  }
  for (const ExportForm form : {ExportForm::kRemoteCode, ExportForm::kNemotron}) {
    if (why_not(model, form).empty()) {
      return form;
    }
  }
  fail_unsupported("{}: cannot be written again: {}", source.checkpoint.folder().string(), reason);
}

}  // namespace linscan
