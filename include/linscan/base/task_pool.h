// Runs independent pieces of tensor work side by side. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace linscan {

using Task = std::function<void()>;

// The linear algebra of one block's scores is many solves with matrices too small, and partly too
// sequential, to keep all cores busy one after another. Side by side, each with its share of the
// threads, they do.
class TaskPool {
 public:
  // Tasks that run at once on this device with the current number of threads: at most kMost, since
  // each needs memory of its own. On a GPU one, on the calling thread.
  static int workers_for(at::Device device);
  static constexpr int kMost = 4;

  // workers >= 1, the calling thread included. Call set_threads() before.
  explicit TaskPool(int workers);
  ~TaskPool();
  TaskPool(TaskPool&&) noexcept;
  TaskPool& operator=(TaskPool&&) = delete;

  // Queues a task; also from inside a running one. Start long ones first.
  void add(Task task);
  // Runs all queued tasks, and those that they add; Ctrl-C ends it as everywhere. Rethrows the
  // first exception of any of them, after the running ones have ended; the waiting ones are dropped
  // then. Tasks must not depend on the order in which they run.
  void run();

  int workers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace linscan
