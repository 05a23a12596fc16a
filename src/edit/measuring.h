// The head on the streams of edited models, beside that of the unedited one.
#pragma once

#include <vector>

#include "edit/pass.h"
#include "linscan/edit/variants.h"

namespace linscan {

// Figures of each stream (all stand after the last block) against `dense`, which is measured too:
// the first of the result.
std::vector<Measure> measure_streams(EditPass& pass,
                                     const Stream& dense,
                                     const std::vector<const Stream*>& edited);

}  // namespace linscan
