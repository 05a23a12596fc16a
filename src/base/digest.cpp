#include "linscan/base/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"

namespace linscan {

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(evp); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  LINSCAN_CHECK(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1,
                kInternal,
                "SHA-256 is not available in this libcrypto");
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(const void* data, int64_t bytes) {
  EVP_DigestUpdate(context_->evp, data, static_cast<size_t>(bytes));
}

std::string Sha256::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context_->evp, digest, &length);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) {
    hex += fmt::format("{:02x}", digest[i]);
  }
  return hex;
}

std::string sha256_of_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  LINSCAN_CHECK(in, kInput, "{}: cannot be opened: {}", file.string(), std::strerror(errno));
  std::vector<char> piece(size_t{1} << 20);
  Sha256 digest;
  while (in) {
    check_interrupt();
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update(piece.data(), in.gcount());
  }
  LINSCAN_CHECK(in.eof(), kInput, "{}: reading failed: {}", file.string(), std::strerror(errno));
  return digest.finish();
}

}  // namespace linscan
