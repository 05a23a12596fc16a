#include "io/staged_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "io/carried_files.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"

namespace linscan {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxAttempts = 1000;

fs::path resolved(const fs::path& folder) {
  LINSCAN_CHECK(!folder.empty(), kInput, "the name of the output folder is empty");
  std::error_code ec;
  fs::path target = fs::weakly_canonical(fs::absolute(folder), ec);
  LINSCAN_CHECK(!ec, kInput, "{}: cannot be written: {}", folder.string(), ec.message());
  if (target.filename().empty()) {
    target = target.parent_path();  // "out/" names the folder "out"
  }
  LINSCAN_CHECK(target.has_relative_path(),
                kInput,
                "{}: cannot be an output folder; name a folder inside it",
                folder.string());
  return target;
}

bool is_mount_point(const fs::path& folder) {
  struct statx info{};
  return statx(AT_FDCWD, folder.c_str(), 0, 0, &info) == 0 &&
         (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool is_weight_file(const std::string& name) {
  return (name.starts_with("model") && name.ends_with(".safetensors")) ||
         (name.starts_with("pytorch_model") && name.ends_with(".bin"));
}

// Files that describe a model. Not among them: the state of a training (optimizer.pt, *.pth,
// training_args.bin), archives, and whatever else people keep.
bool is_description(const std::string& name) {
  constexpr std::array<std::string_view, 9> kEndings = {
      ".json", ".jinja", ".model", ".txt", ".md", ".py", ".toml", ".csv", ".html"};
  const auto ends = [&](std::string_view ending) { return name.ends_with(ending); };
  return is_carried(name) || std::ranges::any_of(kEndings, ends) || name == ".gitattributes";
}

// Why `folder` is no checkpoint that may be replaced; empty when it is one.
std::string reject_checkpoint(const fs::path& folder) {
  bool has_config = false;
  bool has_weights = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() || (!is_weight_file(name) && !is_description(name))) {
      return fmt::format("it also holds {}", name);
    }
    has_config |= name == "config.json";
    has_weights |= is_weight_file(name);
  }
  return !has_config ? "it has no config.json" : !has_weights ? "it has no weights" : "";
}

bool is_absent_or_empty(const fs::path& folder) {
  return !fs::exists(folder) || fs::is_empty(folder);
}

void require_replaceable(const fs::path& target, bool force) {
  const std::string name = target.string();
  if (!fs::exists(target)) {
    LINSCAN_CHECK(!fs::is_symlink(target),
                  kInput,
                  "{}: is a symbolic link to something that is not there",
                  name);
    return;
  }
  LINSCAN_CHECK(fs::is_directory(target), kInput, "{}: exists and is not a folder", name);
  LINSCAN_CHECK(!is_mount_point(target),
                kInput,
                "{}: is a mount point, which cannot be replaced; name a folder inside it",
                name);
  if (fs::is_empty(target)) {
    return;
  }
  LINSCAN_CHECK(force,
                kInput,
                "{}: exists and is not empty; choose another folder or pass --force to replace it",
                name);
  const std::string problem = reject_checkpoint(target);
  LINSCAN_CHECK(problem.empty(),
                kInput,
                "{}: is not replaced even with --force, because it is not just a checkpoint: {}; "
                "remove it yourself or choose another folder",
                name,
                problem);
}

// Makes the names in `folder` durable. File systems that cannot do it are left to themselves.
void sync_folder(const fs::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
}

// Makes a folder of a new name beside `target`. No clean-up of an older run's: two machines that
// share the file system may have equal process numbers.
fs::path make_sibling(const fs::path& target) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const fs::path path = fmt::format("{}.tmp-{}-{}", target.string(), getpid(), attempt);
    if (mkdir(path.c_str(), 0777) == 0) {
      return path;
    }
    LINSCAN_CHECK(errno == EEXIST,
                  kInput,
                  "{}: cannot be written: {}: {}",
                  target.string(),
                  path.string(),
                  std::strerror(errno));
  }
  fail_input(
      "{0}: cannot be written: {1} folders {0}.tmp-... of broken runs lie beside it; "
      "remove them",
      target.string(),
      kMaxAttempts);
}

[[noreturn]] void fail_in_place(const fs::path& target) {
  fail_input("{}: cannot be put in place: {}", target.string(), std::strerror(errno));
}

