#include "io/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "io/byte_reader.h"
#include "io/json_events.h"
#include "io/pickle_machine.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kMaxGlobalName = 1024;

// Opcodes under their names in Python's pickletools.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyTuple = ')',
  kEmptyList = ']',
  kEmptyDict = '}',
  kBinFloat = 'G',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

// Opcodes that people may meet and that are refused, by name.
struct RefusedOpcode {
  uint8_t code;
  std::string_view name;
};
constexpr RefusedOpcode kRefused[] = {{'i', "INST"},
                                      {'o', "OBJ"},
                                      {'P', "PERSID"},
                                      {'B', "BINBYTES"},
                                      {'C', "SHORT_BINBYTES"},
                                      {0x81, "NEWOBJ"},
                                      {0x82, "EXT1"},
                                      {0x83, "EXT2"},
                                      {0x84, "EXT4"},
                                      {0x8f, "EMPTY_SET"},
                                      {0x92, "NEWOBJ_EX"},
                                      {0x97, "NEXT_BUFFER"}};

// Reads opcodes and drives the machine. Every opcode takes at least one byte and makes at most one
// value, so that memory grows with the input only.
class Unpickler {
 public:
  Unpickler(std::string_view bytes, std::string_view what, FindPickleGlobal find_global)
      : reader_(bytes, what), what_(what), find_global_(find_global), machine_(what) {}

  Pickle run() {
    while (step()) {
    }
    machine_.check(reader_.left() == 0, "{} bytes follow the end of the pickle", reader_.left());
    return machine_.finish();
  }

 private:
  // One opcode; false at the end.
  bool step();
  // Opcodes that put a value without parts on the stack; false for others.
  bool push_constant(uint8_t opcode);
  // Opcodes that put values together; false for others.
  bool build(uint8_t opcode);
  // Opcodes that remember and recall; false for others.
  bool use_memo(uint8_t opcode);
  // Opcodes that name and call Python objects; false for others.
  bool use_global(uint8_t opcode);
  void push_global(std::string_view module, std::string_view global_name);
  [[noreturn]] void refuse_opcode(uint8_t opcode) const;

  ByteReader reader_;
  std::string_view what_;
  FindPickleGlobal find_global_;
  size_t position_ = 0;  // of the opcode
  PickleMachine machine_;
};

bool Unpickler::step() {
  position_ = reader_.position();
  machine_.set_position(position_);
  const auto opcode = reader_.number<uint8_t>();
  switch (opcode) {
    case kStop:
      return false;
    case kProto: {
      const auto version = reader_.number<uint8_t>();
      machine_.check(version >= 2 && version <= 5, "pickle protocol {}, expected 2 to 5", version);
      return true;
    }
    case kFrame: {
      const auto bytes = reader_.number<uint64_t>();
      machine_.check(bytes <= reader_.left(), "a frame of {} bytes reaches past the end", bytes);
      return true;
    }
    default:
      break;
  }
  const bool known =
      push_constant(opcode) || build(opcode) || use_memo(opcode) || use_global(opcode);
  if (!known) {
    refuse_opcode(opcode);
  }
  return true;
}

bool Unpickler::push_constant(uint8_t opcode) {
  const auto push_int = [&](int64_t number) {
    machine_.push({.kind = PickleKind::kInt, .number = number});
  };
  switch (opcode) {
    case kNone:
      machine_.push({.kind = PickleKind::kNone});
      return true;
    case kNewTrue:
    case kNewFalse:
      machine_.push({.kind = PickleKind::kBool, .number = opcode == kNewTrue ? 1 : 0});
      return true;
    case kBinInt:
      push_int(reader_.number<int32_t>());
      return true;
    case kBinInt1:
      push_int(reader_.number<uint8_t>());
      return true;
    case kBinInt2:
      push_int(reader_.number<uint16_t>());
      return true;
    case kLong1:
      machine_.push_long(reader_.take(reader_.number<uint8_t>()));
      return true;
    case kBinFloat:
      reader_.take(sizeof(double));
      machine_.push({.kind = PickleKind::kFloat});
      return true;
    case kBinUnicode:
      machine_.push_text(reader_.take(reader_.number<uint32_t>()));
      return true;
    case kShortBinUnicode:
    case kShortBinString:
      machine_.push_text(reader_.take(reader_.number<uint8_t>()));
      return true;
    default:
      return false;
  }
}

