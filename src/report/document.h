// A validated view of a result document: metrics by their path inside a block, and why one is
// missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "report/numbers.h"

namespace linscan {

// One block, the post-norm point or the embedding.
class Row {
 public:
  Row(const Json& json, std::string name) : json_(&json), name_(std::move(name)) {}

  // "0" .. "L-1", "post_norm", "embedding".
  const std::string& name() const { return name_; }
  const Json& json() const { return *json_; }

  // The number at a dotted path ("norm.ratio"); ends of an interval are ".low" and ".high". Nothing
  // where it is null or absent.
  Number number(std::string_view path) const;
  // Why it is missing: the entry of "missing" for this path, for the group it stands in, or for
  // everything ("*").
  std::string reason(std::string_view path) const;

 private:
  const Json* json_;
  std::string name_;
};

// Keeps references into the document, which must outlive it.
class ResultDocument {
 public:
  // Validates; throws Error (kInput).
  explicit ResultDocument(const Json& document);

  const Json& json() const { return *json_; }
  const std::vector<Row>& blocks() const { return blocks_; }
  const std::optional<Row>& post_norm() const { return post_norm_; }
  const std::optional<Row>& embedding() const { return embedding_; }
  // The blocks, then the post-norm point where there is one.
  std::vector<Row> rows() const;

  int64_t n() const;
  int64_t d() const;
  Number null_score() const { return document_number("null_in_sample"); }
  std::string model_name() const;

  // Values outside the blocks by dotted path: text is cleaned for display, empty where absent.
  std::string text(std::string_view path) const;
  Number document_number(std::string_view path) const;
  std::vector<std::string> warnings() const;

  // True where any block (or the post-norm point) has a number at the path.
  bool any(std::string_view path) const;
  // Ranks k of baselines.rank over all blocks, ascending.
  std::vector<int64_t> ranks() const;
  // The registry entry of a metric: of its own path, else of the group above it, else null.
  const Json* definition(std::string_view path) const;

 private:
  const Json* json_;
  std::vector<Row> blocks_;
  std::optional<Row> post_norm_;
  std::optional<Row> embedding_;
};

// Text and numbers at a dotted path: text is cleaned for display, empty where absent.
std::string text_at(const Json& json, std::string_view path);
Number number_at(const Json& json, std::string_view path);

// The value at a dotted path of objects, or nullptr. "low" and "high" index an array of two.
const Json* find_path(const Json& json, std::string_view path);

}  // namespace linscan
