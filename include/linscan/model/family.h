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
  kEmbeddingNormWeight,  // (C)
  kEmbeddingNormBias,    // (C)
  kFinalNormWeight,      // (C)
  kFinalNormBias,        // (C)
  kHeadProjection,       // (E, C)
  kHead,                 // (V, E)
  kHeadBias,             // (V)
  // of a block
  kAttentionNormWeight,        // (C)
  kAttentionNormBias,          // (C)
  kQkvWeight,                  // (HD + 2KD, C)
  kQkvBias,                    // (HD + 2KD)
  kQueryWeight,                // (HD, C)
  kQueryBias,                  // (HD)
  kKeyWeight,                  // (KD, C)
  kKeyBias,                    // (KD)
  kValueWeight,                // (KD, C)
  kValueBias,                  // (KD)
  kQueryNormWeight,            // (D), (H, D) or (HD), by the config's qk_norm
  kQueryNormBias,              // the same
  kKeyNormWeight,              // (D), (K, D) or (KD)
  kKeyNormBias,                // the same
  kOutputWeight,               // (C, HD)
  kOutputBias,                 // (C)
  kAttentionOutputNormWeight,  // (C)
  kAttentionOutputNormBias,    // (C)
  kMlpNormWeight,              // (C)
  kMlpNormBias,                // (C)
  kGateUpWeight,               // (2F, C): gate, then up
  kGateWeight,                 // (F, C)
  kGateBias,                   // (F)
  kUpWeight,                   // (F, C)
  kUpBias,                     // (F)
  kDownWeight,                 // (C, F)
  kDownBias,                   // (C)
  kMlpOutputNormWeight,        // (C)
  kMlpOutputNormBias,          // (C)
  kRouterWeight,               // (X, C)
  kSharedGateWeight,           // (S, C)
  kSharedUpWeight,             // (S, C)
  kSharedDownWeight,           // (C, S)
  kSharedRouterWeight,         // (1, C)
  kMapWeight,                  // (C, C): of a block's form, never of a family
  kMapBias,                    // (C)
  // of an expert of a block
  kExpertGateWeight,  // (M, C)
  kExpertUpWeight,    // (M, C)
  kExpertDownWeight,  // (C, M)
  kCount,
};

// How the stored tensor becomes the one of the slot.
enum class Transform {
  kNone,
  kTranspose,    // stored (in, out), as GPT-2's Conv1D
  kQkvPerGroup,  // stored rows are, for each key/value head, the queries it serves, the key, the
                 // value: with K = H that is per head (GPT-NeoX)
  kRowOfSlot,    // one head's part of a slot that has a row for each head (StableLM's norms)
};

enum class Presence { kRequired, kIgnored };

// Which blocks have a row's tensor, of those whose form has the slot (form_has).
enum class BlockSet {
  kAll,
  kDense,
  kExperts,
  kMapOnly,         // a map in place of the whole block
  kMapInAttention,  // a map in place of its attention
};

// One row of a weight table.
struct WeightRow {
  // HF name: "@" is the base-model prefix, the first "{}" the block number, a second one the number
  // of the expert (slots of an expert) or of the head (kRowOfSlot).
  std::string pattern;
  Slot slot = Slot::kCount;
  std::string shape;  // stored shape: products of digits and dimension letters, separated by commas
                      // ("3HD,C"); "+" adds products ("HD+2KD,C")
  Transform transform = Transform::kNone;
  Presence presence = Presence::kRequired;
  BlockSet blocks = BlockSet::kAll;
};

// A property of a family that is tested by itself; `id` is the name of its parity case.
struct Quirk {
  std::string_view id;
  std::string_view text;
};

struct Family {
  std::string_view name;
  std::string_view models;                          // what people call them: "Llama 1-3, TinyLlama"
  std::span<const std::string_view> model_types;    // config.json model_type
  std::span<const std::string_view> architectures;  // config.json architectures[0]
  std::span<const std::string_view>
      prefixes;  // base-model prefixes seen in files, the usual one first
  std::span<const Quirk> quirks;
  DecoderConfig (*read_config)(const ConfigReader&);
  std::vector<WeightRow> (*weight_rows)(const DecoderConfig&);
  // Fresh weights of what is added to the stream are drawn smaller the deeper the model is.
  bool scaled_residuals = false;
};

// All families, in one explicit list.
std::span<const Family> families();

// The family that config.json names. Unknown: an error that lists what is supported.
const Family& find_family(const Json& config, std::string_view where);

// The head of a sequence classifier, which a checkpoint may have beside the language model's own.
// No weight of the decoder: it is passed over.
inline constexpr std::string_view kClassifierName = "score.weight";

// The family's weight table, with rows for the maps of edited blocks and for a classifier.
std::vector<WeightRow> weight_rows(const Family& family, const DecoderConfig& config);

// config.json of a checkpoint as a DecoderConfig; `where` names the file in errors.
DecoderConfig read_decoder_config(const Json& config, std::string_view where);

// "layers.3" style name of a slot for messages, e.g. "kDownWeight" -> "mlp.down.weight".
std::string_view name(Slot slot);
bool is_block_slot(Slot slot);
// Whether a block of this form has the weight, where its family has it at all.
bool form_has(const DecoderConfig& config, const BlockConfig& block, Slot slot);
bool is_expert_slot(Slot slot);

}  // namespace linscan
