#include "linscan/train/regularizer.h"

#include <ATen/ATen.h>

#include "linscan/base/error.h"
#include "train/cosine_distance.h"

namespace linscan {
RegularizerKind parse_regularizer(std::string_view text) {
  for (const RegularizerKind kind :
       {RegularizerKind::kNone, RegularizerKind::kCosine, RegularizerKind::kMse}) {
    if (text == name(kind)) {
      return kind;
    }
  }
  fail(ErrorKind::kUsage, "regularizer '{}': expected none, cosine or mse", text);
}

std::string_view name(RegularizerKind kind) {
  switch (kind) {
    case RegularizerKind::kNone:
      return "none";
    case RegularizerKind::kCosine:
      return "cosine";
    case RegularizerKind::kMse:
      return "mse";
  }
  return "";
}

at::Tensor regularizer(const std::vector<at::Tensor>& stream,
                       const at::Tensor& normed,
                       const RegularizerOptions& options) {
  at::Tensor total = at::zeros({}, stream.front().options().requires_grad(false));
  if (options.kind == RegularizerKind::kNone) {
    return total;
  }
  const size_t first = options.embedding ? 1 : 2;
  double pairs = 0;
  for (size_t i = first; i < stream.size(); ++i) {
    const bool last = i + 1 == stream.size();
    const at::Tensor& after = last && options.post_norm ? normed : stream[i];
    total =
        total + (options.kind == RegularizerKind::kCosine ? cosine_distance(after, stream[i - 1])
                                                          : (after - stream[i - 1]).square().sum());
    ++pairs;
  }
  const double rows = static_cast<double>(stream.front().size(0));
  double factor = (options.push_apart ? -options.lambda : options.lambda) / rows;
  if (options.mean_over_pairs && pairs > 0) {
    factor /= pairs;
  }
  if (options.kind == RegularizerKind::kMse && options.mean_over_features) {
    factor /= static_cast<double>(stream.front().size(1));
  }
  return total * factor;
}

}  // namespace linscan
