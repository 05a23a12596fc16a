#include "linscan/base/error.h"

namespace linscan {

void throw_error(ErrorKind kind, std::string message) {
  throw Error(kind, message);
}

}  // namespace linscan
