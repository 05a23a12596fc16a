// Where tensors live and in which precision matmuls run. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>

namespace linscan {

// "auto", "cpu", "cuda", "cuda:1". auto: the first GPU, else the CPU. A device that is absent is a
// usage error.
at::Device parse_device(std::string_view text);

// "auto", "fp32", "bf16". auto: fp32 for weights stored in 32 bits or more; for 16-bit weights bf16
// where the device multiplies it faster than fp32 (a GPU; on a CPU a probe of some milliseconds
// decides), else fp32.
at::ScalarType choose_compute_dtype(std::string_view text,
                                    bool stored_in_16_bits,
                                    at::Device device);

std::string_view dtype_name(at::ScalarType type);  // "fp32", "bf16", ...

// 0: as many as the machine has cores. Call once, before any tensor work.
void set_threads(int threads);
int threads();

// "2.13.0+cpu": the libtorch this program runs on.
std::string_view torch_version();

}  // namespace linscan
