// open_checkpoint FOLDER [REPEATS] [read]: how long a checkpoint takes to open, and with `read` how
// long its weights then take to come into memory. Prints one JSON object. Run by
// scripts/bench/open_checkpoint.py.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string_view>
#include <vector>

#include "linscan/io/checkpoint.h"

namespace {

template <typename Action>
double seconds(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  using linscan::Checkpoint;
  if (argc < 2) {
    fmt::print(stderr, "usage: open_checkpoint FOLDER [REPEATS] [read]\n");
    return 2;
  }
  try {
    const int repeats = argc > 2 ? std::atoi(argv[2]) : 1;
    const bool read = argc > 3 && std::string_view(argv[3]) == "read";
    std::vector<double> opening;
    std::vector<double> opening_cpu;
    std::vector<double> reading;
    size_t tensors = 0;
    int64_t bytes = 0;
    for (int i = 0; i < repeats; ++i) {
      const std::clock_t cpu = std::clock();
      opening.push_back(seconds([&] {
        const Checkpoint checkpoint = Checkpoint::open(argv[1]);
        tensors = checkpoint.names().size();
        bytes = checkpoint.total_bytes();
      }));
      opening_cpu.push_back(static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
      if (read) {
        const Checkpoint checkpoint = Checkpoint::open(argv[1]);
        reading.push_back(seconds([&] {
          for (const auto& name : checkpoint.names()) {
            checkpoint.at(name).prefetch();
            checkpoint.at(name).release();
          }
        }));
      }
    }
    fmt::print(
        "{{\"tensors\": {}, \"bytes\": {}, \"open\": [{}], \"open_cpu\": [{}], \"read\": [{}]}}\n",
        tensors,
        bytes,
        fmt::join(opening, ", "),
        fmt::join(opening_cpu, ", "),
        fmt::join(reading, ", "));
  } catch (const std::exception& error) {
    fmt::print(stderr, "open_checkpoint: {}\n", error.what());
    return 1;
  }
  return 0;
}
