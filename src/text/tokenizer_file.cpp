#include "text/tokenizer_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/text/utf8.h"
#include "text/json_number.h"

namespace linscan {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxMembers =
    100000;  // of any object but the vocabulary; only hostile files have more

// "left right" with exactly one space, as HF reads merges.
std::pair<std::string, std::string> split_merge(std::string_view text, const std::string& where) {
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    fail_input("{}: expected two tokens with one space between them, got \"{}\"", where, text);
  }
  return {std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

// The parse events of nlohmann's SAX interface. `vocabulary_path_` and "$.model.merges" are
// diverted to tables: an object of token to id, a list of [token, score], a list of merges.
class Reader : public nlohmann::json_sax<Json> {
 public:
  Reader(std::string what, std::string vocabulary_path)
      : what_(std::move(what)), vocabulary_path_(std::move(vocabulary_path)) {}

  TokenizerFile take() { return std::move(file_); }

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(number_integer_t value) override {
    return mode_ == Mode::kScores ? score(static_cast<double>(value)) : scalar(value);
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (mode_ != Mode::kScores) return scalar(value);
    const std::optional<double> number = read_json_number(text);
    LINSCAN_CHECK(number, kInput, "{}: score {} is too large", entry_where(), text);
    return score(*number);
  }
  bool binary(binary_t&) override { return false; }

  bool number_unsigned(number_unsigned_t value) override {
    if (mode_ == Mode::kScores) return score(static_cast<double>(value));
    if (mode_ != Mode::kVocabulary) return scalar(value);
    if (value > static_cast<uint64_t>(Vocabulary::kMaxId))
      value = static_cast<uint64_t>(Vocabulary::kMaxId) + 1;
    file_.vocabulary.add(key_, static_cast<int64_t>(value), what_);
    return true;
  }

  bool string(string_t& value) override {
    if (mode_ == Mode::kScores && in_pair_ && pair_size_ == 0) {
      key_ = std::move(value);
      ++pair_size_;
      return true;
    }
    if (mode_ != Mode::kMerges) return scalar(std::move(value));
    if (in_pair_) {
      LINSCAN_CHECK(pair_size_ < 2, kInput, "{}: expected two tokens, got more", entry_where());
      (pair_size_ == 0 ? file_.merges.back().first : file_.merges.back().second) = std::move(value);
      ++pair_size_;
    } else {
      file_.merges.push_back(split_merge(value, entry_where()));
    }
    return true;
  }

  bool start_object(size_t) override {
    enter();
    if (mode_ == Mode::kDocument && path() == vocabulary_path_) {
      refuse_second(file_.has_vocabulary || file_.has_scores);
      file_.has_vocabulary = true;
      mode_ = Mode::kVocabulary;
      return true;
    }
    refuse_in_table("an object");
    open(Json::object());
    return true;
  }

  bool key(string_t& value) override {
    key_ = std::move(value);
    if (mode_ == Mode::kVocabulary) return true;
    Json& object = *open_.back();
    LINSCAN_CHECK(!object.contains(key_), kInput, "{}: {} appears twice", what_, path());
    LINSCAN_CHECK(object.size() < kMaxMembers, kInput, "{}: {}: too many members", what_, path());
    return true;
  }

  bool end_object() override {
    --depth_;
    if (mode_ == Mode::kVocabulary) {
      mode_ = Mode::kDocument;
    } else {
      close();
    }
    return true;
  }

  bool start_array(size_t) override {
    enter();
    if ((mode_ == Mode::kMerges || mode_ == Mode::kScores) && !in_pair_) {
      in_pair_ = true;
      pair_size_ = 0;
      if (mode_ == Mode::kMerges) file_.merges.emplace_back();
      return true;
    }
    if (mode_ == Mode::kDocument && path() == "$.model.merges") {
      refuse_second(file_.has_merges);
      file_.has_merges = true;
      mode_ = Mode::kMerges;
      return true;
    }
    if (mode_ == Mode::kDocument && path() == "$.model.vocab") {
      refuse_second(file_.has_vocabulary || file_.has_scores);
      file_.has_scores = true;
      mode_ = Mode::kScores;
      return true;
    }
    refuse_in_table("an array");
    open(Json::array());
    return true;
  }

  bool end_array() override {
    --depth_;
    if (mode_ != Mode::kMerges && mode_ != Mode::kScores) {
      close();
    } else if (in_pair_) {
      LINSCAN_CHECK(pair_size_ == 2,
                    kInput,
                    "{}: expected {}, got {} of them",
                    entry_where(),
                    mode_ == Mode::kMerges ? "two tokens" : "token and score",
                    pair_size_);
      in_pair_ = false;
    } else {
      mode_ = Mode::kDocument;
    }
    return true;
  }

  bool parse_error(size_t position,
                   const std::string&,
                   const nlohmann::detail::exception& e) override {
    const std::string_view message = e.what();
    const size_t bracket = message.find("] ");
    fail_input("{}: not valid JSON near byte {}: {}",
               what_,
               position,
               bracket == std::string_view::npos ? message : message.substr(bracket + 2));
  }

 private:
  enum class Mode { kDocument, kVocabulary, kMerges, kScores };

  // Path of the value that comes next: "$.model.vocab".
  std::string path() const {
    std::string path = "$";
    for (size_t i = 0; i < names_.size(); ++i) {
      if (i > 0) path += names_[i];
    }
    if (!open_.empty())
      path += open_.back()->is_array() ? fmt::format("[{}]", open_.back()->size()) : "." + key_;
    return path;
  }

  // The entry of a list that is being read: "$.model.merges[3]".
  std::string entry_where() const {
    if (mode_ == Mode::kScores)
      return fmt::format("{}: $.model.vocab[{}]", what_, file_.scores.size());
    const size_t index = file_.merges.size() - (in_pair_ ? 1 : 0);
    return fmt::format("{}: $.model.merges[{}]", what_, index);
  }

  // The second member of a [token, score] pair.
  bool score(double value) {
    LINSCAN_CHECK(
        in_pair_ && pair_size_ == 1, kInput, "{}: expected [token, score]", entry_where());
    file_.vocabulary.add(key_, static_cast<int64_t>(file_.scores.size()), entry_where());
    file_.scores.push_back(value);
    ++pair_size_;
    return true;
  }

  void refuse_second(bool seen) const {
    LINSCAN_CHECK(!seen, kInput, "{}: {} appears twice", what_, path());
  }

  void enter() {
    LINSCAN_CHECK(
        ++depth_ <= kMaxDepth, kInput, "{}: nested deeper than {} levels", what_, kMaxDepth);
  }

  void refuse_in_table(std::string_view got) const {
    if (mode_ == Mode::kVocabulary) {
      fail_input(
          "{}: {}: token \"{}\": expected an id, got {}", what_, vocabulary_path_, key_, got);
    }
    if (mode_ == Mode::kMerges) {
      fail_input(
          "{}: expected \"left right\" or [\"left\", \"right\"], got {}", entry_where(), got);
    }
    if (mode_ == Mode::kScores)
      fail_input("{}: expected [token, score], got {}", entry_where(), got);
  }

  template <typename Value>
  bool scalar(Value value) {
    refuse_in_table("another type");
    LINSCAN_CHECK(!open_.empty(), kInput, "{}: expected a JSON object, got a single value", what_);
    put(Json(std::move(value)));
    return true;
  }

  Json& put(Json value) {
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return parent.back();
    }
    return parent[key_] = std::move(value);
  }

  void open(Json container) {
    if (open_.empty()) {
      LINSCAN_CHECK(
          container.is_object(), kInput, "{}: expected a JSON object, got an array", what_);
      file_.rest = std::move(container);
      names_.emplace_back();
      open_.push_back(&file_.rest);
      return;
    }
    names_.push_back(open_.back()->is_array() ? fmt::format("[{}]", open_.back()->size())
                                              : "." + key_);
    open_.push_back(&put(std::move(container)));
  }

  void close() {
    open_.pop_back();
    names_.pop_back();
  }

  std::string what_;
  std::string vocabulary_path_;
  TokenizerFile file_;
  Mode mode_ = Mode::kDocument;
  size_t depth_ = 0;
  std::vector<Json*> open_;         // containers from the root to where we stand
  std::vector<std::string> names_;  // their path parts
  std::string key_;
  bool in_pair_ = false;
  int pair_size_ = 0;
};

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& what) {
  Reader reader(what, "$.model.vocab");
  Json::sax_parse(text, &reader);
  return reader.take();
}

Vocabulary parse_vocabulary_file(std::string_view text, const std::string& what) {
  Reader reader(what, "$");
  Json::sax_parse(text, &reader);
  TokenizerFile file = reader.take();
  LINSCAN_CHECK(file.has_vocabulary, kInput, "{}: expected one object of token to id", what);
  return std::move(file.vocabulary);
}

std::vector<std::pair<std::string, std::string>> parse_merges_file(std::string_view text,
                                                                   const std::string& what) {
  LINSCAN_CHECK(count_invalid_utf8(text) == 0, kInput, "{}: not valid UTF-8", what);
  std::vector<std::pair<std::string, std::string>> merges;
  size_t line_number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    merges.push_back(split_merge(line, fmt::format("{}:{}", what, line_number)));
  }
  return merges;
}

}  // namespace linscan