// Whether `path` is `folder` or lies in it; both canonical.
bool is_within(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

}  // namespace

StagedFolder::StagedFolder(const fs::path& folder, bool force)
    : target_(resolved(folder)), force_(force) {
  try {
    require_replaceable(target_, force);
    make_folders();
    staging_ = make_sibling(target_);
  } catch (const fs::filesystem_error& e) {
    remove_made_folders();
    fail_input("{}: cannot be written: {}", target_.string(), e.code().message());
  } catch (...) {
    remove_made_folders();
    throw;
  }
}

StagedFolder::~StagedFolder() {
  if (!committed_) {
    remove_tree(staging_);
    remove_made_folders();
  }
}

void StagedFolder::make_folders() {
  std::vector<fs::path> missing;
  for (fs::path at = target_.parent_path(); !fs::exists(at); at = at.parent_path()) {
    missing.push_back(at);
  }
  std::ranges::reverse(missing);
  for (const fs::path& folder : missing) {
    if (fs::create_directory(folder)) {  // false: somebody else has made it meanwhile
      made_.push_back(folder);
    }
  }
}

void StagedFolder::remove_made_folders() {
  std::error_code ec;
  for (; !made_.empty(); made_.pop_back()) {
    fs::remove(made_.back(), ec);  // only while it is empty
  }
}

void StagedFolder::commit() {
  try {
    require_replaceable(target_, force_);  // hours may have passed
    sync_folder(staging_);
    if (is_absent_or_empty(target_)) {
      // Also over an empty folder, in one step; fails where the folder has been filled meanwhile.
      if (rename(staging_.c_str(), target_.c_str()) != 0) {
        fail_in_place(target_);
      }
      committed_ = true;
    } else {
      replace();
    }
    sync_folder(target_.parent_path());
  } catch (const fs::filesystem_error& e) {
    fail_input("{}: cannot be put in place: {}", target_.string(), e.code().message());
  }
}

void StagedFolder::replace() {
  fs::path old = staging_;  // where the replaced folder is afterwards
  if (renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
    LINSCAN_CHECK(errno == EINVAL || errno == ENOSYS,
                  kInput,
                  "{}: cannot be put in place: {}",
                  target_.string(),
                  std::strerror(errno));
    // A file system that cannot exchange two names, such as NFS.
    old = make_sibling(target_);
    if (rename(target_.c_str(), old.c_str()) != 0) {
      const int error = errno;
      rmdir(old.c_str());
      errno = error;
      fail_in_place(target_);
    }
    if (rename(staging_.c_str(), target_.c_str()) != 0) {
      const int error = errno;
      const bool is_back = rename(old.c_str(), target_.c_str()) == 0;
      fail_input("{}: cannot be put in place: {}{}",
                 target_.string(),
                 std::strerror(error),
                 is_back ? "" : "; the folder that was there is now " + old.string());
    }
  }
  committed_ = true;
  if (!remove_tree(old)) {
    log::warn("{}: the replaced folder could not be removed ({}); it is now {}",
              target_.string(),
              std::strerror(errno),
              old.string());
  }
}

void require_apart(const fs::path& output, const fs::path& source) {
  const fs::path target = resolved(output);
  std::error_code ec;
  const fs::path folder = fs::canonical(source, ec);
  LINSCAN_CHECK(!ec, kInput, "{}: {}", source.string(), ec.message());
  std::error_code absent;
  const bool is_same = folder == target || fs::equivalent(folder, target, absent);
  LINSCAN_CHECK(!is_same,
                kInput,
                "{}: is the folder that is read; choose another output folder",
                target.string());
  LINSCAN_CHECK(
      !is_within(target, folder) && !is_within(folder, target),
      kInput,
      "{}: must not lie inside the folder that is read, {}, nor around it; choose another "
      "output folder",
      target.string(),
      folder.string());
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    std::error_code broken;
    const fs::path file = fs::canonical(entry.path(), broken);
    LINSCAN_CHECK(
        broken || !is_within(file, target),
        kInput,
        "{}: holds {}, which the folder that is read links to; choose another output folder",
        target.string(),
        file.filename().string());
  }
  LINSCAN_CHECK(!ec, kInput, "{}: cannot be listed: {}", source.string(), ec.message());
}

}  // namespace linscan
