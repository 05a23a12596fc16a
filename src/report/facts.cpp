#include "report/facts.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "report/text.h"

namespace linscan {
namespace {

std::string join_dots(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) {
    out += (out.empty() || part.empty() ? "" : " · ") + part;
  }
  return out;
}

// "16,384 tokens", or nothing where the document has no such count.
std::string counted(const Json& document, std::string_view path, std::string_view unit) {
  const Number value = number_at(document, path);
  if (!value || std::abs(*value) > 1e15) {
    return "";
  }
  return fmt::format("{} {}{}", grouped(std::llround(*value)), unit, *value == 1 ? "" : "s");
}

std::string file_names(const Json& document) {
  constexpr size_t kShown = 3;
  const Json* files = find_path(document, "data.files");
  if (files == nullptr || !files->is_array()) {
    return "";
  }
  std::string out;
  for (size_t i = 0; i < files->size() && i < kShown; ++i) {
    if ((*files)[i].is_string()) {
      out += (out.empty() ? "" : ", ") +
             last_component(clean_text((*files)[i].get_ref<const std::string&>()));
    }
  }
  return files->size() > kShown ? out + fmt::format(" and {} more", files->size() - kShown) : out;
}

std::string describe_model(const Json& document,
                           const std::string& blocks,
                           const std::string& hidden) {
  const Number parameters = number_at(document, "model.parameters");
  return join_dots({text_at(document, "model.family"),
                    blocks,
                    hidden,
                    parameters ? short_count(*parameters) + " parameters" : "",
                    text_at(document, "model.dtype")});
}

void add_sample_facts(const ResultDocument& analysis, std::vector<Fact>& facts) {
  const int64_t n = analysis.n();
  const int64_t d = analysis.d();
  facts.push_back({"n", grouped(n), "tokens scored"});
  facts.push_back({"d", grouped(d), "hidden size"});
  if (d > 0) {
    const double ratio = static_cast<double>(n) / static_cast<double>(d);
    facts.push_back({"n / d", significant(ratio, 3), ratio < 5 ? "below 5: too few" : ""});
  }
  if (analysis.null_score()) {
    facts.push_back(
        {"null", significant(analysis.null_score(), 2), "d/(n−1), in sample, unrelated data"});
  }
}

void add_protocol_facts(const ResultDocument& analysis, std::vector<Fact>& facts) {
  if (const auto documents = analysis.document_number("data.documents"); documents) {
    facts.push_back(
        {"documents", fixed(documents, 0), counted(analysis.json(), "data.windows", "window")});
  }
  if (const auto folds = analysis.document_number("protocol.folds"); folds) {
    const std::string unit = analysis.text("protocol.fold_unit");
    facts.push_back({"folds", fixed(folds, 0), unit.empty() ? "" : "split by " + unit});
  }
}

void add_compute_facts(const ResultDocument& analysis, std::vector<Fact>& facts) {
  if (const std::string device = analysis.text("compute.device"); !device.empty()) {
    facts.push_back({"device", device, analysis.text("compute.dtype")});
  }
  const Number seconds = analysis.document_number("compute.seconds");
  if (seconds && *seconds >= 0 && *seconds < 1e12) {
    const Number peak = analysis.document_number("compute.peak_memory_bytes");
    const bool plausible = peak && *peak > 0 && *peak < 1e18;
    facts.push_back({"time",
                     format_duration(*seconds),
                     plausible ? "peak " + format_bytes(static_cast<int64_t>(*peak)) : ""});
  }
}

}  // namespace

std::string model_line(const Json& document) {
  const Number hidden = number_at(document, "model.hidden");
  return describe_model(document,
                        counted(document, "model.blocks", "block"),
                        hidden ? "hidden size " + fixed(hidden, 0) : "");
}

std::string model_line(const ResultDocument& analysis) {
  const size_t blocks = analysis.blocks().size();
  const std::string hidden = counted(analysis.json(), "model.hidden", "");
  return describe_model(analysis.json(),
                        fmt::format("{} block{}", blocks, blocks == 1 ? "" : "s"),
                        hidden.empty() ? "" : "hidden size " + grouped(analysis.d()));
}

std::string data_line(const Json& document) {
  std::string windows = counted(document, "data.windows", "window");
  if (const Number ctx = number_at(document, "data.ctx"); ctx && !windows.empty()) {
    windows += fmt::format(" of up to {} tokens", fixed(ctx, 0));
  }
  return join_dots({file_names(document),
                    counted(document, "data.tokens", "token"),
                    windows,
                    counted(document, "data.documents", "document")});
}

std::vector<Fact> key_facts(const ResultDocument& analysis) {
  std::vector<Fact> facts;
  add_sample_facts(analysis, facts);
  add_protocol_facts(analysis, facts);
  add_compute_facts(analysis, facts);
  return facts;
}

}  // namespace linscan
