#include "model/config_surgery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "linscan/base/error.h"
#include "linscan/model/family.h"

namespace linscan {
namespace {

constexpr std::string_view kWhere = "edited config.json";
constexpr std::array<std::string_view, 4> kCounts = {
    "num_hidden_layers", "n_layer", "n_layers", "num_layers"};
// Lists with one entry for each block.
constexpr std::array<std::string_view, 5> kPerBlock = {
    "layer_types", "no_rope_layers", "attention_layers", "mlp_layer_types", "block_configs"};

// What of a block config.json says, and where.
struct Property {
  std::string_view text;
  std::string_view key;
  bool (*applies)(const BlockConfig& wanted);
  bool (*equal)(const DecoderConfig& a, const DecoderConfig& b, size_t block);
};

bool attends(const BlockConfig& block) {
  return block.has_attention();
}

bool has_mlp(const BlockConfig& block) {
  return block.has_mlp();
}

template <auto Member>
bool same(const DecoderConfig& a, const DecoderConfig& b, size_t block) {
  return a.per_block[block].*Member == b.per_block[block].*Member;
}

constexpr Property kProperties[] = {
    {"form", "linscan.blocks", [](const BlockConfig&) { return true; }, same<&BlockConfig::form>},
    {"bias of its map",
     "linscan.blocks",
     [](const BlockConfig& block) { return block.has_map(); },
     same<&BlockConfig::map_bias>},
    {"attention scale",
     "scale_attn_by_inverse_layer_idx",
     attends,
     same<&BlockConfig::attention_scale>},
    {"rotary positions", "no_rope_layers", attends, same<&BlockConfig::rotary>},
    {"attention window", "layer_types", attends, same<&BlockConfig::window>},
    {"mixture of experts", "mlp_only_layers", has_mlp, same<&BlockConfig::experts>},
    {"MLP size",
     "block_configs",
     has_mlp,
     [](const DecoderConfig& a, const DecoderConfig& b, size_t block) {
       return a.mlp_size(static_cast<int64_t>(block)) == b.mlp_size(static_cast<int64_t>(block));
     }},
};

// Whether config.json and the edited model agree on a property in every block that has it.
bool agree(const Property& property, const DecoderConfig& read, const DecoderConfig& wanted) {
  for (size_t block = 0; block < wanted.per_block.size(); ++block) {
    if (property.applies(wanted.per_block[block]) && !property.equal(read, wanted, block)) {
      return false;
    }
  }
  return true;
}

const Property& property_of(std::string_view key) {
  return *std::ranges::find(kProperties, key, &Property::key);
}

bool is_list(const Json& config, std::string_view key, size_t entries) {
  const auto found = config.find(key);
  return found != config.end() && found->is_array() && found->size() == entries;
}

int64_t source_blocks(const Json& config) {
  for (const std::string_view key : kCounts) {
    if (const auto found = config.find(key); found != config.end() && found->is_number_integer()) {
      return found->get<int64_t>();
    }
  }
  return 0;
}

void keep_entries(Json& config, const std::vector<int64_t>& blocks) {
  const auto entries = static_cast<size_t>(source_blocks(config));
  for (const std::string_view key : kPerBlock) {
    if (!is_list(config, key, entries)) {
      continue;
    }
    Json& list = config.at(key);
    Json kept = Json::array();
    for (const int64_t block : blocks) {
      kept.push_back(list.at(static_cast<size_t>(block)));
    }
    list = std::move(kept);
  }
}

void set_counts(Json& config, size_t blocks) {
  for (const std::string_view key : kCounts) {
    if (const auto found = config.find(key); found != config.end() && found->is_number_integer()) {
      *found = blocks;
    }
  }
}

// GPT-Neo counts the entries of attention_types whether attention_layers is there or not.
void write_attention_types(Json& config, const DecoderConfig& wanted) {
  Json types = Json::array();
  for (const BlockConfig& block : wanted.per_block) {
    types.push_back(block.window > 0 ? "local" : "global");
  }
  config["attention_types"] = Json::array({Json::array({std::move(types), 1U})});
}

// Puts an explicit list where a rule stood, if the rule no longer holds and the list is read.
template <typename Write>
void make_explicit(Json& config, const DecoderConfig& wanted, std::string_view key, Write write) {
  const Property& property = property_of(key);
  if (agree(property, read_decoder_config(config, kWhere), wanted)) {
    return;
  }
  Json changed = config;
  write(changed);
  if (agree(property, read_decoder_config(changed, kWhere), wanted)) {
    config = std::move(changed);
  }
}

template <typename Entry>
Json list_of(const DecoderConfig& wanted, Entry entry) {
  Json list = Json::array();
  for (const BlockConfig& block : wanted.per_block) {
    list.push_back(entry(block));
  }
  return list;
}

void write_explicit_lists(Json& config, const DecoderConfig& wanted) {
  make_explicit(config, wanted, "no_rope_layers", [&](Json& changed) {
    changed["no_rope_layers"] =
        list_of(wanted, [](const BlockConfig& block) { return block.rotary == kNoRotary ? 0 : 1; });
  });
  make_explicit(config, wanted, "layer_types", [&](Json& changed) {
    changed["layer_types"] = list_of(wanted, [](const BlockConfig& block) {
      return block.window > 0 ? "sliding_attention" : "full_attention";
    });
  });
  make_explicit(config, wanted, "mlp_only_layers", [&](Json& changed) {
    Json dense = Json::array();
    for (int64_t block = 0; block < wanted.blocks(); ++block) {
      if (!wanted.per_block[static_cast<size_t>(block)].experts) {
        dense.push_back(block);
      }
    }
    changed["mlp_only_layers"] = std::move(dense);
    changed["decoder_sparse_step"] = 1;
  });
}

}  // namespace

Json keep_blocks(const Json& source, const std::vector<int64_t>& blocks) {
  Json config = source;
  keep_entries(config, blocks);
  set_counts(config, blocks.size());
  return config;
}

void check_edited_config(const Json& config,
                         const DecoderConfig& wanted,
                         const std::vector<int64_t>& blocks) {
  DecoderConfig read = read_decoder_config(config, kWhere);
  LINSCAN_CHECK(read.blocks() == wanted.blocks(),
                kInternal,
                "the edited config.json says {} blocks, not {}",
                read.blocks(),
                wanted.blocks());
  for (size_t block = 0; block < blocks.size(); ++block) {
    for (const Property& property : kProperties) {
      if (property.applies(wanted.per_block[block]) && !property.equal(read, wanted, block)) {
        fail_unsupported(
            "block {} (block {} of the source) cannot keep its {}: config.json of a {} model has "
            "one rule for all blocks ({}), which the blocks that are left do not follow",
            block,
            blocks[block],
            property.text,
            wanted.family,
            property.key);
      }
    }
  }
  LINSCAN_CHECK(read.mlp_bias == wanted.mlp_bias,
                kUnsupported,
                "config.json of this {} model has no key for biases in the MLPs (mlp_bias)",
                wanted.family);
  read.per_block = wanted.per_block;
  read.architecture = wanted.architecture;  // hub files spell some in more than one way
  LINSCAN_CHECK(
      read == wanted, kInternal, "the edited config.json says another model than the edited one");
}

Json edit_config(const Json& source,
                 const DecoderConfig& wanted,
                 const std::vector<int64_t>& blocks) {
  Json config = keep_blocks(source, blocks);
  const bool same_count = source_blocks(source) == wanted.blocks();
  if (wanted.family == "gpt_neo" &&
      !(same_count &&
        agree(property_of("layer_types"), read_decoder_config(config, kWhere), wanted))) {
    write_attention_types(config, wanted);
  }
  if (wanted.mlp_bias && !read_decoder_config(config, kWhere).mlp_bias) {
    config["mlp_bias"] = true;
  }
  write_explicit_lists(config, wanted);
  check_edited_config(config, wanted, blocks);
  return config;
}

}  // namespace linscan
