#include "text/vocabulary.h"

#include <functional>
#include <limits>

#include "linscan/base/error.h"

namespace linscan {

size_t Vocabulary::slot_of(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>{}(token)&mask;
  while (slots_[slot] != 0 && text_of(entries_[slots_[slot] - 1]) != token)
    slot = (slot + 1) & mask;
  return slot;
}

void Vocabulary::grow() {
  slots_.assign(slots_.empty() ? 1024 : slots_.size() * 2, 0);
  for (size_t i = 0; i < entries_.size(); ++i) {
    slots_[slot_of(text_of(entries_[i]))] = static_cast<uint32_t>(i + 1);
  }
}

void Vocabulary::add(std::string_view token, int64_t id, const std::string& where) {
  LINSCAN_CHECK(id >= 0 && id <= kMaxId,
                kInput,
                "{}: token \"{}\" has id {}, expected 0 to {}",
                where,
                token,
                id,
                kMaxId);
  LINSCAN_CHECK(text_.size() + token.size() < std::numeric_limits<uint32_t>::max(),
                kInput,
                "{}: the vocabulary holds more than 4 GiB of text",
                where);
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const size_t slot = slot_of(token);
  LINSCAN_CHECK(
      slots_[slot] == 0, kInput, "{}: token \"{}\" appears twice in the vocabulary", where, token);
  entries_.push_back({static_cast<uint32_t>(text_.size()),
                      static_cast<uint32_t>(token.size()),
                      static_cast<int32_t>(id)});
  text_ += token;
  const auto index = static_cast<uint32_t>(entries_.size());
  slots_[slot] = index;
  if (static_cast<size_t>(id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(id) + 1, 0);
  by_id_[static_cast<size_t>(id)] = index;
}

int32_t Vocabulary::find(std::string_view token) const {
  if (slots_.empty()) return -1;
  const uint32_t index = slots_[slot_of(token)];
  return index == 0 ? -1 : entries_[index - 1].id;
}

bool Vocabulary::contains_id(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < by_id_.size() && by_id_[static_cast<size_t>(id)] != 0;
}

std::string_view Vocabulary::token(int32_t id) const {
  return contains_id(id) ? text_of(entries_[by_id_[static_cast<size_t>(id)] - 1])
                         : std::string_view();
}

}  // namespace linscan
