// JSON from files we do not trust, and numbers that may not exist.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace linscan {

using Json = nlohmann::ordered_json;

// Parses `text`; refuses duplicate keys, nesting beyond 64 levels and invalid UTF-8. `what` names
// the source in errors.
Json parse_json(std::string_view text, std::string_view what);

// Reads and parses a whole file of at most `max_bytes`.
Json read_json_file(const std::filesystem::path& path, int64_t max_bytes = int64_t{512} << 20);

// Reads a whole file into memory; refuses directories, unreadable files and files above
// `max_bytes`.
std::string read_file(const std::filesystem::path& path, int64_t max_bytes = int64_t{512} << 20);

// A finite number as itself, anything else as null: NaN never reaches a result file.
Json number_or_null(double value);
Json number_or_null(std::optional<double> value);

}  // namespace linscan
