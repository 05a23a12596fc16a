// The losses of a train.jsonl.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/report/dynamics.h"

namespace linscan {
namespace {

constexpr double kLargestLoss = 1e100;  // beyond it axis arithmetic could overflow

// The step of an object of a log.
int64_t step_of(const Json& line, const std::string& where) {
  const auto step = line.find("step");
  LINSCAN_CHECK(step != line.end(), kInput, "{}: step is missing", where);
  const bool fits = step->is_number_integer() &&
                    (!step->is_number_unsigned() || step->get<uint64_t>() <= uint64_t{INT64_MAX}) &&
                    step->get<int64_t>() >= 0;
  LINSCAN_CHECK(fits, kInput, "{}: step: {} is not a count", where, step->dump());
  return step->get<int64_t>();
}

// Nothing where the key is absent or null.
std::optional<double> loss_of(const Json& object, const char* key, const std::string& where) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) {
    return std::nullopt;
  }
  LINSCAN_CHECK(value->is_number() && std::abs(value->get<double>()) <= kLargestLoss,
                kInput,
                "{}: {}: expected a plausible number or null, got {}",
                where,
                key,
                value->is_number() ? value->dump() : value->type_name());
  return value->get<double>();
}

// The member, an object; nullptr where it is absent or null.
const Json* object_of(const Json& line, const char* key, const std::string& where) {
  const auto value = line.find(key);
  if (value == line.end() || value->is_null()) {
    return nullptr;
  }
  LINSCAN_CHECK(value->is_object(),
                kInput,
                "{}: {}: expected an object, got {}",
                where,
                key,
                value->type_name());
  return &*value;
}

using Points = std::vector<TrainingLog::Point>;

void add_point(int64_t step, std::optional<double> loss, Points& points) {
  while (!points.empty() && points.back().step >= step) {
    points.pop_back();
  }
  if (loss) {
    points.push_back({step, *loss});
  }
}

// Both losses of a log until it is known whether every line has the cross-entropy.
struct Losses {
  Points whole;
  Points cross_entropy;
  Points held_out;
};

void add_line(const Json& line, const std::string& where, Losses& losses) {
  LINSCAN_CHECK(
      line.is_object(), kInput, "{}: expected an object, got {}", where, line.type_name());
  const int64_t step = step_of(line, where);
  if (line.contains("loss")) {
    add_point(step, loss_of(line, "loss", where), losses.whole);
    const Json* parts = object_of(line, "parts", where);
    add_point(step,
              parts == nullptr ? std::nullopt : loss_of(*parts, "cross_entropy", where),
              losses.cross_entropy);
  }
  if (const Json* evaluation = object_of(line, "evaluation", where); evaluation != nullptr) {
    add_point(step, loss_of(*evaluation, "loss", where), losses.held_out);
  }
}

}  // namespace

TrainingLog parse_training_log(std::string_view text, const std::string& source) {
  TrainingLog log;
  Losses losses;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::string where = fmt::format("{}:{}", source, number);
    const bool blank = line.find_first_not_of(" \t\r") == std::string_view::npos;
    if (end == std::string_view::npos && !blank) {
      log.notes.push_back(fmt::format("{}: the last line is unfinished and was left out", where));
      break;
    }
    if (!blank) {
      add_line(parse_json(line, where), where, losses);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  log.cross_entropy = losses.cross_entropy.size() == losses.whole.size();
  log.training = std::move(log.cross_entropy ? losses.cross_entropy : losses.whole);
  log.held_out = std::move(losses.held_out);
  return log;
}

}  // namespace linscan
