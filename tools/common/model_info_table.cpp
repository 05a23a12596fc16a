// The facts of `linscan info` in words.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/model_info.h"
#include "linscan/base/system.h"

namespace linscan::tools {
namespace {

constexpr size_t kLabelWidth = 16;
constexpr size_t kMaxConfigKeys = 60;

// Names come from files we do not trust: a terminal must not see their control characters.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string printable(const Json& text) {
  return text.is_string() ? printable(text.get<std::string>()) : "none";
}

// 1234567 -> "1,234,567".
std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

std::string with_commas(const Json& number) {
  return with_commas(number.get<int64_t>());
}

std::string size_text(const Json& bytes) {
  return bytes.is_null() ? "unknown size" : format_bytes(bytes.get<int64_t>());
}

std::string plural(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(count), noun, count == 1 ? "" : "s");
}

void add_row(std::string& out, std::string_view label, std::string_view text) {
  out += fmt::format("  {:<{}}{}\n", label, kLabelWidth, text);
}

std::string attention_text(const Json& attention) {
  const int64_t heads = attention["heads"].get<int64_t>();
  const int64_t kv_heads = attention["kv_heads"].get<int64_t>();
  std::string text = fmt::format(
      "{} of {} features", plural(heads, "head"), attention["head_size"].get<int64_t>());
  if (kv_heads != heads) {
    text += fmt::format(", {}", plural(kv_heads, "key/value head"));
  }
  const bool qkv = attention["qkv_bias"].get<bool>();
  const bool output = attention["output_bias"].get<bool>();
  text += qkv && output ? ", biases"
          : qkv         ? ", query/key/value biases"
          : output      ? ", output bias"
                        : ", no biases";
  if (attention["qk_norm"] != "none") {
    text += attention["qk_norm"] == "whole" ? ", norms over all queries and keys"
                                            : ", norms on queries and keys by head";
  }
  if (!attention["clip"].is_null()) {
    text += fmt::format(", clipped to {:g}", attention["clip"].get<double>());
  }
  if (!attention["cap"].is_null()) {
    text += fmt::format(", scores capped at {:g}", attention["cap"].get<double>());
  }
  if (attention["scale"].is_array()) {
    text += fmt::format(", scale from {:.6g} in the first block to {:.6g} in the last",
                        attention["scale"].front().get<double>(),
                        attention["scale"].back().get<double>());
  } else {
    text += fmt::format(", scale {:.6g}", attention["scale"].get<double>());
  }
  return text;
}

std::string window_text(const Json& window) {
  if (!window.is_array()) {
    const int64_t size = window.get<int64_t>();
    return size == 0 ? "none: every token attends to all before it"
                     : plural(size, "token") + ", itself included, in every block";
  }
  std::vector<std::string> sizes;
  for (const Json& size : window) {
    sizes.push_back(size == 0 ? "none" : with_commas(size));
  }
  return fmt::format("by block: {}", fmt::join(sizes, " "));
}

std::string placement_text(const Json& placement) {
  if (placement == "pre") {
    return "before each sublayer";
  }
  if (placement == "post") {
    return "on the stream after each sublayer";
  }
  return placement == "sandwich" ? "before and after each sublayer"
                                 : "on the output of each sublayer";
}

std::string norm_text(const Json& norm) {
  return fmt::format("{}{}{}, eps {:g}, {}, {}",
                     norm["kind"].get<std::string>(),
                     norm["weights"].get<bool>() ? "" : " without weights",
                     norm["unit_offset"].get<bool>() ? " with weights 1 + w" : "",
                     norm["eps"].get<double>(),
                     placement_text(norm["placement"]),
                     norm["final"].get<bool>() ? "one before the head" : "none before the head");
}

std::string rotary_text(const Json& rotary, int64_t head_size) {
  const int64_t rotated = rotary["rotated"].get<int64_t>();
  std::string text = rotated == head_size
                         ? "rotary on whole heads"
                         : fmt::format("rotary on {} of {} features of a head", rotated, head_size);
  text += rotary["pairs"] == "interleaved" ? ", neighbours paired" : "";
  text += fmt::format(", base {:g}", rotary["base"].get<double>());
  const std::string scaling = rotary["scaling"].get<std::string>();
  if (scaling == "none") {
    return text;
  }
  text += fmt::format(", {} scaling by {:g}", scaling, rotary["factor"].get<double>());
  if (rotary.contains("original_context")) {
    text += fmt::format(" of {} positions", with_commas(rotary["original_context"]));
  }
  if (rotary.contains("low_frequency_factor")) {
    text += fmt::format(" (low {:g}, high {:g})",
                        rotary["low_frequency_factor"].get<double>(),
                        rotary["high_frequency_factor"].get<double>());
  }
  return text;
}

