#include "linscan/base/device.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>

#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

// Time of a bf16 matmul over that of an fp32 one, as large as a small model's. The two take turns
// and the best of each counts, so that other work on the machine does not decide.
double bf16_to_fp32_time() {
  constexpr int kTurns = 10;
  const at::Tensor fp32 = at::rand({512, 512});
  const at::Tensor bf16 = fp32.to(at::kBFloat16);
  const auto seconds = [](const at::Tensor& a) {
    const auto start = std::chrono::steady_clock::now();
    at::mm(a, a);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  double best_fp32 = 1e9;
  double best_bf16 = 1e9;
  for (int turn = 0; turn < kTurns; ++turn) {
    best_fp32 = std::min(best_fp32, seconds(fp32));
    best_bf16 = std::min(best_bf16, seconds(bf16));
  }
  return best_bf16 / best_fp32;
}

}  // namespace

at::Device parse_device(std::string_view text) {
  if (text == "auto") {
    return at::hasCUDA() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  }
  if (text == "cpu") {
    return at::Device(at::kCPU);
  }
  if (text == "cuda" || text.starts_with("cuda:")) {
    LINSCAN_CHECK(
        at::hasCUDA(), kUsage, "--device {}: this build or machine has no CUDA device", text);
    const std::string index(text.size() > 5 ? text.substr(5) : "0");
    if (!index.empty() && index.size() < 4 && std::all_of(index.begin(), index.end(), ::isdigit) &&
        std::stoi(index) < static_cast<int>(torch::cuda::device_count())) {
      return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(std::stoi(index)));
    }
  }
  fail(ErrorKind::kUsage,
       "--device {}: expected auto, cpu or cuda[:i] with i below the number of GPUs",
       text);
}

at::ScalarType choose_compute_dtype(std::string_view text,
                                    bool stored_in_16_bits,
                                    at::Device device) {
  if (text == "fp32") {
    return at::kFloat;
  }
  if (text == "bf16") {
    return at::kBFloat16;
  }
  LINSCAN_CHECK(text == "auto", kUsage, "--dtype {}: expected auto, fp32 or bf16", text);
  if (!stored_in_16_bits) {
    return at::kFloat;
  }
  if (device.is_cuda()) {
    return at::kBFloat16;
  }
  const double ratio = bf16_to_fp32_time();
  log::debug("matmul probe: bf16 takes {:.2f} of the time of fp32", ratio);
  return ratio < 0.7 ? at::kBFloat16 : at::kFloat;
}

std::string_view dtype_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "fp32";
    case at::kBFloat16:
      return "bf16";
    case at::kHalf:
      return "fp16";
    case at::kDouble:
      return "fp64";
    default:
      return "other";
  }
}

void set_threads(int threads) {
  // Also when the number stays as it is: this switches off MKL's own choice, which varies with the
  // load of the machine and with it the last bits of the results.
  at::set_num_threads(threads > 0 ? threads : at::get_num_threads());
}

int threads() {
  return at::get_num_threads();
}

std::string_view torch_version() {
  return TORCH_VERSION;
}

}  // namespace linscan
