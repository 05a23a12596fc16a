#include "io/weights_mapping.h"

#include "linscan/base/error.h"

namespace linscan {

WeightsMapping::WeightsMapping(const std::filesystem::path& path) : file_(MappedFile::open(path)) {
  file_->read_pages_alone(true);
  LINSCAN_CHECK(!text().starts_with("version https://git-lfs.github.com/spec/"),
                kInput,
                "{}: is a Git LFS pointer, not the weights; fetch them with: git lfs pull",
                path.string());
}

WeightsMapping::~WeightsMapping() {
  file_->read_pages_alone(false);
}

std::string_view WeightsMapping::text() const {
  const auto bytes = file_->bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace linscan
