#include "io/pickle_machine.h"

#include <utf8proc.h>

namespace linscan {
namespace {

// A tensor of a state dict takes about 25 values: room for 160,000 of them.
constexpr size_t kMaxValues = 4'000'000;
constexpr size_t kMaxOpenMarks = 256;

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t code_point = 0;
    const utf8proc_ssize_t bytes =
        *at < 0x80 ? 1 : utf8proc_iterate(at, left, &code_point);  // most names are ASCII
    if (bytes <= 0) {
      return false;
    }
    at += bytes;
    left -= bytes;
  }
  return true;
}

}  // namespace

void PickleMachine::push(PickleValue value) {
  check(pickle_.values_.size() < kMaxValues,
        "more than {} values, which no checkpoint needs",
        kMaxValues);
  pickle_.values_.push_back(value);
  stack_.push_back(static_cast<PickleRef>(pickle_.values_.size() - 1));
}

void PickleMachine::push_text(std::string_view text) {
  check(is_utf8(text), "text that is not valid UTF-8");
  push({.kind = PickleKind::kText, .text = text});
}

// Two's complement, little-endian, as short as it goes.
void PickleMachine::push_long(std::string_view digits) {
  check(digits.size() <= sizeof(int64_t), "a number of {} bytes, expected up to 8", digits.size());
  const bool negative = !digits.empty() && static_cast<uint8_t>(digits.back()) >= 0x80;
  uint64_t number = negative ? ~uint64_t{0} : 0;
  for (size_t i = digits.size(); i-- > 0;) {
    number = (number << 8) | uint64_t{static_cast<uint8_t>(digits[i])};
  }
  push({.kind = PickleKind::kInt, .number = static_cast<int64_t>(number)});
}

void PickleMachine::push_items(PickleKind kind, std::vector<PickleRef> items) {
  push({.kind = kind, .number = static_cast<int64_t>(pickle_.items_.size())});
  pickle_.items_.push_back(std::move(items));
}

void PickleMachine::push_tuple(size_t size) {
  check(stack_.size() >= floor() + size, "a tuple of {} where fewer values are", size);
  push_items(PickleKind::kTuple, take_from(stack_.size() - size));
}

PickleRef PickleMachine::top_ref() const {
  check(stack_.size() > floor(), "an opcode needs a value where there is none");
  return stack_.back();
}

PickleValue PickleMachine::top() const {
  return value(top_ref());
}

PickleRef PickleMachine::pop() {
  const PickleRef ref = top_ref();
  stack_.pop_back();
  return ref;
}

void PickleMachine::mark() {
  check(marks_.size() < kMaxOpenMarks, "nested deeper than {} levels", kMaxOpenMarks);
  marks_.push_back(stack_.size());
}

std::vector<PickleRef> PickleMachine::pop_to_mark() {
  check(!marks_.empty(), "an opcode needs a mark where there is none");
  std::vector<PickleRef> taken = take_from(marks_.back());
  marks_.pop_back();
  return taken;
}

std::vector<PickleRef> PickleMachine::take_from(size_t height) {
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(height);
  std::vector<PickleRef> taken(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  return taken;
}

void PickleMachine::append(const std::vector<PickleRef>& values) {
  const PickleRef list = top_ref();
  check(value(list).kind == PickleKind::kList,
        "appends to {}, expected a list",
        name(value(list).kind));
  items(list).insert(items(list).end(), values.begin(), values.end());
}

void PickleMachine::set_items(const std::vector<PickleRef>& pairs) {
  const PickleRef dict = top_ref();
  check(value(dict).kind == PickleKind::kDict,
        "sets items of {}, expected a dict",
        name(value(dict).kind));
  check(pairs.size() % 2 == 0, "a key without a value");
  items(dict).insert(items(dict).end(), pairs.begin(), pairs.end());
}

void PickleMachine::call() {
  const PickleRef arguments = pop();
  const PickleRef callee = pop();
  check(value(callee).kind == PickleKind::kGlobal, "calls {}", name(value(callee).kind));
  check(value(arguments).kind == PickleKind::kTuple,
        "calls with {}, expected a tuple",
        name(value(arguments).kind));
  const PickleGlobal::Use use = value(callee).global->use;
  check(use != PickleGlobal::Use::kValue, "calls what cannot be called");
  if (use == PickleGlobal::Use::kDict) {
    check(items(arguments).empty(), "makes a dict with arguments, expected none");
    push_items(PickleKind::kDict, {});
  } else {
    push_items(PickleKind::kCall, {callee, arguments});
  }
}

void PickleMachine::remember(uint32_t key) {
  // Python numbers what it remembers one by one, and each costs two bytes of pickle.
  check(key <= position_ / 2 + 1, "remembers a value as number {}, which none before reaches", key);
  if (memo_.size() <= key) {
    memo_.resize(size_t{key} + 1, -1);
  }
  remembered_ += memo_[key] < 0 ? 1 : 0;
  memo_[key] = top_ref();
}

void PickleMachine::remember_next() {
  remember(static_cast<uint32_t>(remembered_));
}

void PickleMachine::recall(uint32_t key) {
  check(key < memo_.size() && memo_[key] >= 0, "recalls number {}, which is not there", key);
  stack_.push_back(memo_[key]);
}

Pickle PickleMachine::finish() {
  pickle_.root_ = pop();
  check(stack_.empty() && marks_.empty(), "values are left over at the end");
  return std::move(pickle_);
}

}  // namespace linscan