// Which settings the blocks use, where they differ: "by block: 0 0 none".
std::string rotary_blocks_text(const Json& of_block) {
  if (!of_block.is_array()) {
    return "";
  }
  std::vector<std::string> names;
  for (const Json& index : of_block) {
    names.push_back(index.is_null() ? "none" : std::to_string(index.get<int64_t>()));
  }
  return fmt::format("by block: {}", fmt::join(names, " "));
}

void add_positions(std::string& out, const Json& positions, int64_t head_size) {
  const int64_t offset = positions["offset"].get<int64_t>();
  if (positions["learned"].get<bool>()) {
    add_row(out,
            "positions",
            offset == 0 ? "learned"
                        : fmt::format("learned, the first one in row {} of the table", offset));
  }
  if (positions["alibi"].get<bool>()) {
    add_row(out, "positions", "ALiBi");
  }
  const Json& rotaries = positions["rotary"];
  for (size_t i = 0; i < rotaries.size(); ++i) {
    const std::string number = rotaries.size() > 1 ? fmt::format("{}: ", i) : "";
    add_row(out, "positions", number + rotary_text(rotaries[i], head_size));
  }
  if (const std::string blocks = rotary_blocks_text(positions["rotary_of_block"]);
      !blocks.empty()) {
    add_row(out, "", blocks);
  }
}

std::string residual_text(const Json& decoder) {
  const Json& kind = decoder["residual"];
  std::string text = kind == "serial" ? "serial: attention, then the MLP on its result"
                     : kind == "parallel"
                         ? "parallel: attention and MLP both read the block's input"
                         : "parallel: attention and MLP both read the block's "
                           "input through one norm";
  if (decoder["residual_scale"] != 1.0) {
    text +=
        fmt::format("; what they add is scaled by {:g}", decoder["residual_scale"].get<double>());
  }
  return text;
}

std::string head_text(const Json& decoder) {
  std::string text =
      decoder["tied_head"].get<bool>() ? "tied to the embedding" : "a matrix of its own";
  text += decoder["head_bias"].get<bool>() ? ", with bias" : "";
  if (decoder["logit_scale"] != 1.0) {
    text += fmt::format(", logits scaled by {:g}", decoder["logit_scale"].get<double>());
  }
  if (!decoder["logit_cap"].is_null()) {
    text += fmt::format(", logits capped at {:g}", decoder["logit_cap"].get<double>());
  }
  return text;
}

std::string experts_text(const Json& experts, int64_t blocks) {
  std::string text = fmt::format("{} of {}, size {}",
                                 with_commas(experts["active"]),
                                 with_commas(experts["count"]),
                                 with_commas(experts["size"]));
  if (experts["shared_size"] != 0) {
    text += fmt::format(", a shared one of size {}", with_commas(experts["shared_size"]));
  }
  if (experts["blocks"] != blocks) {
    text +=
        fmt::format(", in {} of {} blocks", with_commas(experts["blocks"]), with_commas(blocks));
  }
  return text;
}

