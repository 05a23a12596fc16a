// The tensors of a torch pickle: which of Python's objects may occur in it, and what a call of
// torch._utils._rebuild_tensor_v2 says about where a tensor lies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/pickle.h"
#include "io/strided.h"
#include "linscan/io/dtype.h"

namespace linscan {

// The allow-list: what torch.save writes for tensors, parameters and state dicts.
const PickleGlobal* find_torch_global(std::string_view module, std::string_view name);

// Whether the value is a tensor or a parameter.
bool is_torch_tensor(const Pickle& pickle, PickleRef ref);

struct TorchTensor {
  std::string_view storage;      // the storage's key: its record is data/<key>
  int64_t storage_elements = 0;  // of dtype
  DType dtype = DType::kF32;
  StridedLayout layout;  // lies inside the storage; row-major or no larger than it
  int64_t bytes = 0;     // of the elements
};

// Reads a value that is_torch_tensor. `where` names file and tensor in errors. Throws Error(kInput)
// for what torch would not have written, Error(kUnsupported) for a dtype that is not of DType.
TorchTensor read_torch_tensor(const Pickle& pickle, PickleRef ref, const std::string& where);

}  // namespace linscan