bool Unpickler::build(uint8_t opcode) {
  switch (opcode) {
    case kMark:
      machine_.mark();
      return true;
    case kEmptyTuple:
      machine_.push_items(PickleKind::kTuple, {});
      return true;
    case kEmptyList:
      machine_.push_items(PickleKind::kList, {});
      return true;
    case kEmptyDict:
      machine_.push_items(PickleKind::kDict, {});
      return true;
    case kTuple:
      machine_.push_items(PickleKind::kTuple, machine_.pop_to_mark());
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      machine_.push_tuple(static_cast<size_t>(opcode - kTuple1) + 1);
      return true;
    case kAppend:
      machine_.append({machine_.pop()});
      return true;
    case kAppends:
      machine_.append(machine_.pop_to_mark());
      return true;
    case kSetItem: {
      const PickleRef value = machine_.pop();
      const PickleRef key = machine_.pop();
      machine_.set_items({key, value});
      return true;
    }
    case kSetItems:
      machine_.set_items(machine_.pop_to_mark());
      return true;
    case kBuild:  // attributes of an OrderedDict, such as _metadata: nothing of ours
      machine_.pop();
      machine_.check(machine_.top().kind == PickleKind::kDict,
                     "sets attributes of {}, expected a dict",
                     name(machine_.top().kind));
      return true;
    default:
      return false;
  }
}

bool Unpickler::use_memo(uint8_t opcode) {
  switch (opcode) {
    case kBinPut:
      machine_.remember(reader_.number<uint8_t>());
      return true;
    case kLongBinPut:
      machine_.remember(reader_.number<uint32_t>());
      return true;
    case kMemoize:
      machine_.remember_next();
      return true;
    case kBinGet:
      machine_.recall(reader_.number<uint8_t>());
      return true;
    case kLongBinGet:
      machine_.recall(reader_.number<uint32_t>());
      return true;
    default:
      return false;
  }
}

bool Unpickler::use_global(uint8_t opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string_view module = reader_.line(kMaxGlobalName);
      push_global(module, reader_.line(kMaxGlobalName));
      return true;
    }
    case kStackGlobal: {
      const PickleValue global_name = machine_.value(machine_.pop());
      const PickleValue module = machine_.value(machine_.pop());
      machine_.check(module.kind == PickleKind::kText && global_name.kind == PickleKind::kText,
                     "names a Python object by {} in {}",
                     name(global_name.kind),
                     name(module.kind));
      push_global(module.text, global_name.text);
      return true;
    }
    case kReduce:
      machine_.call();
      return true;
    case kBinPersId:
      machine_.push_items(PickleKind::kPersistent, {machine_.pop()});
      return true;
    default:
      return false;
  }
}

void Unpickler::push_global(std::string_view module, std::string_view global_name) {
  const PickleGlobal* global = find_global_(module, global_name);
  if (global == nullptr) {
    fail_unsupported(
        "{}: byte {}: names the Python object {}, which is not allowed in a checkpoint of weights "
        "(reading it could run any code; nothing was run); use the model as safetensors, or have "
        "its maker save the state_dict alone",
        what_,
        position_,
        show(fmt::format("{}.{}", module, global_name)));
  }
  machine_.push({.kind = PickleKind::kGlobal, .global = global});
}

void Unpickler::refuse_opcode(uint8_t opcode) const {
  const auto* known = std::ranges::find(kRefused, opcode, &RefusedOpcode::code);
  fail_unsupported(
      "{}: byte {}: pickle opcode {} is not allowed in a checkpoint of weights; use the model as "
      "safetensors, or have its maker save the state_dict alone",
      what_,
      position_,
      known != std::end(kRefused) ? std::string(known->name) : fmt::format("0x{:02x}", opcode));
}

}  // namespace

std::string_view name(PickleKind kind) {
  switch (kind) {
    case PickleKind::kNone:
      return "None";
    case PickleKind::kBool:
      return "a bool";
    case PickleKind::kInt:
    case PickleKind::kFloat:
      return "a number";
    case PickleKind::kText:
      return "a string";
    case PickleKind::kTuple:
      return "a tuple";
    case PickleKind::kList:
      return "a list";
    case PickleKind::kDict:
      return "a dict";
    case PickleKind::kGlobal:
      return "a type";
    case PickleKind::kCall:
      return "an object";
    case PickleKind::kPersistent:
      return "a storage";
  }
  return "a value";
}

Pickle Pickle::read(std::string_view bytes, std::string_view what, FindPickleGlobal find_global) {
  return Unpickler(bytes, what, find_global).run();
}

}  // namespace linscan