// Blocks that are not as the family has them: "linear 0 3, no-attention 2"; empty: none.
std::string edited_text(const Json& decoder) {
  const Json& forms = decoder["forms"];
  std::map<std::string, std::vector<int64_t>> blocks;
  for (int64_t block = 0; block < decoder["blocks"].get<int64_t>(); ++block) {
    const Json& form = forms.is_array() ? forms[static_cast<size_t>(block)] : forms;
    blocks[form.get<std::string>()].push_back(block);
  }
  blocks.erase("full");
  std::vector<std::string> parts;
  for (const auto& [form, numbers] : blocks) {
    parts.push_back(fmt::format("{} {}", form, fmt::join(numbers, " ")));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void add_decoder(std::string& out, const Json& decoder) {
  const Json& attention = decoder["attention"];
  const Json& mlp = decoder["mlp"];
  add_row(out, "blocks", with_commas(decoder["blocks"]));
  if (const std::string edited = edited_text(decoder); !edited.empty()) {
    add_row(out, "edited blocks", edited);
  }
  add_row(out, "hidden size", with_commas(decoder["hidden"]));
  add_row(out, "attention", attention_text(attention));
  add_row(out, "window", window_text(attention["window"]));
  add_row(out,
          "MLP",
          fmt::format("{}, size {}, {}, {}",
                      mlp["kind"].get<std::string>(),
                      with_commas(mlp["size"]),
                      mlp["activation"].get<std::string>(),
                      mlp["bias"].get<bool>() ? "biases" : "no biases"));
  if (!decoder["experts"].is_null()) {
    add_row(out, "experts", experts_text(decoder["experts"], decoder["blocks"].get<int64_t>()));
  }
  add_row(out, "norm", norm_text(decoder["norm"]));
  add_row(out, "residual", residual_text(decoder));
  add_positions(out, decoder["positions"], attention["head_size"].get<int64_t>());
  add_row(out, "head", head_text(decoder));
  std::string vocabulary = with_commas(decoder["vocabulary"]);
  if (decoder["embedding"] != decoder["hidden"]) {
    vocabulary +=
        fmt::format(", embedded in {} features and projected", with_commas(decoder["embedding"]));
  }
  if (decoder["embedding_scale"] != 1.0) {
    vocabulary +=
        fmt::format(", embedding scaled by {:g}", decoder["embedding_scale"].get<double>());
  }
  vocabulary += decoder["embedding_norm"].get<bool>() ? ", a norm on the embedding" : "";
  add_row(out, "vocabulary", vocabulary);
  add_row(out, "context", plural(decoder["context"].get<int64_t>(), "token"));
}

void add_files(std::string& out, const Json& info) {
  std::string dtypes;
  for (const auto& [dtype, entry] : info["dtypes"].items()) {
    dtypes += fmt::format("{}{} {}",
                          dtypes.empty() ? "" : ", ",
                          plural(entry["tensors"].get<int64_t>(), dtype + " tensor"),
                          format_bytes(entry["bytes"].get<int64_t>()));
  }
  add_row(out, "parameters", with_commas(info["parameters"]));
  add_row(out,
          "weights",
          fmt::format("{} in {}: {}",
                      size_text(info["bytes"]),
                      plural(static_cast<int64_t>(info["files"].size()), "file"),
                      dtypes.empty() ? "no tensors" : dtypes));
  for (const Json& file : info["files"]) {
    add_row(out, "", fmt::format("{} ({})", printable(file["name"]), size_text(file["bytes"])));
  }
  std::string tokenizer;
  for (const Json& file : info["tokenizer_files"]) {
    tokenizer += (tokenizer.empty() ? "" : ", ") + printable(file["name"]);
  }
  add_row(out,
          "tokenizer",
          tokenizer.empty() ? "no files: only raw token ids can be used as data" : tokenizer);
}

void add_memory(std::string& out, const Json& memory) {
  const auto text = [](const Json& part) {
    return fmt::format("{} as stored, {} as fp32, {} as bf16",
                       size_text(part["stored_bytes"]),
                       size_text(part["fp32_bytes"]),
                       size_text(part["bf16_bytes"]));
  };
  add_row(out, "one block", text(memory["largest_block"]));
  add_row(out, "outside blocks", text(memory["outside_blocks"]));
}

// What config.json says where no family understands it: plain values only.
void add_config(std::string& out, const Json& config) {
  out += "\nconfig.json\n";
  size_t shown = 0;
  for (const auto& [key, value] : config.items()) {
    if (shown == kMaxConfigKeys) {
      out += fmt::format("  and {} more (--format json shows all)\n", config.size() - shown);
      return;
    }
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    text = text.size() > 70 ? text.substr(0, 67) + "..." : text;
    out += fmt::format("  {:<34} {}\n", printable(key), text);
    ++shown;
  }
}

void add_tensors(std::string& out, const Json& tensors) {
  size_t width = 10;
  for (const Json& tensor : tensors) {
    width = std::max(width, tensor["name"].get_ref<const std::string&>().size());
  }
  out += "\ntensors\n";
  for (const Json& tensor : tensors) {
    std::vector<std::string> slots;
    for (const Json& slot : tensor["slots"]) {
      slots.push_back(slot.get<std::string>());
    }
    const std::string block =
        tensor["block"].is_null() ? "" : fmt::format("block {} ", tensor["block"].get<int64_t>());
    out += fmt::format(
        "  {:<{}}  {:<5} {:<18} {}\n",
        printable(tensor["name"]),
        width,
        tensor["dtype"].get<std::string>(),
        fmt::format("({})", fmt::join(tensor["shape"].get<std::vector<int64_t>>(), ", ")),
        slots.empty() ? "not used" : block + fmt::format("{}", fmt::join(slots, ", ")));
  }
}

}  // namespace

std::string render_model_info(const Json& info) {
  const bool supported = info["supported"].get<bool>();
  std::string out = printable(info["path"]) + "\n";
  add_row(out, "architecture", printable(info["architecture"]));
  add_row(out, "family", info["family"].is_null() ? "unknown" : info["family"].get<std::string>());
  add_row(out, "supported", supported ? "yes" : "no: " + printable(info["reason"]));
  if (!info["decoder"].is_null()) {
    add_decoder(out, info["decoder"]);
  }
  add_files(out, info);
  if (!info["memory"].is_null()) {
    add_memory(out, info["memory"]);
  }
  if (info["decoder"].is_null()) {
    add_config(out, info["config"]);
  }
  if (info.contains("tensors")) {
    add_tensors(out, info["tensors"]);
  }
  return out;
}

}  // namespace linscan::tools
