// linscan linearize MODEL --out DIR: fitted linear maps in place of blocks or of their attention.
#include "common/edit_command.h"
#include "common/run_main.h"

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool(
      "linscan-linearize",
      "Puts fitted linear maps in the place of blocks, or of their attention, and writes a "
      "checkpoint that transformers opens.",
      "linscan linearize ./pythia-70m --blocks 3 --data wiki.txt --out ./pythia-70m-linear-3");
  EditOptions options("linearize", "linear");
  options.add_to(tool.cli());
  return tool.run(argc, argv, [&] { run_edit(options); });
}
