// Token strings and their ids, both ways. Strings live in one block: a vocabulary of 250,000 tokens
// loads in milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

class Vocabulary {
 public:
  // Ids above this are refused: no model has such a table, and a hostile file could ask for any
  // amount of memory.
  static constexpr int64_t kMaxId = (int64_t{1} << 24) - 1;

  // Adds `token`; `where` names the source in errors. Refuses a token that is already there and an
  // id out of range.
  void add(std::string_view token, int64_t id, const std::string& where);

  // Id of `token`, or -1.
  int32_t find(std::string_view token) const;
  // Token with this id; empty when there is none (see contains_id). Of several tokens with one id,
  // the last one.
  std::string_view token(int32_t id) const;
  bool contains_id(int32_t id) const;

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }    // number of tokens
  int64_t id_limit() const { return static_cast<int64_t>(by_id_.size()); }  // highest id + 1

  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_) visit(text_of(entry), entry.id);
  }

 private:
  struct Entry {
    uint32_t offset;
    uint32_t length;
    int32_t id;
  };

  std::string_view text_of(const Entry& entry) const {
    return std::string_view(text_).substr(entry.offset, entry.length);
  }
  size_t slot_of(std::string_view token) const;
  void grow();

  std::string text_;
  std::vector<Entry> entries_;
  std::vector<uint32_t>
      slots_;  // index into entries_ plus 1, 0 for free; a power of two, at most half full
  std::vector<uint32_t> by_id_;  // index into entries_ plus 1, 0 for none
};

}  // namespace linscan
