#include "linscan/train/classification.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "linscan/base/error.h"
#include "linscan/base/random.h"

namespace linscan {
namespace {

constexpr double kHeadDeviation = 0.02;  // initializer_range of transformers
constexpr const char* kHeadName = "score.weight";

int64_t count_tokens(const LabelledExample& example) {
  int64_t tokens = 0;
  for (const std::vector<int32_t>& text : example.texts) {
    tokens += static_cast<int64_t>(text.size());
  }
  return tokens;
}

int64_t count_tokens(const std::vector<LabelledExample>& examples) {
  int64_t tokens = 0;
  for (const LabelledExample& example : examples) {
    tokens += count_tokens(example);
  }
  return tokens;
}

// counts[gold][predicted] of K classes.
class Confusion {
 public:
  explicit Confusion(int64_t classes)
      : classes_(classes), counts_(static_cast<size_t>(classes * classes)) {}

  void add(int64_t gold, int64_t predicted) { ++at(gold, predicted); }

  double accuracy() const {
    int64_t right = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      right += at(k, k);
    }
    return static_cast<double>(right) / static_cast<double>(total());
  }

  double majority() const {
    int64_t most = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      most = std::max(most, of_gold(k));
    }
    return static_cast<double>(most) / static_cast<double>(total());
  }

  // 2 TP / (2 TP + FP + FN), 0 for a class that is neither there nor predicted, as scikit-learn has
  // it.
  double f1() const {
    double sum = 0;
    const int64_t first = classes_ == 2 ? 1 : 0;
    for (int64_t k = first; k < classes_; ++k) {
      const int64_t both = of_gold(k) + of_predicted(k);
      sum += both > 0 ? 2.0 * static_cast<double>(at(k, k)) / static_cast<double>(both) : 0;
    }
    return sum / static_cast<double>(classes_ - first);
  }

 private:
  int64_t& at(int64_t gold, int64_t predicted) {
    return counts_[static_cast<size_t>(gold * classes_ + predicted)];
  }
  int64_t at(int64_t gold, int64_t predicted) const {
    return counts_[static_cast<size_t>(gold * classes_ + predicted)];
  }
  int64_t of_gold(int64_t k) const {
    int64_t sum = 0;
    for (int64_t j = 0; j < classes_; ++j) {
      sum += at(k, j);
    }
    return sum;
  }
  int64_t of_predicted(int64_t k) const {
    int64_t sum = 0;
    for (int64_t j = 0; j < classes_; ++j) {
      sum += at(j, k);
    }
    return sum;
  }
  int64_t total() const { return std::accumulate(counts_.begin(), counts_.end(), int64_t{0}); }

  int64_t classes_;
  std::vector<int64_t> counts_;
};

}  // namespace

at::Tensor class_loss(const at::Tensor& scores, const at::Tensor& labels) {
  return at::cross_entropy_loss(scores, labels);
}

at::Tensor preference_loss(const at::Tensor& scores) {
  const at::Tensor pairs = scores.reshape({-1, 2});
  return -at::log_sigmoid(pairs.select(1, 0) - pairs.select(1, 1)).mean();
}

LabelledBatch labelled_batch(const std::vector<const LabelledExample*>& examples) {
  std::vector<int64_t> ids;
  std::vector<int64_t> last;
  std::vector<int64_t> labels;
  std::vector<int64_t> lengths;
  for (const LabelledExample* example : examples) {
    for (const std::vector<int32_t>& text : example->texts) {
      TORCH_CHECK(!text.empty(), "a text without tokens");
      ids.insert(ids.end(), text.begin(), text.end());
      lengths.push_back(static_cast<int64_t>(text.size()));
      last.push_back(static_cast<int64_t>(ids.size()) - 1);
    }
    labels.push_back(example->label);
  }
  return {at::tensor(ids, at::kLong),
          at::tensor(last, at::kLong),
          at::tensor(labels, at::kLong),
          BatchLayout(lengths)};
}

ClassificationObjective::ClassificationObjective(TrainableModel& model,
                                                 const LabelledSet& data,
                                                 const ClassificationOptions& options)
    : model_(model), data_(data), options_(options), order_(data.train.size()) {
  LINSCAN_CHECK(!data.train.empty() && !data.validation.empty(),
                kInput,
                "{} examples to train on and {} to validate with: expected at least one of each",
                data.train.size(),
                data.validation.size());
  at::Generator generator = at::detail::createCPUGenerator(Random(options.seed).next());
  head_ = at::normal(0.0, kHeadDeviation, {data.scores(), model.config().hidden}, generator)
              .to(model.device())
              .requires_grad_();
}

