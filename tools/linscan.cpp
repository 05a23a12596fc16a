// The umbrella: `linscan NAME ARGS` runs the executable linscan-NAME beside it, as git does.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/system.h"
#include "linscan/base/version.h"

namespace fs = std::filesystem;

namespace {

constexpr int kExitUsage = 2;

struct Command {
  const char* name;
  const char* summary;
};

constexpr Command kCommands[] = {
    {"analyze", "how linear is each block: table, JSON, CSV, one HTML report"},
    {"eval", "perplexity, benchmarks, distance from another model"},
    {"pretrain-reg", "train a decoder from random weights with the paper's regulariser"},
    {"finetune", "classifiers and reward models, and what training did to the linearity"},
    {"prune", "remove blocks, or fold what they did into the block before them"},
    {"linearize", "fitted linear maps in place of blocks or of their attention"},
    {"distill", "heal an edited model against the one it was made of"},
    {"ladder", "perplexity and benchmarks as more and more blocks are edited"},
    {"report", "table or HTML report of a saved result"},
    {"compare", "many models over depth, training runs over steps: table, CSV, one HTML report"},
    {"check", "fail when a model's figures moved from their baseline"},
    {"info", "what a checkpoint is, and whether it is supported"},
    {"tokenize", "token ids of texts, one JSON array per record"},
    {"train-tokenizer", "a tokenizer trained on your own text"},
    {"doctor", "what this build and this machine can do"},
};

void print_help() {
  fmt::print("linscan {} - how linear are the blocks of a transformer decoder?\n\n",
             linscan::version());
  fmt::print("Usage: linscan COMMAND [OPTIONS]\n\nCommands:\n");
  for (const Command& command : kCommands) {
    fmt::print("  {:<15} {}\n", command.name, command.summary);
  }
  fmt::print("\nlinscan COMMAND --help shows the options of a command.\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    print_help();
    return kExitUsage;
  }
  const std::string_view name = argv[1];
  if (name == "-h" || name == "--help" || name == "help") {
    print_help();
    return 0;
  }
  if (name == "--version") {
    fmt::print("linscan {} ({})\n", linscan::version(), linscan::commit());
    return 0;
  }
  const fs::path program = linscan::executable_folder() / fmt::format("linscan-{}", name);
  if (name.starts_with("-") || name.find('/') != std::string_view::npos || !fs::exists(program)) {
    fmt::print(
        stderr, "linscan: error: there is no command \"{}\"; `linscan --help` lists them\n", name);
    return kExitUsage;
  }
  execv(program.c_str(), argv + 1);
  fmt::print(stderr, "linscan: error: {}: {}\n", program.string(), std::strerror(errno));
  return 3;
}
