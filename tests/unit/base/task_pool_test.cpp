#include "linscan/base/task_pool.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace linscan {
namespace {

TEST(TaskPool, TasksThatAddTasks_AllRun) {
  for (const int workers : {1, 3}) {
    TaskPool pool(workers);
    EXPECT_EQ(pool.workers(), workers);
    std::atomic<int> runs = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) {
        pool.add([&] {
          ++runs;
          pool.add([&] { ++runs; });
        });
      }
      pool.run();
      EXPECT_EQ(runs, 40 * (round + 1)) << workers << " workers";
    }
  }
}

TEST(TaskPool, Exception_ReachesTheCallerAndDropsWhatWaits) {
  for (const int workers : {1, 2}) {
    TaskPool pool(workers);
    std::atomic<int> runs = 0;
    pool.add([] { throw std::runtime_error("solver"); });
    for (int i = 0; i < 1000; ++i) {
      pool.add([&] { ++runs; });
    }
    EXPECT_THROW(pool.run(), std::runtime_error);
    EXPECT_LT(runs, 1000);
    pool.add([&] { runs = -1; });
    pool.run();  // the pool is whole again
    EXPECT_EQ(runs, -1);
  }
}

TEST(TaskPool, ThreadsOfTheCaller_AreWhatTheyWere) {
  const int before = at::get_num_threads();
  at::set_num_threads(4);
  {
    TaskPool pool(2);
    std::atomic<int> inside = 0;
    pool.add([&] { inside = at::get_num_threads(); });
    pool.run();
    EXPECT_EQ(inside, 2);
  }
  EXPECT_EQ(at::get_num_threads(), 4);
  at::set_num_threads(before);
}

}  // namespace
}  // namespace linscan
