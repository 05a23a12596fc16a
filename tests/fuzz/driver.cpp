// fuzz_driver TARGET: replays what once failed, then feeds seeded mutations to the target. Worth
// most in a build with LINSCAN_SANITIZE. docs/fuzzing.md says how to use it.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/mutator.h"
#include "fuzz/target.h"
#include "linscan/base/digest.h"
#include "linscan/base/log.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LINSCAN_ASAN 1  // clang
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LINSCAN_ASAN 1  // gcc
#endif
#if defined(LINSCAN_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

namespace linscan::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr int kSecondsPerInput = 20;           // of CPU time, so that a busy machine fails nothing
constexpr int64_t kMemoryKilobytes = 1 << 20;  // growth of the process that one input may cause
constexpr size_t kMaxPool = 4096;

struct Options {
  std::string target;
  double seconds = 0;
  int64_t iterations = 1000;
  uint64_t seed = 1;
  std::string regressions;
  std::string write_seeds;
};

// The input that runs, for handlers that may not allocate.
const std::string* running = nullptr;
char failure_file[256] = "fuzz-failure";

void save_running() {
  if (running == nullptr) {
    return;
  }
  if (FILE* out = fopen(failure_file, "wb"); out != nullptr) {
    fwrite(running->data(), 1, running->size(), out);
    fclose(out);
  }
  fprintf(stderr, "fuzz_driver: the input that failed is in %s\n", failure_file);
  running = nullptr;
}

void on_signal(int number) {
  const char* text =
      number == SIGPROF ? "fuzz_driver: an input takes too long\n" : "fuzz_driver: crashed\n";
  if (write(STDERR_FILENO, text, strlen(text)) < 0) {
    _exit(1);
  }
  save_running();
  _exit(1);
}

void catch_crashes() {
  signal(SIGPROF, on_signal);
#if defined(LINSCAN_ASAN)
  __sanitizer_set_death_callback(save_running);  // the sanitizer reports signals itself
#else
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    signal(number, on_signal);
  }
#endif
}

// SIGPROF after so many seconds of CPU time; 0: never.
void limit_seconds(int seconds) {
  const itimerval limit = {.it_interval = {0, 0}, .it_value = {seconds, 0}};
  setitimer(ITIMER_PROF, &limit, nullptr);
}

int64_t peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Runs one input; false, with the reason on stderr and the input in a file, when it fails.
bool passes(const Target& target, const std::string& input) {
  const int64_t before = peak_kilobytes();
  running = &input;
  limit_seconds(kSecondsPerInput);
  std::string problem;
  try {
    target.run(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  } catch (const std::exception& error) {
    problem = error.what();
  }
  limit_seconds(0);
  if (problem.empty() && peak_kilobytes() - before > kMemoryKilobytes) {
    problem = fmt::format("{} kB of memory for one input", peak_kilobytes() - before);
  }
  if (!problem.empty()) {
    fmt::print(stderr, "fuzz_driver: {}: {}\n", target.name, problem);
    save_running();
  }
  running = nullptr;
  return problem.empty();
}

// The message without what differs from input to input: names and numbers.
std::string kind_of_outcome(std::string_view message) {
  std::string kind;
  bool quoted = false;
  for (const char c : message) {
    quoted ^= c == '"';
    if (!quoted && (c < '0' || c > '9')) {
      kind += c;
    }
  }
  return kind;
}

std::string content_of(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

bool replay(const Target& target, const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  bool passed = true;
  for (const fs::path& path : paths) {
    const std::string input = content_of(path);
    if (!passes(target, input)) {
      fmt::print(stderr, "fuzz_driver: the regression {} is back\n", path.string());
      passed = false;
    }
  }
  fmt::print("{}: {} regressions replayed\n", target.name, paths.size());
  return passed;
}

bool mutate(const Target& target, const Options& options) {
  std::vector<std::string> pool = target.seeds();
  std::set<std::string> kinds;
  for (const std::string& seed : pool) {
    if (!passes(target, seed)) {
      return false;
    }
    kinds.insert(kind_of_outcome(last_outcome()));
  }
  const size_t seeds = pool.size();
  Mutator mutator(options.seed, target.words);
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  int64_t runs = 0;
  int64_t successes = 0;
  while (options.seconds > 0 ? elapsed() < options.seconds : runs < options.iterations) {
    // Half of the time an input that was made before, or else deep changes would never add up.
    const size_t base = mutator.below(mutator.below(2) == 0 ? seeds : pool.size());
    const std::string input = mutator.change(pool[base], pool[mutator.below(pool.size())]);
    if (!passes(target, input)) {
      return false;
    }
    ++runs;
    successes += last_outcome().empty() ? 1 : 0;
    const bool is_new = kinds.insert(kind_of_outcome(last_outcome())).second;
    if (is_new || mutator.below(50) == 0) {
      if (pool.size() < kMaxPool) {
        pool.push_back(input);
      } else {
        pool[seeds + mutator.below(pool.size() - seeds)] = input;
      }
    }
  }
  fmt::print("{}: {} inputs in {:.1f} s, {} read, {} kinds of outcome\n",
             target.name,
             runs,
             elapsed(),
             successes,
             kinds.size());
  return true;
}

int run(const Options& options) {
  const auto known = targets();
  const auto target = std::ranges::find(known, std::string_view(options.target), &Target::name);
  if (target == known.end()) {
    fmt::print(stderr, "fuzz_driver: no target {}; there are:", options.target);
    for (const Target& other : known) {
      fmt::print(stderr, " {}", other.name);
    }
    fmt::print(stderr, "\n");
    return 2;
  }
  snprintf(failure_file, sizeof failure_file, "fuzz-%s-failure", options.target.c_str());
  log::configure("fuzz_driver", log::Level::kError);  // warnings about strange files are no news
  if (!options.write_seeds.empty()) {
    fs::create_directories(options.write_seeds);
    for (const std::string& seed : target->seeds()) {
      Sha256 digest;
      digest.update(seed);
      std::ofstream(fs::path(options.write_seeds) / digest.finish().substr(0, 16)) << seed;
    }
    return 0;
  }
  catch_crashes();
  const bool replayed = options.regressions.empty() || replay(*target, options.regressions);
  return replayed && mutate(*target, options) ? 0 : 1;
}

}  // namespace
}  // namespace linscan::fuzz

int main(int argc, char** argv) {
  linscan::fuzz::Options options;
  CLI::App app("Feeds seeded mutations of small valid inputs to a reader");
  app.add_option("TARGET", options.target, "Which reader")->required();
  app.add_option("--seconds", options.seconds, "How long; instead of --iterations");
  app.add_option("--iterations", options.iterations, "How many mutations")->capture_default_str();
  app.add_option("--seed", options.seed, "Of the mutations")->capture_default_str();
  app.add_option("--regressions", options.regressions, "Folder of inputs to replay first");
  app.add_option("--write-seeds", options.write_seeds, "Only write the seeds to this folder");
  CLI11_PARSE(app, argc, argv);
  return linscan::fuzz::run(options);
}
