#include "io/torch_tensor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "io/json_events.h"
#include "io/safetensors_header.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kMaxKeyBytes = 64;  // torch counts: "0", "1", ...

enum class Role {
  kStateDict,        // collections.OrderedDict
  kTensor,           // (storage, offset, size, stride, ...)
  kTensorWithDType,  // (storage, offset, size, stride, requires_grad, hooks, dtype, ...)
  kParameter,        // (tensor, ...)
  kStorage,          // a storage type, which says the dtype
  kUntypedStorage,   // counts bytes
  kDType,
  kOther,
};

struct TorchGlobal {
  std::string_view module;
  std::string_view name;
  Role role;
  std::optional<DType> dtype = std::nullopt;  // of kStorage and kDType; empty: not supported here
};

constexpr TorchGlobal kGlobals[] = {
    {"collections", "OrderedDict", Role::kStateDict},
    {"torch._utils", "_rebuild_tensor_v2", Role::kTensor},
    {"torch._utils", "_rebuild_tensor", Role::kTensor},
    {"torch._utils", "_rebuild_tensor_v3", Role::kTensorWithDType},
    {"torch._utils", "_rebuild_parameter", Role::kParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Role::kParameter},
    {"torch", "FloatStorage", Role::kStorage, DType::kF32},
    {"torch", "HalfStorage", Role::kStorage, DType::kF16},
    {"torch", "BFloat16Storage", Role::kStorage, DType::kBF16},
    {"torch", "DoubleStorage", Role::kStorage, DType::kF64},
    {"torch", "LongStorage", Role::kStorage, DType::kI64},
    {"torch", "IntStorage", Role::kStorage, DType::kI32},
    {"torch", "ShortStorage", Role::kStorage, DType::kI16},
    {"torch", "CharStorage", Role::kStorage, DType::kI8},
    {"torch", "ByteStorage", Role::kStorage, DType::kU8},
    {"torch", "BoolStorage", Role::kStorage, DType::kBool},
    {"torch", "ComplexFloatStorage", Role::kStorage},
    {"torch", "ComplexDoubleStorage", Role::kStorage},
    {"torch.storage", "UntypedStorage", Role::kUntypedStorage},
    {"torch", "float32", Role::kDType, DType::kF32},
    {"torch", "float16", Role::kDType, DType::kF16},
    {"torch", "bfloat16", Role::kDType, DType::kBF16},
    {"torch", "float64", Role::kDType, DType::kF64},
    {"torch", "int64", Role::kDType, DType::kI64},
    {"torch", "int32", Role::kDType, DType::kI32},
    {"torch", "int16", Role::kDType, DType::kI16},
    {"torch", "int8", Role::kDType, DType::kI8},
    {"torch", "uint8", Role::kDType, DType::kU8},
    {"torch", "bool", Role::kDType, DType::kBool},
    {"torch", "uint16", Role::kDType},
    {"torch", "uint32", Role::kDType},
    {"torch", "uint64", Role::kDType},
    {"torch", "complex64", Role::kDType},
    {"torch", "complex128", Role::kDType},
    {"torch", "float8_e4m3fn", Role::kDType},
    {"torch", "float8_e5m2", Role::kDType},
    {"torch", "float8_e4m3fnuz", Role::kDType},
    {"torch", "float8_e5m2fnuz", Role::kDType},
    {"torch", "float8_e8m0fnu", Role::kDType},
    {"torch", "float4_e2m1fn_x2", Role::kDType},
    {"torch", "Size", Role::kOther},
    {"torch", "device", Role::kOther},
};
constexpr size_t kGlobalCount = std::size(kGlobals);

constexpr PickleGlobal::Use use_of(Role role) {
  switch (role) {
    case Role::kStateDict:
      return PickleGlobal::Use::kDict;
    case Role::kTensor:
    case Role::kTensorWithDType:
    case Role::kParameter:
    case Role::kOther:
      return PickleGlobal::Use::kCallable;
    default:
      return PickleGlobal::Use::kValue;
  }
}

constexpr std::array<PickleGlobal, kGlobalCount> kAllowed = [] {
  std::array<PickleGlobal, kGlobalCount> allowed;
  for (size_t i = 0; i < kGlobalCount; ++i) {
    allowed[i] = {use_of(kGlobals[i].role), static_cast<int32_t>(i)};
  }
  return allowed;
}();

const TorchGlobal& global_of(const PickleValue& value) {
  return kGlobals[static_cast<size_t>(value.global->id)];
}

