#include "linscan/base/version.h"

#include <nlohmann/json.hpp>

namespace linscan {

std::string_view version() {
  return LINSCAN_VERSION;
}

std::string_view commit() {
  return LINSCAN_COMMIT;
}

Json describe_software(std::string_view torch) {
  return {{"linscan", version()}, {"commit", commit()}, {"torch", torch}};
}

}  // namespace linscan
