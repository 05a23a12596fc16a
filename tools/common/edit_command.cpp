#include "common/edit_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/output.h"
#include "common/plan_file.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/eval/verification.h"
#include "linscan/io/checkpoint_writer.h"
#include "linscan/model/description.h"
#include "linscan/report/edit_report.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

// The run, from the model to the edited one.
class EditCommand {
 public:
  explicit EditCommand(const EditOptions& options)
      : o_(options),
        start_(std::chrono::steady_clock::now()),
        model_(open_model(o_.model)),
        variants_(variant_options(o_.compute, model_)) {}

  void run();

 private:
  EditDecision read_plan();
  EditDecision decide_plan(const EditWindows& windows) const;
  ExportForm choose_form(const EditedModel& edited);
  void check_gates();
  Json plan_document(const EditPlan& plan) const;
  void describe(const EditDecision& decision,
                const EditPlan& plan,
                const EditWindows& windows,
                const Variant& edited);
  void write(const EditedModel& edited, const EditWindows& windows, const Json& plan);

  const EditOptions& o_;
  const std::chrono::steady_clock::time_point start_;
  const Model model_;
  const VariantOptions variants_;
  std::string weights_sha256_;
  Json result_;
};

EditDecision EditCommand::read_plan() {
  const Json json = read_plan_file(o_.plan);
  const auto hash = json.at("model").at("weights_sha256").get<std::string>();
  LINSCAN_CHECK(hash == weights_sha256_,
                kInput,
                "{}: this plan was made for another model (weights {}..., these are {}...); make a "
                "new one with --plan-only",
                o_.plan,
                hash.substr(0, 12),
                weights_sha256_.substr(0, 12));
  EditPlan plan = read_edit_plan(json, o_.plan);
  LINSCAN_CHECK(!plan.operations.empty(), kInput, "{}: the plan has no operations", o_.plan);
  validate_plan(model_.config, plan);
  EditDecision decision;
  for (const Operation& operation : plan.operations) {
    for (int64_t block = operation.begin; block < operation.end; ++block) {
      decision.blocks.push_back(block);
    }
  }
  decision.recipe = {plan.operations.front().method, plan};
  return decision;
}

EditDecision EditCommand::decide_plan(const EditWindows& windows) const {
  EditRequest request;
  request.recipes = recipes_of(o_);
  request.try_targets = o_.target == "auto";
  if (!o_.blocks.empty()) {
    request.blocks = parse_blocks(o_.blocks, model_.config.blocks(), "--blocks");
  } else {
    request.count = parse_drop(o_.drop, model_.config.blocks());
  }
  request.criterion = parse_criterion(o_.by, "--by");
  request.rescore = o_.means.rescore;
  request.beam = o_.means.beam;
  request.search_tokens = o_.search_tokens;
  request.seed = o_.text.seed;
  request.variants = variants_;
  return decide(model_, windows, request);
}

ExportForm EditCommand::choose_form(const EditedModel& edited) {
  const std::optional<ExportForm> wanted = wanted_form(o_);
  const ExportForm first = wanted.value_or(ExportForm::kStock);
  const std::string reason = why_not(edited, first);
  if (reason.empty()) {
    result_["export"]["reason"] = "";
    return first;
  }
  if (wanted) {
    fail_unsupported("--export {}: {}", o_.export_form, reason);
  }
  const std::string other = why_not(edited, ExportForm::kRemoteCode);
  if (!other.empty()) {
    fail_unsupported("no form can hold this edit; stock: {}; remote-code: {}", reason, other);
  }
  result_["export"]["reason"] = "not stock: " + reason;
  log::info("export as remote-code: {}", reason);
  return ExportForm::kRemoteCode;
}

