#include "io/weights_mapping.h"

#include "linscan/base/error.h"

namespace linscan {

std::shared_ptr<MappedFile> map_weights(const std::filesystem::path& path) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path);
  LINSCAN_CHECK(!text_of(*file).starts_with("version https://git-lfs.github.com/spec/"),
                kInput,
                "{}: is a Git LFS pointer, not the weights; fetch them with: git lfs pull",
                path.string());
  return file;
}

std::string_view text_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace linscan
