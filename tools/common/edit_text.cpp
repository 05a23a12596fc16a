#include "common/edit_text.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "linscan/base/error.h"

namespace linscan::tools {

EditText::EditText() {
  data.default_tokens =
      "16,384, or 50 for each unknown of a fit (the hidden size; of refit and sweep the MLP size), "
      "whichever is more";
}

void EditText::add_to(CLI::App& app) {
  data.add_to(app);
  app.add_option("--eval-data",
                 evaluation_files,
                 "Text that edited models are judged on; default: a tenth of --data, held out")
      ->group("Data")
      ->type_name("FILE");
  app.add_option("--eval-tokens", evaluation_tokens, "At most N tokens of --eval-data")
      ->group("Data")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--seed", seed, "Seed of held-out parts and of --by random")
      ->group("Data")
      ->type_name("S");
}

EditWindows EditText::load(const Model& model, int64_t wanted) const {
  const std::filesystem::path& folder = model.checkpoint.folder();
  LINSCAN_CHECK(!model.config.learned_positions || data.context <= model.config.max_positions,
                kInput,
                "--ctx {}: {} has learned positions for {} tokens only",
                data.context,
                folder.string(),
                model.config.max_positions);
  if (evaluation_files.empty()) {
    wanted += wanted / 9 + 1;  // what is held out comes on top
  }
  const auto read = [&](const DataOptions& text, int64_t tokens) {
    return load_windows(text, folder, model.config.vocabulary, tokens, /*paper=*/false, seed);
  };
  TokenWindows calibration = read(data, data.tokens > 0 ? data.tokens : wanted);
  if (evaluation_files.empty()) {
    return {std::move(calibration), std::nullopt, seed};
  }
  DataOptions evaluation = data;
  evaluation.files = evaluation_files;
  return {std::move(calibration), read(evaluation, evaluation_tokens), seed};
}

}  // namespace linscan::tools
