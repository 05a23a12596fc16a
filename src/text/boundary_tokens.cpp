#include "linscan/text/boundary_tokens.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "text/tokenizer_config.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

// What a tokenizer class of HF has where no file says otherwise.
struct ClassTokens {
  std::string_view name;  // of the class, or the model_type that has it
  std::string_view bos;   // "": none
  std::string_view eos;
};

constexpr std::string_view kEndOfText = "<|endoftext|>";
constexpr std::array<ClassTokens, 9> kByClass{
    {{"GPT2Tokenizer", kEndOfText, kEndOfText},
     {"CodeGenTokenizer", kEndOfText, kEndOfText},
     {"GPTNeoXTokenizer", kEndOfText, kEndOfText},
     {"Qwen2Tokenizer", "", kEndOfText},
     {"LlamaTokenizer", "<s>", "</s>"},
     {"CodeLlamaTokenizer", "<s>", "</s>"},
     {"GemmaTokenizer", "<bos>", "<eos>"},
     {"BloomTokenizer", "<s>", "</s>"},
     {"CohereTokenizer", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"}}};
constexpr std::array<ClassTokens, 18> kByModelType{
    {{"gpt2", kEndOfText, kEndOfText},
     {"gpt_neo", kEndOfText, kEndOfText},
     {"gptj", kEndOfText, kEndOfText},
     {"gpt_neox", kEndOfText, kEndOfText},
     {"phi", kEndOfText, kEndOfText},
     {"mpt", kEndOfText, kEndOfText},
     {"opt", "</s>", "</s>"},
     {"bloom", "<s>", "</s>"},
     {"llama", "<s>", "</s>"},
     {"mistral", "<s>", "</s>"},
     {"mixtral", "<s>", "</s>"},
     {"phi3", "<s>", "</s>"},
     {"gemma", "<bos>", "<eos>"},
     {"gemma2", "<bos>", "<eos>"},
     {"qwen2", "", kEndOfText},
     {"qwen2_moe", "", kEndOfText},
     {"qwen3", "", kEndOfText},
     {"cohere", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"}}};

const ClassTokens* find_class(const TokenizerConfig& config) {
  const auto find = [](const auto& table, const std::string& name) {
    const auto row = std::ranges::find(table, std::string_view(name), &ClassTokens::name);
    return row == table.end() ? nullptr : &*row;
  };
  if (const auto name = config.tokenizer_class()) return find(kByClass, *name);
  if (const auto type = config.model_type()) return find(kByModelType, *type);
  return nullptr;
}

bool says_none(const TokenizerConfig& config, const char* key) {
  const auto root = config.tokenizer.root();
  return root && root->value().contains(key);  // with null: named_token found no text
}

}  // namespace

BoundaryTokens read_boundary_tokens(const fs::path& folder, const Tokenizer& tokenizer) {
  const TokenizerConfig config(fs::is_directory(folder) ? folder : folder.parent_path());
  const ClassTokens* by_class = find_class(config);
  const auto text_of = [&](const char* key, std::string_view fallback) -> std::string {
    if (auto named = config.named_token(key)) return *named;
    return says_none(config, key) ? "" : std::string(fallback);
  };
  BoundaryTokens tokens;
  tokens.bos_text = text_of("bos_token", by_class != nullptr ? by_class->bos : "");
  tokens.bos = tokenizer.find(tokens.bos_text);
  tokens.eos = tokenizer.find(text_of("eos_token", by_class != nullptr ? by_class->eos : ""));
  if (!tokens.bos) tokens.bos_text.clear();
  return tokens;
}

}  // namespace linscan
