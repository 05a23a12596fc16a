// A family: how one kind of HuggingFace checkpoint maps to DecoderConfig and to our weights. No
// forward code.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/config.h"

namespace linscan {

class ConfigReader;

// Every weight a decoder can have. Fused query/key/value rows are in the order q, k, v.
enum class Slot {
  // of the model
  kTokenEmbedding,       // (V, E)
  kPositionEmbedding,    // (P, C)
  kEmbeddingProjection,  // (C, E)
  kFinalNormWeight,      // (C)
  kFinalNormBias,        // (C)
  kHeadProjection,       // (E, C)
  kHead,                 // (V, E)
  // of a block
  kAttentionNormWeight,  // (C)
  kAttentionNormBias,    // (C)
  kQkvWeight,            // (HD + 2KD, C)
  kQkvBias,              // (HD + 2KD)
  kQueryWeight,          // (HD, C)
  kQueryBias,            // (HD)
  kKeyWeight,            // (KD, C)
  kKeyBias,              // (KD)
  kValueWeight,          // (KD, C)
  kValueBias,            // (KD)
  kOutputWeight,         // (C, HD)
  kOutputBias,           // (C)
  kMlpNormWeight,        // (C)
  kMlpNormBias,          // (C)
  kGateWeight,           // (F, C)
  kGateBias,             // (F)
  kUpWeight,             // (F, C)
  kUpBias,               // (F)
  kDownWeight,           // (C, F)
  kDownBias,             // (C)
  kCount,
};

// How the stored tensor becomes the one of the slot.
enum class Transform {
  kNone,
  kTranspose,   // stored (in, out), as GPT-2's Conv1D
  kQkvPerHead,  // stored rows are q, k, v of head 0, then of head 1, ... (GPT-NeoX)
};

enum class Presence { kRequired, kIgnored };

// One row of a weight table.
struct WeightRow {
  std::string pattern;  // HF name; "@" is the base-model prefix, "{}" the block number
  Slot slot = Slot::kCount;
  std::string shape;  // stored shape: products of digits and dimension letters, separated by commas
                      // ("3HD,C")
  Transform transform = Transform::kNone;
  Presence presence = Presence::kRequired;
};

struct Family {
  std::string_view name;
  std::span<const std::string_view> model_types;    // config.json model_type
  std::span<const std::string_view> architectures;  // config.json architectures[0]
  std::span<const std::string_view>
      prefixes;  // base-model prefixes seen in files, the usual one first
  DecoderConfig (*read_config)(const ConfigReader&);
  std::vector<WeightRow> (*weight_rows)(const DecoderConfig&);
};

// All families, in one explicit list.
std::span<const Family> families();

// The family that config.json names. Unknown: an error that lists what is supported.
const Family& find_family(const Json& config, std::string_view where);

// config.json of a checkpoint as a DecoderConfig; `where` names the file in errors.
DecoderConfig read_decoder_config(const Json& config, std::string_view where);

// "layers.3" style name of a slot for messages, e.g. "kDownWeight" -> "mlp.down.weight".
std::string_view name(Slot slot);
bool is_block_slot(Slot slot);

}  // namespace linscan
