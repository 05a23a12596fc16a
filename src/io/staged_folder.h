// A checkpoint folder that is written beside its final name and appears there whole.
#pragma once

#include <filesystem>
#include <vector>

namespace linscan {

// Unlike AtomicFolder, which replaces single files, this replaces a folder as a whole: weights of
// an older checkpoint left beside new ones would be read as part of it.
class StagedFolder {
 public:
  // Makes the staging folder, and the folders above `folder` that are missing. `folder` may be
  // absent or empty; with `force` it may also be a checkpoint, which stays as it is until commit().
  // A checkpoint is a folder with config.json, weights, and nothing else but files that describe a
  // model: no folders, no state of a training. Nothing else is ever replaced, so that a mistyped
  // name costs nothing. Throws Error(kInput).
  StagedFolder(const std::filesystem::path& folder, bool force);
  // Without commit() removes all that was made.
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  // Where to write meanwhile: a sibling of target().
  const std::filesystem::path& staging() const { return staging_; }
  // The final folder: absolute, symbolic links resolved.
  const std::filesystem::path& target() const { return target_; }

  // Puts the folder in place with one rename and removes the one it replaces. When it throws, what
  // was there before is there still.
  void commit();

 private:
  void make_folders();
  void remove_made_folders();
  void replace();

  std::filesystem::path target_;
  bool force_;
  std::filesystem::path staging_;
  std::vector<std::filesystem::path>
      made_;  // folders above target_ that were missing, outermost first
  bool committed_ = false;
};

// Refuses `output` when writing there would change `source`: the same folder, one inside the other,
// or the folder that the links in `source` lead to, as in the caches of the HuggingFace hub. Throws
// Error(kInput).
void require_apart(const std::filesystem::path& output, const std::filesystem::path& source);

}  // namespace linscan
