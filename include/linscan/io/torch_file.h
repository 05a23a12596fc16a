// Files of torch.save (pytorch_model.bin), read without torch and without running anything in them.
#pragma once

#include <filesystem>

#include "linscan/io/weights_file.h"

namespace linscan {

class TorchFile : public WeightsFile {
 public:
  // Maps a file that torch.save wrote of a state dict (torch 1.6 or later: a zip file with a pickle
  // and one record per storage) and checks everything that the pickle says against the records. No
  // weights are read. Tensors that share a storage are views of the same bytes; one that is not
  // stored row by row (a transposed view) is copied when it is first used, see
  // MappedFile::make_on_use. Entries of the dict that are no tensors are left out with one warning,
  // as transformers does. metadata() is empty.
  //
  // The pickle is read by a restricted reader: a fixed list of opcodes and of Python objects,
  // nothing is imported or called. Throws Error(kUnsupported) by name for any other object, for the
  // older format of torch.save, TorchScript, compressed records, big-endian files, and dicts that
  // hold the state dict under a key; Error(kInput) for what is damaged or contradicts itself. Both
  // say what to do.
  static TorchFile open(const std::filesystem::path& path);

 private:
  using WeightsFile::WeightsFile;
};

}  // namespace linscan
