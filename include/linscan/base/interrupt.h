// Ctrl-C and SIGTERM: a flag that long loops look at, so that an interrupted run leaves nothing
// half-written.
#pragma once

namespace linscan {

// Installs the handlers. The second signal ends the process at once.
void install_interrupt_handlers();
bool interrupt_requested();
// Throws Interrupted when a signal has arrived. Call between units of work (a batch, a block, a
// file).
void check_interrupt();

// While one is alive check_interrupt() does not throw: for work that saves what was done before the
// program stops.
class InterruptHeldBack {
 public:
  InterruptHeldBack();
  ~InterruptHeldBack();
  InterruptHeldBack(const InterruptHeldBack&) = delete;
  InterruptHeldBack& operator=(const InterruptHeldBack&) = delete;
};

}  // namespace linscan
