#include "stats/products.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace linscan {
namespace {

// Strips of the lower triangle: with s strips a share of (s + 1) / 2s of the full product is
// computed. Narrower strips than this multiply more slowly than they save.
constexpr int64_t kStrips = 6;
constexpr int64_t kMinStrip = 64;

// visit(begin, end) for each strip of rows; the strip's columns are [0, end).
template <typename Visit>
void for_each_strip(int64_t width, const Visit& visit) {
  const int64_t strip = std::max(kMinStrip, (width + kStrips - 1) / kStrips);
  for (int64_t begin = 0; begin < width; begin += strip) {
    visit(begin, std::min(begin + strip, width));
  }
}

}  // namespace

void add_gram_lower(at::Tensor& gram, const at::Tensor& rows) {
  for_each_strip(rows.size(1), [&](int64_t begin, int64_t end) {
    gram.slice(0, begin, end)
        .slice(1, 0, end)
        .addmm_(rows.slice(1, begin, end).t(), rows.slice(1, 0, end));
  });
}

double quadratic_form(const at::Tensor& s, const at::Tensor& m) {
  double sum = 0;
  for_each_strip(s.size(0), [&](int64_t begin, int64_t end) {
    // The strip left of the diagonal block counts twice: for itself and for its mirror image.
    const at::Tensor strip = s.slice(0, begin, end);
    const at::Tensor own = m.slice(0, begin, end);
    at::Tensor product = strip.slice(1, begin, end).tril(-1).mm(own);
    if (begin > 0) {
      product.addmm_(strip.slice(1, 0, begin), m.slice(0, 0, begin));
    }
    product.mul_(2).addcmul_(s.diagonal().slice(0, begin, end).unsqueeze(1), own);
    sum += inner_product(product, own);
  });
  return sum;
}

double inner_product(const at::Tensor& a, const at::Tensor& b) {
  // Both in the order of their memory.
  const bool rows = a.is_contiguous();
  return (rows ? a : a.t()).reshape({-1}).dot((rows ? b : b.t()).reshape({-1})).item<double>();
}

}  // namespace linscan
