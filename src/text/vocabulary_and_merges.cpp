// Folders with vocab.json and merges.txt only: byte-level BPE as the classes of HF set it up.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/log.h"
#include "text/bpe.h"
#include "text/known_patterns.h"
#include "text/pipeline.h"
#include "text/tokenizer_config.h"
#include "text/tokenizer_file.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

// One tokenizer class: how it cuts text, and which special tokens it has where the files name none.
struct ClassRules {
  std::string_view pattern;
  bool nfc;
  std::string_view bos;  // "": none
  std::string_view eos;
  std::string_view unk;
  std::string_view pad;
  bool adds_bos = false;  // unless the files say otherwise
};

constexpr std::string_view kEndOfText = "<|endoftext|>";
const ClassRules kGpt2Rules{kGpt2Pattern, false, kEndOfText, kEndOfText, kEndOfText, ""};
const ClassRules kGptNeoXRules{
    kGpt2Pattern, true, kEndOfText, kEndOfText, kEndOfText, "<|padding|>"};
const ClassRules kQwen2Rules{kQwen2Pattern, true, "", kEndOfText, kEndOfText, kEndOfText};
// OPT's released folders say this with GPT2Tokenizer and switches.
const ClassRules kOptRules{kGpt2Pattern, false, "</s>", "</s>", "</s>", "<pad>", true};

struct NamedRules {
  std::string_view name;
  const ClassRules& rules;
};
const std::array<NamedRules, 4> kByClass{{{"GPT2Tokenizer", kGpt2Rules},
                                          {"CodeGenTokenizer", kGpt2Rules},
                                          {"GPTNeoXTokenizer", kGptNeoXRules},
                                          {"Qwen2Tokenizer", kQwen2Rules}}};
const std::array<NamedRules, 14> kByModelType{{{"gpt2", kGpt2Rules},
                                               {"gpt_neo", kGpt2Rules},
                                               {"gptj", kGpt2Rules},
                                               {"codegen", kGpt2Rules},
                                               {"phi", kGpt2Rules},
                                               {"opt", kOptRules},
                                               {"gpt_neox", kGptNeoXRules},
                                               {"mpt", kGptNeoXRules},
                                               {"olmo", kGptNeoXRules},
                                               {"olmoe", kGptNeoXRules},
                                               {"qwen2", kQwen2Rules},
                                               {"qwen2_moe", kQwen2Rules},
                                               {"qwen3", kQwen2Rules},
                                               {"qwen3_moe", kQwen2Rules}}};

template <typename Table>
const ClassRules* find_rules(const Table& table, const std::string& name) {
  const auto row =
      std::find_if(table.begin(), table.end(), [&](const auto& r) { return r.name == name; });
  return row == table.end() ? nullptr : &row->rules;
}

// No token of two or more digits: every digit was a piece of its own when this vocabulary was made.
bool digits_stand_alone(const Vocabulary& vocabulary) {
  bool alone = true;
  vocabulary.for_each([&](std::string_view token, int32_t) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    alone = alone && !(token.size() > 1 && std::all_of(token.begin(), token.end(), is_digit));
  });
  return alone;
}

const ClassRules& choose_rules(const fs::path& folder,
                               const Vocabulary& vocabulary,
                               const TokenizerConfig& config) {
  if (const auto name = config.tokenizer_class()) {
    const ClassRules* rules = find_rules(kByClass, *name);
    if (rules != nullptr) return *rules;
    fail_unsupported(
        "{}: \"{}\" with vocab.json and merges.txt is not supported; save the tokenizer as "
        "tokenizer.json",
        config.tokenizer.find("tokenizer_class")->where(),
        *name);
  }
  if (const auto type = config.model_type()) {
    if (const ClassRules* rules = find_rules(kByModelType, *type)) return *rules;
  }
  if (!digits_stand_alone(vocabulary)) return kGpt2Rules;
  log::warn(
      "{}: nothing here names the tokenizer class; its vocabulary has no token of several digits, "
      "so text is cut "
      "as Qwen2 does (a tokenizer_config.json with \"tokenizer_class\" decides)",
      folder.string());
  return kQwen2Rules;
}

// The id that "add_bos_token": true with "bos_token" (or eos) asks for.
std::vector<int32_t> configured_id(const fs::path& folder,
                                   const TokenizerConfig& config,
                                   const std::string& name,
                                   std::string_view default_token,
                                   bool default_switch,
                                   const AddedTokenList& list) {
  const std::string switch_key = "add_" + name;
  if (!config.tokenizer.bool_or(switch_key, default_switch)) return {};
  const std::string token = config.named_token(name).value_or(std::string(default_token));
  const auto id = list.find(token);
  LINSCAN_CHECK(id,
                kInput,
                "{}: {} is on, but the {} \"{}\" is not in the vocabulary",
                (folder / "tokenizer_config.json").string(),
                switch_key,
                name,
                token);
  return {*id};
}

}  // namespace

std::unique_ptr<TokenizerBackend> load_vocabulary_and_merges(const fs::path& folder) {
  const fs::path vocabulary_file = folder / "vocab.json";
  const fs::path merges_file = folder / "merges.txt";
  auto vocabulary = std::make_shared<Vocabulary>(
      parse_vocabulary_file(read_file(vocabulary_file), vocabulary_file.string()));
  LINSCAN_CHECK(BpeModel::takes_raw_bytes(*vocabulary),
                kUnsupported,
                "{}: not a byte-level vocabulary: some byte has no token",
                vocabulary_file.string());
  const TokenizerConfig config(folder);
  const ClassRules& rules = choose_rules(folder, *vocabulary, config);

  AddedTokenList list([&](const std::string& token) {
    const int32_t id = vocabulary->find(token);
    return id >= 0 ? std::optional<int32_t>(id) : std::nullopt;
  });
  list.add_from(config);
  for (const auto& [key, token] : {std::pair("bos_token", rules.bos),
                                   std::pair("eos_token", rules.eos),
                                   std::pair("unk_token", rules.unk),
                                   std::pair("pad_token", rules.pad)}) {
    if (!config.named_token(key)) list.add_default(std::string(token));
  }

  PipelineParts parts;
  parts.vocabulary = vocabulary;
  if (rules.nfc) parts.normalizer = make_unicode_normalizer(UnicodeForm::kNfc);
  parts.pre_tokenizer =
      make_regex_pre_tokenizer(rules.pattern, config.tokenizer.bool_or("add_prefix_space", false));
  parts.decoder = make_byte_level_decoder();
  // Without tokenizer_config.json the class decides.
  const bool adds_bos = rules.adds_bos && !config.tokenizer.exists();
  parts.special_tokens.before =
      configured_id(folder, config, "bos_token", rules.bos, adds_bos, list);
  parts.special_tokens.after = configured_id(folder, config, "eos_token", rules.eos, false, list);
  parts.added_tokens = list.tokens();
  BpeOptions options;
  options.raw_bytes = true;
  parts.model =
      std::make_unique<BpeModel>(vocabulary,
                                 parse_merges_file(read_file(merges_file), merges_file.string()),
                                 std::move(options),
                                 merges_file.string());
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace linscan
