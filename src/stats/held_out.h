// Held-out error of the affine map, fold by fold, from moments alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linscan/stats/linearity.h"
#include "linscan/stats/moments.h"

namespace linscan {

class HeldOut {
 public:
  // The folds must outlive this.
  explicit HeldOut(const std::vector<PairMoments>& folds);

  // Folds whose rows can be held out; none where too little is left to fit a map.
  const std::vector<size_t>& scored_folds() const { return scored_; }
  // Fits the map of the update on all other folds and notes its squared error on this one. Calls
  // for different folds may run side by side.
  void score_fold(size_t fold);
  // Sets held_out and its interval of both targets, after all folds were scored.
  void finish(LinearityScores& scores) const;

 private:
  const std::vector<PairMoments>& folds_;
  std::vector<size_t> scored_;
  std::string reason_;  // why nothing is scored
  // By fold: squared error, and the squares of either target about the mean of the training rows.
  std::vector<double> error_, stream_total_, update_total_;
};

}  // namespace linscan
