// The entry point that libFuzzer calls; LINSCAN_FUZZ_FUNCTION is set by CMake, one program each.
#include <cstddef>
#include <cstdint>

#include "fuzz/fuzz_targets.h"
#include "linscan/base/log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace linscan;
  static const bool quiet = (log::configure("fuzz", log::Level::kError), true);
  static_cast<void>(quiet);
  return fuzz::LINSCAN_FUZZ_FUNCTION(data, size);
}
