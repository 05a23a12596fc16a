#include "linscan/base/task_pool.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "linscan/base/interrupt.h"

namespace linscan {

struct TaskPool::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Task> waiting;
  int running = 0;
  bool open = false;  // between the start and the end of run()
  bool ending = false;
  bool inference = false;  // of the thread that called run()
  std::exception_ptr failure;
  int all_threads = 1;
  int share = 1;  // of one worker
  std::vector<std::thread> helpers;

  // Until nothing waits and nothing runs that could add more.
  void work(std::unique_lock<std::mutex>& lock) {
    while (true) {
      changed.wait(lock, [this] { return !waiting.empty() || running == 0; });
      if (waiting.empty()) {
        return;
      }
      const Task task = std::move(waiting.front());
      waiting.pop_front();
      ++running;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        check_interrupt();
        task();
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      --running;
      if (thrown) {
        failure = failure ? failure : thrown;
        waiting.clear();
      }
      changed.notify_all();
    }
  }

  void help() {
    at::set_num_threads(share);  // of this thread
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ending || (open && !waiting.empty()); });
      if (ending) {
        return;
      }
      const c10::InferenceMode mode(inference);
      work(lock);
    }
  }
};

int TaskPool::workers_for(at::Device device) {
  return device.is_cuda() ? 1 : std::clamp(at::get_num_threads(), 1, kMost);
}

TaskPool::TaskPool(int workers) : state_(std::make_unique<State>()) {
  state_->all_threads = at::get_num_threads();
  state_->share = std::max(1, state_->all_threads / workers);
  for (int i = 1; i < workers; ++i) {
    state_->helpers.emplace_back([state = state_.get()] { state->help(); });
  }
}

TaskPool::TaskPool(TaskPool&&) noexcept = default;

TaskPool::~TaskPool() {
  if (!state_) {
    return;  // moved from
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  for (std::thread& helper : state_->helpers) {
    helper.join();
  }
}

void TaskPool::add(Task task) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->failure) {
      return;
    }
    state_->waiting.push_back(std::move(task));
  }
  state_->changed.notify_all();
}

void TaskPool::run() {
  State& s = *state_;
  if (!s.helpers.empty()) {
    at::set_num_threads(s.share);
  }
  std::exception_ptr failure;
  {
    std::unique_lock lock(s.mutex);
    s.inference = c10::InferenceMode::is_enabled();
    s.open = true;
    s.changed.notify_all();
    s.work(lock);
    s.open = false;
    failure = std::exchange(s.failure, nullptr);
  }
  if (!s.helpers.empty()) {
    at::set_num_threads(s.all_threads);
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

int TaskPool::workers() const {
  return static_cast<int>(state_->helpers.size()) + 1;
}

}  // namespace linscan
