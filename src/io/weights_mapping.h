// A file of weights while its reader looks at headers, before anyone uses the weights.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "linscan/io/mapped_file.h"

namespace linscan {

class WeightsMapping {
 public:
  // Maps the file so that touching a page reads no weights around it. Throws Error(kInput) for what
  // cannot be mapped and for a Git LFS pointer, the small text that a clone without Git LFS leaves
  // in place of the weights.
  explicit WeightsMapping(const std::filesystem::path& path);
  // From here on the kernel reads ahead again.
  ~WeightsMapping();
  WeightsMapping(const WeightsMapping&) = delete;
  WeightsMapping& operator=(const WeightsMapping&) = delete;

  const std::shared_ptr<MappedFile>& file() const { return file_; }
  // The bytes of the whole file.
  std::string_view text() const;

 private:
  std::shared_ptr<MappedFile> file_;
};

}  // namespace linscan
