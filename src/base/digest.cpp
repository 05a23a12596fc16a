#include "linscan/base/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "linscan/base/error.h"

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

}  // namespace linscan
