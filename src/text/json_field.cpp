#include "text/json_field.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"

namespace linscan {
namespace {

constexpr int kMaxDepth = 64;

class FieldReader final : public nlohmann::json_sax<Json> {
 public:
  FieldReader(std::string_view field, const std::string& where) : field_(field), where_(where) {}

  bool found() const { return found_; }
  std::string take() { return std::move(text_); }

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number"); }
  bool binary(binary_t&) override { return false; }

  bool string(string_t& value) override {
    if (!wanted_) return other("a string");
    LINSCAN_CHECK(!found_, kInput, "{}: \"{}\" appears twice", where_, field_);
    text_ = std::move(value);
    found_ = true;
    wanted_ = false;
    return true;
  }

  bool key(string_t& value) override {
    wanted_ = depth_ == 1 && value == field_;
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ > 0) other("an object");
    return enter();
  }
  bool start_array(size_t) override {
    other("an array");
    return enter();
  }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }

  bool parse_error(size_t position,
                   const std::string&,
                   const nlohmann::detail::exception& e) override {
    const std::string_view message = e.what();
    const size_t bracket = message.find("] ");
    fail_input("{}: not valid JSON at byte {}: {}",
               where_,
               position,
               bracket == std::string_view::npos ? message : message.substr(bracket + 2));
  }

 private:
  bool other(std::string_view got) {
    LINSCAN_CHECK(depth_ > 0, kInput, "{}: expected a JSON object, got {}", where_, got);
    LINSCAN_CHECK(!wanted_, kInput, "{}: \"{}\": expected a string, got {}", where_, field_, got);
    return true;
  }
  bool enter() {
    LINSCAN_CHECK(
        ++depth_ <= kMaxDepth, kInput, "{}: nested deeper than {} levels", where_, kMaxDepth);
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::string_view field_;
  const std::string& where_;
  std::string text_;
  int depth_ = 0;
  bool wanted_ = false;
  bool found_ = false;
};

}  // namespace

std::string read_string_field(std::string_view line,
                              std::string_view field,
                              const std::string& where) {
  FieldReader reader(field, where);
  Json::sax_parse(line, &reader);
  LINSCAN_CHECK(reader.found(),
                kInput,
                "{}: no field \"{}\"; --text-field names the one that holds the text",
                where,
                field);
  return reader.take();
}

}  // namespace linscan
