#include "report/run_facts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kHashDigits = 8;
constexpr std::string_view kNotStated = "not stated";

std::string or_not_stated(const std::string& text) {
  return text.empty() ? std::string(kNotStated) : text;
}

RunFact text_fact(const ResultDocument& analysis, std::string_view name, std::string_view path) {
  const std::string value = analysis.text(path);
  return {name, path, value, or_not_stated(value)};
}

RunFact hash_fact(const ResultDocument& analysis, std::string_view name, std::string_view path) {
  const std::string value = analysis.text(path);
  return {name, path, value, short_hash(value)};
}

RunFact number_fact(const ResultDocument& analysis, std::string_view name, std::string_view path) {
  const Number value = analysis.document_number(path);
  const std::string text = value ? exact(*value) : "";
  return {name, path, text, or_not_stated(text)};
}

RunFact model_fact(const ResultDocument& analysis) {
  const std::string value = fmt::format("{}, {} blocks, hidden size {}",
                                        or_not_stated(analysis.text("model.family")),
                                        analysis.blocks().size(),
                                        analysis.d());
  return {"model", "model", value, value};
}

RunFact folds_fact(const ResultDocument& analysis) {
  const Number folds = analysis.document_number("protocol.folds");
  const std::string unit = analysis.text("protocol.fold_unit");
  const std::string value =
      folds ? fmt::format("{}{}{}", exact(*folds), unit.empty() ? "" : " by ", unit) : "";
  return {"folds", "protocol.folds", value, or_not_stated(value)};
}

}  // namespace

std::string short_hash(std::string_view hash) {
  return or_not_stated(clean_text(hash.substr(0, kHashDigits)));
}

std::vector<RunFact> run_facts(const ResultDocument& analysis) {
  return {model_fact(analysis),
          hash_fact(analysis, "weights", "model.weights_sha256"),
          hash_fact(analysis, "data", "data.sha256"),
          {"tokens", "n", std::to_string(analysis.n()), grouped(analysis.n())},
          number_fact(analysis, "ctx", "data.ctx"),
          text_fact(analysis, "protocol", "protocol.name"),
          folds_fact(analysis),
          number_fact(analysis, "seed", "seed"),
          text_fact(analysis, "dtype", "compute.dtype")};
}

RunFact run_fact(const ResultDocument& analysis, std::string_view name) {
  for (RunFact& fact : run_facts(analysis)) {
    if (fact.name == name) {
      return std::move(fact);
    }
  }
  fail(ErrorKind::kInternal, "no fact of a run is called {}", name);
}

std::vector<std::string_view> run_fact_names() {
  return {"model", "weights", "data", "tokens", "ctx", "protocol", "folds", "seed", "dtype"};
}

}  // namespace linscan