// The role of the callee of a call; empty for every other value.
std::optional<Role> called_role(const Pickle& pickle, PickleRef ref) {
  if (pickle.value(ref).kind != PickleKind::kCall) {
    return std::nullopt;
  }
  return global_of(pickle.value(pickle.items(ref)[0])).role;
}

// Looks at the arguments of one tensor.
class TensorReader {
 public:
  TensorReader(const Pickle& pickle, const std::string& where) : pickle_(pickle), where_(where) {}

  TorchTensor read(PickleRef call);

 private:
  std::span<const PickleRef> arguments(PickleRef call) const {
    return pickle_.items(pickle_.items(call)[1]);
  }
  const PickleValue& expect(PickleRef ref, PickleKind kind, std::string_view role) const {
    const PickleValue& value = pickle_.value(ref);
    LINSCAN_CHECK(value.kind == kind,
                  kInput,
                  "{}: {} is {}, expected {}",
                  where_,
                  role,
                  name(value.kind),
                  name(kind));
    return value;
  }
  int64_t read_count(PickleRef ref, std::string_view role) const {
    const int64_t count = expect(ref, PickleKind::kInt, role).number;
    LINSCAN_CHECK(count >= 0, kInput, "{}: {} is {}, expected 0 or more", where_, role, count);
    return count;
  }
  std::vector<int64_t> read_counts(PickleRef ref, std::string_view role) const {
    expect(ref, PickleKind::kTuple, role);
    // Before they are read: a million tensors may share one tuple of a million numbers.
    LINSCAN_CHECK(pickle_.items(ref).size() <= kMaxDimensions,
                  kInput,
                  "{}: {} has {} numbers, expected up to {}",
                  where_,
                  role,
                  pickle_.items(ref).size(),
                  kMaxDimensions);
    std::vector<int64_t> counts;
    for (const PickleRef item : pickle_.items(ref)) {
      counts.push_back(read_count(item, role));
    }
    return counts;
  }
  DType supported(const TorchGlobal& global) const;
  void read_storage(PickleRef ref, TorchTensor& tensor, std::optional<DType> dtype) const;
  void check_layout(TorchTensor& tensor) const;

  const Pickle& pickle_;
  const std::string& where_;
};

DType TensorReader::supported(const TorchGlobal& global) const {
  if (!global.dtype) {
    const bool is_quantized =
        global.name.starts_with("float8") || global.name.starts_with("float4");
    fail_unsupported("{}: its type torch.{} is not supported{}",
                     where_,
                     global.name,
                     is_quantized ? ": the weights are quantized; use the model they were made "
                                    "from, or dequantize them and save again"
                                  : "; expected float64, float32, float16, bfloat16, int64, int32, "
                                    "int16, int8, uint8 or bool");
  }
  return *global.dtype;
}

// ("storage", type, key, location, elements); `dtype` is the tensor's where the storage has none.
void TensorReader::read_storage(PickleRef ref,
                                TorchTensor& tensor,
                                std::optional<DType> dtype) const {
  expect(ref, PickleKind::kPersistent, "its storage");
  const PickleRef id = pickle_.items(ref)[0];
  expect(id, PickleKind::kTuple, "the id of its storage");
  const std::span<const PickleRef> parts = pickle_.items(id);
  LINSCAN_CHECK(parts.size() == 5,
                kInput,
                "{}: the id of its storage has {} parts, expected 5",
                where_,
                parts.size());
  const std::string_view tag = expect(parts[0], PickleKind::kText, "the tag of its storage").text;
  LINSCAN_CHECK(tag == "storage",
                kInput,
                "{}: the tag of its storage is {}, expected \"storage\"",
                where_,
                show(tag));
  const TorchGlobal& type =
      global_of(expect(parts[1], PickleKind::kGlobal, "the type of its storage"));
  tensor.storage = expect(parts[2], PickleKind::kText, "the key of its storage").text;
  LINSCAN_CHECK(tensor.storage.size() <= kMaxKeyBytes,
                kInput,
                "{}: the key of its storage has {} bytes, expected up to {}",
                where_,
                tensor.storage.size(),
                kMaxKeyBytes);
  const int64_t count = read_count(parts[4], "the size of its storage");
  if (type.role == Role::kStorage) {
    tensor.dtype = supported(type);
    LINSCAN_CHECK(dtype.value_or(tensor.dtype) == tensor.dtype,
                  kInput,
                  "{}: is of another dtype than its storage of {}",
                  where_,
                  linscan::name(tensor.dtype));
    tensor.storage_elements = count;
  } else if (type.role == Role::kUntypedStorage && dtype) {
    tensor.dtype = *dtype;
    tensor.storage_elements = count / item_size(*dtype);
  } else {
    fail_input("{}: the type of its storage is {}.{}, which says no dtype",
               where_,
               type.module,
               type.name);
  }
}

