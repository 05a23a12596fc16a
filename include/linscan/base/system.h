// What the operating system knows: memory in use, sizes in words, where this program is installed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace linscan {

// "8GiB", "512 MB", "1.5G", "1048576": bytes. Powers of 1024 with or without the i.
int64_t parse_bytes(std::string_view text);
// 1610612736 -> "1.50 GiB".
std::string format_bytes(int64_t bytes);

// Highest resident memory of this process so far, in bytes (VmHWM).
int64_t peak_memory_bytes();
// Resident memory of this process now, in bytes.
int64_t resident_memory_bytes();
// Memory that this process may still take: the smaller of what the machine has free and what its
// control group allows.
int64_t available_memory_bytes();

// `limit` where it is set (> 0), else four fifths of what this process may still take.
int64_t memory_limit_or_default(int64_t limit);

// Now, as result files have it: "2026-11-25T21:17:00Z".
std::string now_utc();

// Tells the allocator to keep freed pieces, of any size, for the next tensor: mapping them anew for
// every temporary costs more in page faults than the arithmetic on them (3 to 5 % of a forward pass
// for those above 16 MiB alone). release_freed_memory gives them back. Call once, at start.
void keep_freed_memory();
// Gives freed memory back to the system: temporaries of changing sizes leave holes that would add
// up over blocks.
void release_freed_memory();

// Folder of the running executable.
std::filesystem::path executable_folder();
// Installed data files: <prefix>/share/linscan beside <prefix>/bin. `name` is relative to it.
std::filesystem::path data_file(std::string_view name);

}  // namespace linscan
