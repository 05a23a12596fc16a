#include "linscan/base/error.h"

#include <utility>

namespace linscan {
namespace {

constexpr size_t kMaxHead = 3000;
constexpr size_t kMaxTail = 500;  // what to do stands at the end

// Messages quote what files say: they stay one line of a length that people read, whatever that is.
std::string one_line(std::string message) {
  for (char& c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      c = '?';
    }
  }
  if (message.size() > kMaxHead + kMaxTail) {
    message.replace(kMaxHead, message.size() - kMaxHead - kMaxTail, " ... ");
  }
  return message;
}

}  // namespace

void throw_error(ErrorKind kind, std::string message) {
  throw Error(kind, one_line(std::move(message)));
}

}  // namespace linscan
