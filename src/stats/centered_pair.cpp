#include "stats/centered_pair.h"

#include <ATen/ATen.h>

namespace linscan {

CenteredPair::CenteredPair(const PairMoments& m)
    : n(m.x.n),
      xx(m.x.centered()),
      xd(at::addr(m.x_update, m.x.sum, m.update_sum(), 1, -1.0 / static_cast<double>(m.x.n))),
      xy(xd + xx),
      yy(m.y.centered()),
      dd_diag(
          (m.update_square - m.update_sum().square() / static_cast<double>(m.x.n)).clamp_min(0)),
      xx_trace(xx.diagonal().sum().item<double>()),
      yy_trace(yy.diagonal().sum().item<double>()),
      dd_trace(dd_diag.sum().item<double>()) {}

}  // namespace linscan
