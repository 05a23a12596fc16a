#include "common/compute_options.h"

#include "linscan/base/system.h"

namespace linscan::tools {

void ComputeOptions::add_to(CLI::App& app) {
  app.add_option("--device", device, "auto, cpu or cuda[:i]")->group("Compute");
  app.add_option("--dtype", dtype, "Dtype of the matmuls; the residual stream is always fp32")
      ->group("Compute")
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}));
  app.add_option("--threads", threads, "CPU threads; 0: one per core")
      ->group("Compute")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  app.add_option("--memory-limit",
                 memory_limit,
                 "Host memory to stay below, like 8GiB; auto: four fifths of what is free")
      ->group("Compute")
      ->type_name("SIZE");
}

int64_t ComputeOptions::memory_limit_bytes() const {
  return memory_limit == "auto" ? 0 : parse_bytes(memory_limit);
}

}  // namespace linscan::tools
