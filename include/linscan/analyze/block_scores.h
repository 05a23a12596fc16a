// Everything `linscan analyze` says about one block, and its form in result.json.
#pragma once

#include <optional>
#include <string>

#include "linscan/base/json.h"
#include "linscan/stats/displacement.h"
#include "linscan/stats/geometry.h"
#include "linscan/stats/linearity.h"

namespace linscan {

// The same block without the first token of every window, and what those tokens are like.
struct FirstTokenScores {
  LinearityScores without_first;
  std::optional<Displacement> rest;  // absent when every window is one token long
  int64_t count = 0;
  double norm_out = 0;
  Score variance_share;
};

// One sublayer with its own input: from the stream that it reads to the stream with what it adds.
struct SublayerScores {
  LinearityScores linearity;
  std::optional<Displacement> displacement;
  std::string failure;  // set when the sublayer could not be scored: why
};

// Groups that were not asked for are absent.
struct BlockScores {
  std::optional<LinearityScores> linearity;
  std::optional<Displacement> displacement;
  std::optional<BaselineScores> baselines;
  std::optional<GeometryScores> geometry;
  std::optional<SublayerScores> attention;
  std::optional<SublayerScores> mlp;
  std::optional<FirstTokenScores> tokens;
  std::string failure;  // set when the block could not be scored at all: why
};

// One entry of result.json "blocks", without its number. Values that do not exist are null, with
// their reasons under "missing" by path ("linearity.stream.held_out").
Json to_json(const BlockScores& scores);

// "geometry" of a state alone, for the embedding; reasons as above.
Json to_json(const GeometryScores& scores);

}  // namespace linscan
