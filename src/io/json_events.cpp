#include "io/json_events.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxShown = 120;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxShown)) {
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text.size() > kMaxShown ? out + "..." : out;
}

// The keys of one object. Most have three, a few have many thousand.
class Keys {
 public:
  // False when the key is there already.
  bool insert(const std::string& key) {
    if (!many_.empty()) {
      return many_.insert(key).second;
    }
    for (const std::string& other : few_) {
      if (other == key) {
        return false;
      }
    }
    few_.push_back(key);
    if (few_.size() > kFew) {
      many_.insert(few_.begin(), few_.end());
    }
    return true;
  }

 private:
  static constexpr size_t kFew = 8;
  std::vector<std::string> few_;
  std::unordered_set<std::string> many_;
};

// The interface nlohmann::json::sax_parse expects.
class StrictEvents {
 public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  StrictEvents(std::string_view what, JsonHandler& handler) : what_(what), handler_(handler) {}

  bool null() { return other("null"); }
  bool boolean(bool) { return other("a boolean"); }
  bool number_integer(number_integer_t) { return other("a negative number"); }
  bool number_float(number_float_t, const string_t&) {
    return other("a number that is no 64-bit integer");
  }
  bool binary(binary_t&) { return other("binary data"); }
  bool number_unsigned(number_unsigned_t value) {
    handler_.number(value);
    return true;
  }
  bool string(string_t& text) {
    handler_.string(text);
    return true;
  }
  bool start_object(size_t) {
    open();
    handler_.begin_object();
    return true;
  }
  bool start_array(size_t) {
    open();
    handler_.begin_array();
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& text) {
    if (!open_.back().insert(text)) {
      fail_input("{}: key {} appears twice in one JSON object", what_, show(text));
    }
    handler_.key(text);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
    // e.g. "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    std::string_view message = error.what();
    for (const std::string_view separator : {"] ", ": "}) {
      const size_t at = message.find(separator);
      message = at == std::string_view::npos ? message : message.substr(at + separator.size());
    }
    fail_input("{}: not valid JSON at byte {}: {}", what_, position, escaped(message));
  }

 private:
  bool other(std::string_view kind) {
    handler_.other(kind);
    return true;
  }
  void open() {
    open_.emplace_back();
    if (open_.size() > kMaxDepth) {
      fail_input("{}: JSON is nested deeper than {} levels", what_, kMaxDepth);
    }
  }
  bool close() {
    open_.pop_back();
    handler_.end();
    return true;
  }

  std::string_view what_;
  JsonHandler& handler_;
  std::vector<Keys> open_;
};

}  // namespace

void parse_json_events(std::string_view text, std::string_view what, JsonHandler& handler) {
  StrictEvents events(what, handler);
  try {
    nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  } catch (const nlohmann::json::exception& error) {
    fail_input("{}: not valid JSON: {}", what, escaped(error.what()));
  }
}

std::string show(std::string_view text) {
  return '"' + escaped(text) + '"';
}

}  // namespace linscan
