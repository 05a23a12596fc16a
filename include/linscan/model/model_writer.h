// Writes a model that was edited in memory as a checkpoint that other tools open: the weight tables
// read backwards. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/io/checkpoint_writer.h"
#include "linscan/model/weights.h"

namespace linscan {

// What opens the written folder.
enum class ExportForm {
  kStock,       // everything that knows the source's architecture; every block is BlockForm::kFull
  kRemoteCode,  // transformers with trust_remote_code, by a modelling file in the folder
  kNemotron,    // what knows Nemotron-NAS (DeciLMForCausalLM): llama.cpp, NVIDIA's code
};

std::string_view name(ExportForm form);  // "stock", "remote-code", "nemotron"

// The head of a sequence classifier, as the *ForSequenceClassification classes of transformers read
// it: "score.weight", and "id2label" and "label2id" of config.json.
struct Classifier {
  at::Tensor weight;                 // (K, C) fp32 host
  std::vector<std::string> classes;  // K names
};

// Empty where `model` can be written in this form, else the reason in one line, which names the
// block and the key of config.json where there is one. Everything that write_model would refuse
// because of the model is found here; nothing is written.
std::string why_not(const EditedModel& model, ExportForm form);

// Writes `model` to `folder`: its blocks in their order under the source's names, layouts and
// dtypes, unchanged tensors bit for bit. Buffers that nothing reads are left out; a tied head is
// stored as the source stores it. config.json is the source's with the fewest changes that make it
// say model.config (proved by reading it again); tokenizer, generation config and licence files are
// carried over. options.source is set to the source's folder. The folder appears as a whole or not
// at all.
//
// `classifier` is written beside the language model, whose head stays: the folder opens as either.
//
// Throws Error(kUnsupported) with why_not's reason, and what CheckpointWriter throws;
// Error(kInternal) for weights that do not fit model.config.
void write_model(const EditedModel& model,
                 const std::filesystem::path& folder,
                 ExportForm form,
                 CheckpointWriterOptions options = {},
                 const Classifier* classifier = nullptr);

}  // namespace linscan
