// train_steps MODEL IDS OUT KEY=VALUE...
//
// Takes some steps of training on raw ids (little-endian int32) and writes the weights in fp32 to
// OUT, for the tests that compare them with torch. Step s, micro-batch m reads the windows of
// ctx + 1 ids that follow one another in the file. Prints one line for each step: loss parts,
// gradient norm, as JSON. Keys: ctx, batch, accumulation, steps, lr, clip, decay, dtype (fp32,
// bf16), reg (none, cosine, mse), lambda, post_norm, mean_over_features, checkpointing, train,
// device, repeat (1: every step reads the same ids).
#include <ATen/ATen.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "linscan/base/device.h"
#include "linscan/base/system.h"
#include "linscan/io/safetensors.h"
#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/text/windows.h"
#include "linscan/train/language_model.h"
#include "linscan/train/optimizer.h"
#include "linscan/train/trainable_model.h"

namespace {

using linscan::Json;

struct Arguments {
  std::map<std::string, std::string> values;

  int64_t integer(const std::string& key, int64_t otherwise) const {
    const auto found = values.find(key);
    return found == values.end() ? otherwise : std::stoll(found->second);
  }
  double number(const std::string& key, double otherwise) const {
    const auto found = values.find(key);
    return found == values.end() ? otherwise : std::stod(found->second);
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    const auto found = values.find(key);
    return found == values.end() ? otherwise : found->second;
  }
};

int run(const std::string& folder,
        const std::string& ids_file,
        const std::string& out,
        const Arguments& arguments) {
  const int64_t context = arguments.integer("ctx", 32);
  const int64_t batch = arguments.integer("batch", 4);
  const int64_t accumulation = arguments.integer("accumulation", 1);
  const int64_t steps = arguments.integer("steps", 10);
  linscan::set_threads(static_cast<int>(arguments.integer("threads", 1)));
  const at::Device device = linscan::parse_device(arguments.text("device", "cpu"));
  const linscan::Model model = linscan::open_model(folder);
  const linscan::TokenWindows windows =
      linscan::read_windows({ids_file},
                            nullptr,
                            model.config.vocabulary,
                            {.max_tokens = int64_t{1} << 40, .context = context + 1});
  linscan::TrainableModel trainable(
      model,
      linscan::parse_train_choice(arguments.text("train", "all")),
      arguments.text("dtype", "fp32") == "bf16" ? at::kBFloat16 : at::kFloat,
      device);
  const auto source = [&](int64_t step, int64_t micro) {
    std::vector<std::vector<int32_t>> rows;
    const int64_t first =
        arguments.integer("repeat", 0) != 0 ? 0 : (step * accumulation + micro) * batch;
    for (int64_t i = 0; i < batch; ++i) {
      const linscan::Window& window = windows.windows.at(static_cast<size_t>(first + i));
      const auto begin = windows.ids.begin() + window.offset;
      rows.emplace_back(begin, begin + window.length);
    }
    return linscan::next_token_batch(rows);
  };
  linscan::LanguageModelOptions options;
  options.checkpointing = arguments.integer("checkpointing", 0) != 0;
  options.tokens_per_micro_batch = batch * context;
  options.regularizer.kind = linscan::parse_regularizer(arguments.text("reg", "none"));
  options.regularizer.lambda = arguments.number("lambda", 0.5);
  options.regularizer.post_norm = arguments.integer("post_norm", 0) != 0;
  options.regularizer.mean_over_features = arguments.integer("mean_over_features", 0) != 0;
  const std::vector<linscan::TrainBatch> held_out;
  linscan::LanguageModelObjective objective(trainable, source, held_out, options);
  linscan::AdamW optimizer(trainable.parameters(),
                           {.weight_decay = arguments.number("decay", 0.1),
                            .gradient_clip = arguments.number("clip", 1.0)});
  for (int64_t step = 0; step < steps; ++step) {
    const auto start = std::chrono::steady_clock::now();
    optimizer.zero_gradients();
    Json line = {{"step", step}};
    for (int64_t micro = 0; micro < accumulation; ++micro) {
      for (const auto& [name, value] :
           objective.accumulate(step, micro, 1.0 / static_cast<double>(accumulation))) {
        line[name] = line.value(name, 0.0) + value.item<double>();
      }
    }
    line["gradient_norm"] = optimizer.step(arguments.number("lr", 1e-3));
    line["seconds"] =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%s\n", line.dump().c_str());
    std::fflush(stdout);
  }
  std::printf("{\"peak_memory_bytes\":%lld}\n",
              static_cast<long long>(linscan::peak_memory_bytes()));
  if (out != "-") {
    linscan::write_model(trainable.edited(/*as_stored=*/false), out, linscan::ExportForm::kStock);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: train_steps MODEL IDS OUT|- KEY=VALUE...\n");
    return 2;
  }
  Arguments arguments;
  for (int i = 4; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    arguments.values[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  try {
    linscan::keep_freed_memory();
    return run(argv[1], argv[2], argv[3], arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_steps: %s\n", error.what());
    return 1;
  }
}
