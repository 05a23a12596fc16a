// linscan prune MODEL --out DIR: remove blocks, or fold what they did into the block before them.
#include "common/edit_command.h"
#include "common/run_main.h"

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool("linscan-prune",
               "Removes blocks of a decoder, or folds what they did into the block before, and "
               "writes a checkpoint that other tools open.",
               "linscan prune ./pythia-70m --drop 2 --data wiki.txt --out ./pythia-70m-4-blocks "
               "--max-ppl-increase 20%");
  EditOptions options("prune", "auto");
  options.add_to(tool.cli());
  return tool.run(argc, argv, [&] { run_edit(options); });
}
