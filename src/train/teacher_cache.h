// What a teacher predicts for windows of a text, in a file that later epochs and other students
// read instead of running the teacher again. Needs libtorch.
//
// The file has a header of kHeaderBytes (JSON, padded with spaces) that says which teacher, text
// and options it is of, then records of one size, appended as windows are seen: the window, a
// checksum, and what TopPredictions holds of its rows. A record that a kill cut short is dropped;
// one that does not have its checksum counts as not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/descriptor.h"
#include "linscan/base/json.h"
#include "linscan/train/distillation_loss.h"

namespace linscan {

class TeacherCache {
 public:
  static constexpr int64_t kHeaderBytes = 4096;

  // Opens `file`, or makes it.
  // key          what the predictions depend on; a file with another one is Error(kInput), with
  //              the first difference.
  // window_rows  rows of every window, top_k tokens of every row.
  // While another process writes to the file it is only read: what is missing is not kept.
  TeacherCache(std::filesystem::path file, const Json& key, int64_t window_rows, int64_t top_k);
  TeacherCache(const TeacherCache&) = delete;
  TeacherCache& operator=(const TeacherCache&) = delete;

  // The rows of all these windows, behind one another: ids int64, log-probabilities fp32, host.
  // Nothing where one of them is missing.
  std::optional<TopPredictions> find(std::span<const int64_t> windows);
  // Adds what is missing. ids (N, K) and log-probabilities (N, K + 1) of any dtype and device.
  void add(std::span<const int64_t> windows, const TopPredictions& predictions);

  // {"file", "windows" held, "windows_read", "windows_added"}.
  Json describe() const;

 private:
  void write_header(const Json& key);
  void check_header(const Json& key) const;
  void read_index(int64_t bytes);
  bool read_record(int64_t offset);

  std::filesystem::path file_;
  int64_t window_rows_, top_k_;
  int64_t ids_bytes_, record_bytes_;
  Descriptor opened_;
  bool writable_ = true;
  int64_t end_ = kHeaderBytes;
  std::unordered_map<int64_t, int64_t> offsets_;  // of records, by window
  std::vector<char> record_;
  int64_t read_ = 0, added_ = 0;
};

}  // namespace linscan