std::vector<Parameter> ClassificationObjective::parameters() const {
  return {{kHeadName, head_, /*decays=*/true}};
}

int64_t ClassificationObjective::tokens_per_micro_batch() const {
  const double mean =
      static_cast<double>(count_tokens(data_.train)) / static_cast<double>(data_.train.size());
  return std::llround(mean * static_cast<double>(options_.batch));
}

const LabelledExample& ClassificationObjective::example(int64_t index) {
  const auto count = static_cast<int64_t>(order_.size());
  if (index / count != epoch_) {
    epoch_ = index / count;
    std::iota(order_.begin(), order_.end(), 0);
    Random random(options_.seed + 1);
    for (int64_t i = 0; i < epoch_; ++i) {
      random.next();
    }
    Random(random.next()).shuffle(order_);
  }
  return data_.train[static_cast<size_t>(order_[static_cast<size_t>(index % count)])];
}

at::Tensor ClassificationObjective::scores(const LabelledBatch& batch) {
  const ForwardStates states = model_.forward(batch.ids, batch.layout, options_.checkpointing);
  const at::Tensor pooled = states.normed.index_select(0, batch.last.to(model_.device()));
  return at::matmul(pooled, head_.t());
}

at::Tensor ClassificationObjective::loss(const at::Tensor& scores, const at::Tensor& labels) const {
  return data_.preferences() ? preference_loss(scores) : class_loss(scores, labels);
}

LossParts ClassificationObjective::accumulate(int64_t step, int64_t micro, double weight) {
  const int64_t first = (step * options_.accumulation + micro) * options_.batch;
  std::vector<const LabelledExample*> examples;
  for (int64_t i = 0; i < options_.batch; ++i) {
    examples.push_back(&example(first + i));
  }
  const LabelledBatch batch = labelled_batch(examples);
  const at::Tensor part = loss(scores(batch), batch.labels.to(model_.device())) * weight;
  part.backward();
  return {{data_.preferences() ? "preference" : "cross_entropy", part.detach()}};
}

Json ClassificationObjective::evaluate() {
  const at::NoGradGuard no_grad;
  Confusion confusion(std::max<int64_t>(data_.scores(), 2));
  double loss_sum = 0;
  double margin_sum = 0;
  int64_t preferred = 0;
  std::vector<const LabelledExample*> gathered;
  int64_t rows = 0;
  const auto flush = [&] {
    const LabelledBatch batch = labelled_batch(gathered);
    const at::Tensor scored = scores(batch).to(at::kCPU, at::kDouble);
    loss_sum += loss(scored, batch.labels).item<double>() * static_cast<double>(gathered.size());
    if (data_.preferences()) {
      const at::Tensor pairs = scored.reshape({-1, 2});
      const at::Tensor margins = pairs.select(1, 0) - pairs.select(1, 1);
      margin_sum += margins.sum().item<double>();
      preferred += (margins > 0).sum().item<int64_t>();
    } else {
      const at::Tensor predicted = scored.argmax(1);
      for (int64_t i = 0; i < predicted.size(0); ++i) {
        confusion.add(batch.labels[i].item<int64_t>(), predicted[i].item<int64_t>());
      }
    }
    gathered.clear();
    rows = 0;
  };
  for (const LabelledExample& item : data_.validation) {
    const int64_t tokens = count_tokens(item);
    if (!gathered.empty() && rows + tokens > options_.evaluation_rows) {
      flush();
    }
    gathered.push_back(&item);
    rows += tokens;
  }
  flush();
  const auto count = static_cast<double>(data_.validation.size());
  Json result = {{"loss", number_or_null(loss_sum / count)}};
  if (data_.preferences()) {
    result["accuracy"] = static_cast<double>(preferred) / count;
    result["margin"] = number_or_null(margin_sum / count);
  } else {
    result["accuracy"] = confusion.accuracy();
    result["f1"] = confusion.f1();
    result["majority"] = confusion.majority();
  }
  result["examples"] = data_.validation.size();
  return result;
}

int64_t steps_of_epochs(const LabelledSet& data,
                        double epochs,
                        const ClassificationOptions& options) {
  const double per_step = static_cast<double>(options.batch * options.accumulation);
  const double steps = std::ceil(epochs * static_cast<double>(data.train.size()) / per_step);
  return std::max<int64_t>(1, static_cast<int64_t>(steps));
}

}  // namespace linscan