void TensorReader::check_layout(TorchTensor& tensor) const {
  const StridedLayout& layout = tensor.layout;
  LINSCAN_CHECK(layout.shape.size() == layout.strides.size(),
                kInput,
                "{}: has {} dimensions and {} strides",
                where_,
                layout.shape.size(),
                layout.strides.size());
  tensor.bytes = tensor_bytes(tensor.dtype, layout.shape);
  const int64_t end = layout.end();
  LINSCAN_CHECK(
      tensor.bytes >= 0 && end >= 0, kInput, "{}: its shape or strides overflow 63 bits", where_);
  LINSCAN_CHECK(
      end <= tensor.storage_elements,
      kInput,
      "{}: shape [{}] with strides [{}] at element {} reaches element {} of a storage of {}",
      where_,
      fmt::join(layout.shape, ", "),
      fmt::join(layout.strides, ", "),
      layout.offset,
      end,
      tensor.storage_elements);
  // A copy is made of what is not row-major: no larger than what is there already.
  LINSCAN_CHECK(tensor.bytes / item_size(tensor.dtype) <= tensor.storage_elements,
                kUnsupported,
                "{}: repeats its storage of {} elements (torch's expand) to shape [{}]; save the "
                "tensor after .contiguous()",
                where_,
                tensor.storage_elements,
                fmt::join(layout.shape, ", "));
}

TorchTensor TensorReader::read(PickleRef call) {
  std::span<const PickleRef> given = arguments(call);
  if (called_role(pickle_, call) == Role::kParameter) {
    call = given[0];  // is_torch_tensor has looked
    given = arguments(call);
  }
  const bool has_dtype = called_role(pickle_, call) == Role::kTensorWithDType;
  const size_t least = has_dtype ? 7 : 4;
  const size_t most = has_dtype ? 8 : 7;
  LINSCAN_CHECK(given.size() >= least && given.size() <= most,
                kInput,
                "{}: is made from {} arguments, expected {} to {}",
                where_,
                given.size(),
                least,
                most);
  TorchTensor tensor;
  std::optional<DType> dtype;
  if (has_dtype) {
    const TorchGlobal& type = global_of(expect(given[6], PickleKind::kGlobal, "its dtype"));
    LINSCAN_CHECK(type.role == Role::kDType, kInput, "{}: its dtype is {}", where_, type.name);
    dtype = supported(type);
  }
  if (given.size() == most) {  // such as the conjugate bit of complex numbers
    const PickleValue& flags = pickle_.value(given.back());
    const bool none = flags.kind == PickleKind::kNone ||
                      (flags.kind == PickleKind::kDict && pickle_.items(given.back()).empty());
    LINSCAN_CHECK(
        none,
        kUnsupported,
        "{}: has flags (negative or conjugate view); save the tensor after .resolve_neg() "
        "and .resolve_conj()",
        where_);
  }
  read_storage(given[0], tensor, dtype);
  tensor.layout.offset = read_count(given[1], "its offset");
  tensor.layout.shape = read_counts(given[2], "its shape");
  tensor.layout.strides = read_counts(given[3], "its strides");
  check_layout(tensor);
  return tensor;
}

}  // namespace

const PickleGlobal* find_torch_global(std::string_view module, std::string_view name) {
  if (module == "torch.cuda" && name.ends_with("Storage")) {
    module = "torch";  // older releases named the storage types of GPU tensors like this
  }
  for (size_t i = 0; i < kGlobalCount; ++i) {
    if (kGlobals[i].name == name && kGlobals[i].module == module) {
      return &kAllowed[i];
    }
  }
  return nullptr;
}

bool is_torch_tensor(const Pickle& pickle, PickleRef ref) {
  std::optional<Role> role = called_role(pickle, ref);
  if (role == Role::kParameter) {
    const std::span<const PickleRef> arguments = pickle.items(pickle.items(ref)[1]);
    role = arguments.empty() ? std::nullopt : called_role(pickle, arguments[0]);
  }
  return role == Role::kTensor || role == Role::kTensorWithDType;
}

TorchTensor read_torch_tensor(const Pickle& pickle, PickleRef ref, const std::string& where) {
  return TensorReader(pickle, where).read(ref);
}

}  // namespace linscan
