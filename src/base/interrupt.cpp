#include "linscan/base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int kExitInterrupted = 130;
std::atomic<bool> requested{false};
std::atomic<int> held_back{0};

void on_signal(int) {
  if (requested.exchange(true)) {
    _exit(kExitInterrupted);
  }
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupt_requested() {
  return requested.load(std::memory_order_relaxed);
}

InterruptHeldBack::InterruptHeldBack() {
  ++held_back;
}

InterruptHeldBack::~InterruptHeldBack() {
  --held_back;
}

void check_interrupt() {
  if (interrupt_requested() && held_back.load(std::memory_order_relaxed) == 0) {
    throw Interrupted();
  }
}

}  // namespace linscan
