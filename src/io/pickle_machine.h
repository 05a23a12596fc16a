// The machine that a pickle drives: values, a stack with marks, and a memo. Nothing recurses.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "io/pickle.h"
#include "linscan/base/error.h"

namespace linscan {

class PickleMachine {
 public:
  // `what` names the source in errors and must outlive the machine.
  explicit PickleMachine(std::string_view what) : what_(what) {}

  // Where the opcode that runs stands in the pickle: for errors, and to bound the memo.
  void set_position(size_t position) { position_ = position; }

  template <typename... Args>
  void check(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) [[unlikely]] {
      fail_input(
          "{}: byte {}: {}", what_, position_, fmt::format(format, std::forward<Args>(args)...));
    }
  }

  void push(PickleValue value);
  void push_text(std::string_view text);    // which must be valid UTF-8
  void push_long(std::string_view digits);  // of LONG1
  void push_items(PickleKind kind, std::vector<PickleRef> items);
  void push_tuple(size_t size);  // of what lies on top
  PickleValue top() const;
  PickleRef pop();

  void mark();
  // What lies on the stack since the last mark, which goes away.
  std::vector<PickleRef> pop_to_mark();

  void append(const std::vector<PickleRef>& values);    // to the list on top
  void set_items(const std::vector<PickleRef>& pairs);  // of the dict on top
  void call();                                          // what lies below a tuple of arguments

  void remember(uint32_t key);
  void remember_next();
  void recall(uint32_t key);

  // Ends with the one value that must be left.
  Pickle finish();
  const PickleValue& value(PickleRef ref) const { return pickle_.value(ref); }

 private:
  std::vector<PickleRef>& items(PickleRef ref) {
    return pickle_.items_[static_cast<size_t>(value(ref).number)];
  }
  // Below it lies what belongs to an outer mark.
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleRef top_ref() const;
  std::vector<PickleRef> take_from(size_t height);

  std::string_view what_;
  size_t position_ = 0;
  Pickle pickle_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;    // heights of the stack
  std::vector<PickleRef> memo_;  // by key; -1 where nothing is remembered
  size_t remembered_ = 0;
};

}  // namespace linscan
