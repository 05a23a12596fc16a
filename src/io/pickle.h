// A restricted reader of Python's pickle format. It executes nothing and imports nothing: what a
// pickle would call stays a note of what it wanted to call, for the caller to look at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace linscan {

// Index of a value; values may be reached over several ways, and from themselves.
using PickleRef = int32_t;

enum class PickleKind : uint8_t {
  kNone,
  kBool,        // number
  kInt,         // number
  kFloat,       // its value is not kept: weights never are one
  kText,        // text, valid UTF-8
  kTuple,       // items
  kList,        // items
  kDict,        // items: key, value, key, value, ...
  kGlobal,      // global
  kCall,        // items: the global, its tuple of arguments
  kPersistent,  // items: the id, which names something outside the pickle
};

// "a dict", "a number", ... for messages.
std::string_view name(PickleKind kind);

// A global of the allow-list.
struct PickleGlobal {
  enum class Use {
    kValue,     // may stand anywhere, calling it is refused
    kCallable,  // a call becomes a kCall
    kDict,      // a call without arguments becomes an empty kDict
  };
  Use use = Use::kValue;
  int32_t id = 0;  // for the caller
};

// The allow-list; null for what is not on it.
using FindPickleGlobal = const PickleGlobal* (*)(std::string_view module, std::string_view name);

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t number = 0;
  std::string_view text;  // into the pickle
  const PickleGlobal* global = nullptr;
};

class Pickle {
 public:
  // Reads one pickle of protocol 2 to 5 that fills `bytes`, which must outlive the result. Opcodes
  // that weights do not need are refused, and globals that are not on the list, by name: both
  // Error(kUnsupported). Memory is at most a fixed multiple of the size of `bytes` and at most
  // about 400 MB. `what` names the source in errors. Throws Error(kInput) for what is malformed.
  static Pickle read(std::string_view bytes, std::string_view what, FindPickleGlobal find_global);

  PickleRef root() const { return root_; }
  const PickleValue& value(PickleRef ref) const { return values_[static_cast<size_t>(ref)]; }
  // Of a kTuple, kList, kDict, kCall or kPersistent.
  std::span<const PickleRef> items(PickleRef ref) const {
    return items_[static_cast<size_t>(value(ref).number)];
  }

 private:
  friend class PickleMachine;

  std::vector<PickleValue> values_;
  std::vector<std::vector<PickleRef>> items_;
  PickleRef root_ = 0;
};

}  // namespace linscan
