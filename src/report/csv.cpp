#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/report/report.h"
#include "report/columns.h"
#include "report/text.h"

namespace linscan {
namespace {

std::string number_field(Number value) {
  return value ? exact(*value) : std::string();
}

}  // namespace

std::string render_csv(const Json& document) {
  const ResultDocument analysis(document);
  const std::vector<Column> columns = collect_columns(analysis);
  std::string out = "block";
  for (const Column& column : columns) {
    if (column.interval) {
      out += "," + csv_field(column.path + ".low") + "," + csv_field(column.path + ".high");
    } else {
      out += "," + csv_field(column.path);
    }
  }
  out += "\r\n";
  for (const Row& row : analysis.rows()) {
    out += csv_field(row.name());
    for (const Column& column : columns) {
      if (column.interval) {
        out += "," + number_field(row.number(column.path + ".low"));
        out += "," + number_field(row.number(column.path + ".high"));
      } else {
        out += "," + number_field(row.number(column.path));
      }
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace linscan
