#include "linscan/base/version.h"

namespace linscan {

std::string_view version() {
  return LINSCAN_VERSION;
}

std::string_view commit() {
  return LINSCAN_COMMIT;
}

}  // namespace linscan