void EditCommand::check_gates() {
  Json gates = Json::array();
  std::string failure;
  const auto gate = [&](const char* option, double limit, double value, const std::string& text) {
    const bool passed = value <= limit;
    gates.push_back({{"gate", option}, {"limit", limit}, {"value", value}, {"passed", passed}});
    if (!passed && failure.empty()) {
      failure = text;
    }
  };
  const auto figure = [&](const char* model, const char* key) {
    const Json& measure = result_[model];
    LINSCAN_CHECK(measure.is_object() && measure[key].is_number(),
                  kInput,
                  "the gates need text to judge the edited model on, and there is none");
    return measure[key].get<double>();
  };
  if (!o_.max_ppl_increase.empty()) {
    const double limit = parse_share(o_.max_ppl_increase, "--max-ppl-increase");
    const double before = figure("unedited", "perplexity");
    const double after = figure("edited", "perplexity");
    gate("max-ppl-increase",
         limit,
         after / before - 1,
         fmt::format("perplexity rises by {:.1f} % ({:.4g} to {:.4g}), more than "
                     "--max-ppl-increase {}",
                     100 * (after / before - 1),
                     before,
                     after,
                     o_.max_ppl_increase));
  }
  if (!o_.max_kl.empty()) {
    const double kl = figure("edited", "kl");
    gate("max-kl",
         parse_share(o_.max_kl, "--max-kl"),
         kl,
         fmt::format("KL from the dense model is {:.4g} nats per token, more than --max-kl {}",
                     kl,
                     o_.max_kl));
  }
  result_["gates"] = std::move(gates);
  if (!failure.empty()) {
    fail(ErrorKind::kGate, "{}: {}; nothing was written", o_.model, failure);
  }
}

Json EditCommand::plan_document(const EditPlan& plan) const {
  Json document = {{"schema", kPlanSchema}};
  document["model"] = describe_model(model_);
  document["model"]["weights_sha256"] = weights_sha256_;
  document["data"] = result_["data"];
  document.update(to_json(plan));
  for (const char* key :
       {"criterion", "scores", "searches", "finalists", "software", "date", "seed"}) {
    if (result_.contains(key)) {
      document[key] = result_[key];
    }
  }
  return document;
}

void EditCommand::describe(const EditDecision& decision,
                           const EditPlan& plan,
                           const EditWindows& windows,
                           const Variant& edited) {
  result_["recipe"] = decision.recipe.label();
  result_["criterion"] = !o_.plan.empty() ? "plan" : !o_.blocks.empty() ? "explicit" : o_.by;
  if (!decision.protected_blocks.empty()) {
    result_["protected"] = decision.protected_blocks;
  }
  if (!decision.scores.empty()) {
    Json scores = Json::array();
    for (const double score : decision.scores) {
      scores.push_back(number_or_null(score));
    }
    result_["scores"] = std::move(scores);
  }
  result_["searches"] = Json::array();
  for (const Search& search : decision.searches) {
    result_["searches"].push_back(to_json(search));
  }
  if (!decision.finalists.empty()) {
    result_["finalists"] = Json::array();
    for (const Finalist& finalist : decision.finalists) {
      result_["finalists"].push_back(to_json(finalist));
    }
  }
  result_["plan"] = to_json(plan);
  result_["blocks"] = describe_blocks(model_.config, plan, edited);
  result_["fits"] = Json::array();
  for (const FitRecord& fit : edited.fits) {
    result_["fits"].push_back(to_json(fit));
  }
  result_["parameters"] = {{"before", model_.weights.parameters()},
                           {"after", count_parameters(edited.model)}};
  std::vector<std::string> warnings;
  if (o_.text.data.bundled()) {
    warnings.emplace_back(
        "maps depend on the text they are fitted to: these saw the bundled corpus of stories; name "
        "text like the model's own with --data");
  }
  if (std::string few = token_warning(model_.config, plan, windows.for_edit().fit_tokens());
      !few.empty()) {
    warnings.push_back(std::move(few));
  }
  if (!decision.protected_blocks.empty()) {
    warnings.push_back(
        fmt::format("not all blocks could be chosen: {}", decision.protected_blocks));
  }
  for (const std::string& warning : warnings) {
    log::warn("{}", warning);
  }
  result_["warnings"] = warnings;
}

