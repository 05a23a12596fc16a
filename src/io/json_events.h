// JSON read as a stream of events, for headers and indexes with many thousand entries: nothing is
// built that is not wanted, and the cost stays linear in the text (an ordered Json object is
// quadratic in its keys).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace linscan {

// Receives the events of one document, in order. `end` closes the innermost open object or array.
class JsonHandler {
 public:
  virtual ~JsonHandler() = default;
  virtual void begin_object() = 0;
  virtual void begin_array() = 0;
  virtual void end() = 0;
  virtual void key(std::string& text) = 0;  // may be moved from
  virtual void string(std::string& text) = 0;
  virtual void number(uint64_t value) = 0;
  // A value of another kind: "null", "a boolean", "a negative number", "a number that is no 64-bit
  // integer".
  virtual void other(std::string_view kind) = 0;
};

// Parses `text`; refuses like parse_json: duplicate keys, nesting beyond 64 levels, invalid UTF-8,
// anything after the document. `what` names the source in errors.
void parse_json_events(std::string_view text, std::string_view what, JsonHandler& handler);

// `text` for an error message: in quotes, cut to a readable length, everything but printable ASCII
// escaped.
std::string show(std::string_view text);

}  // namespace linscan
