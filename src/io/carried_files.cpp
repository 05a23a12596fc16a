#include "io/carried_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/interrupt.h"

namespace linscan {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 13> kNames = {
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "tekken.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
};
constexpr std::array<std::string_view, 4> kLicences = {
    "LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};
constexpr std::array<std::string_view, 3> kCode = {"configuration_", "modeling_", "tokenization_"};
constexpr size_t kPieceBytes = size_t{1} << 20;

}  // namespace

bool is_carried(std::string_view name) {
  const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kLicences, starts) ||
         (name.ends_with(".py") && std::ranges::any_of(kCode, starts));
}

std::vector<std::string> carried_files(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    const std::string name = entry.path().filename().string();
    std::error_code broken;
    if (!is_carried(name) || entry.is_directory(broken)) {
      continue;  // "LICENSES" may be a folder
    }
    LINSCAN_CHECK(entry.is_regular_file(broken),
                  kInput,
                  "{}: is no regular file, so it cannot be carried over",
                  entry.path().string());
    names.push_back(name);
  }
  LINSCAN_CHECK(!ec, kInput, "{}: cannot be listed: {}", folder.string(), ec.message());
  std::ranges::sort(names);
  return names;
}

void copy_content(const fs::path& from, const fs::path& to) {
  std::ifstream in(from, std::ios::binary);
  LINSCAN_CHECK(
      in.is_open(), kInput, "{}: cannot be opened: {}", from.string(), std::strerror(errno));
  AtomicFile out(to);
  std::string piece(kPieceBytes, '\0');
  do {
    check_interrupt();
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    out.write(piece.data(), in.gcount());
  } while (in);
  LINSCAN_CHECK(in.eof(), kInput, "{}: reading failed: {}", from.string(), std::strerror(errno));
  out.commit();
}

}  // namespace linscan