void EditCommand::write(const EditedModel& edited, const EditWindows& windows, const Json& plan) {
  const ExportForm form = choose_form(edited);
  result_["export"]["form"] = name(form);
  result_["export"]["path"] = fs::absolute(o_.out).lexically_normal().string();
  check_gates();
  CheckpointWriterOptions options{.force = o_.force};
  options.files = {{kPlanFile, plan.dump(1) + "\n"}};
  write_model(edited, o_.out, form, std::move(options));
  const Verification verification =
      verify_written(edited, o_.out, windows.windows(), variants_.compute_dtype, variants_.device);
  result_["verification"] = {{"tokens", verification.tokens},
                             {"largest_logit_difference", verification.largest_logit_difference}};
  result_["compute"] = describe_compute(variants_, start_);
  // What only the verified folder can say.
  write_file_atomically(fs::path(o_.out) / "linscan_edit.json", result_.dump(1) + "\n");
  write_file_atomically(fs::path(o_.out) / "linscan_edit.html", render_edit_html(result_));
  log::info("wrote {} ({})", o_.out, name(form));
}

void EditCommand::run() {
  weights_sha256_ = model_.checkpoint.weights_sha256();
  EditDecision decision;
  if (!o_.plan.empty()) {
    decision = read_plan();
  }
  const DecoderConfig& config = model_.config;
  const EditWindows windows =
      o_.text.load(model_,
                   o_.plan.empty() ? default_edit_tokens(config, recipes_of(o_))
                                   : default_edit_tokens(config, decision.recipe.how));
  if (o_.plan.empty()) {
    decision = decide_plan(windows);
  }
  const EditPlan plan = o_.plan.empty() ? decision.recipe.on(decision.blocks) : decision.recipe.how;
  result_ = {{"schema", "linscan.edit/1"}, {"command", o_.command}};
  result_["model"] = describe_model(model_);
  result_["model"]["weights_sha256"] = weights_sha256_;
  result_["data"] = windows.describe(o_.text.data.context, o_.text.data.bundled());
  result_["evaluation_data"] = windows.describe_evaluation();
  VariantOptions variants = variants_;
  variants.progress = "fit and measure";
  const VariantRun run = run_variants(model_, windows.for_edit(), {&plan, 1}, variants);
  const Variant& edited = run.variants.front();
  describe(decision, plan, windows, edited);
  result_["unedited"] = to_json(run.unedited);
  result_["edited"] = to_json(edited.measure);
  result_["software"] = describe_software(torch_version());
  result_["date"] = now_utc();
  result_["seed"] = o_.text.seed;
  const Json plan_json = plan_document(plan);
  if (o_.plan_only) {
    check_gates();
    if (!o_.out.empty()) {
      AtomicFolder out(o_.out, o_.force);
      write_file_atomically(out.staging() / kPlanFile, plan_json.dump(1) + "\n");
      out.commit();
    }
    std::cout << plan_json.dump(1) << '\n';
    return;
  }
  write(edited.model, windows, plan_json);
  std::cout << draw_document(result_, o_.format, {render_edit_table, render_edit_markdown});
}

}  // namespace

void run_edit(const EditOptions& options) {
  set_threads(options.compute.threads);
  LINSCAN_CHECK(!options.blocks.empty() || !options.drop.empty() || !options.plan.empty(),
                kUsage,
                "say which blocks: --blocks 3,7:9, --drop N (or 25%), or --plan FILE");
  LINSCAN_CHECK(options.plan_only || !options.out.empty(),
                kUsage,
                "--out DIR is missing: where the edited model goes (or --plan-only)");
  // Outputs are checked before the work, not after it.
  if (!options.max_ppl_increase.empty()) {
    parse_share(options.max_ppl_increase, "--max-ppl-increase");
  }
  if (!options.max_kl.empty()) {
    parse_share(options.max_kl, "--max-kl");
  }
  const std::vector<Recipe> recipes = recipes_of(options);
  std::vector<Criterion> criteria;
  if (!options.drop.empty()) {
    criteria = {parse_criterion(options.by, "--by")};
  }
  options.means.check_effect(recipes, criteria);
  if (!options.plan_only) {
    require_new_checkpoint(options.out, options.model, options.force);
  }
  EditCommand(options).run();
}

}  // namespace linscan::tools
