// SHA-256 of data and weights, so that a result says exactly what it was computed from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace linscan {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(const void* data, int64_t bytes);
  void update(std::string_view text) { update(text.data(), static_cast<int64_t>(text.size())); }
  // The digest as 64 lower-case hexadecimal digits. Call once.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of a whole file's bytes. Throws Error(kInput) when it cannot be read, and Interrupted.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace linscan
