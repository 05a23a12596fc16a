// What a changed checkpoint takes over from the one it was made of, besides config.json.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

// Whether a file of this name is carried over as it is:
// - the tokenizer in every form: tokenizer.json, tokenizer.model, tokenizer_config.json,
//   special_tokens_map.json, added_tokens.json, vocab.json, vocab.txt, merges.txt, spiece.model,
//   tekken.json, chat_template.jinja, chat_template.json;
// - generation_config.json;
// - code that an `auto_map` may name: configuration_*.py, modeling_*.py, tokenization_*.py;
// - what the licence asks to pass on: LICENSE*, LICENCE*, NOTICE*, USE_POLICY*.
// Not carried are weights and their indexes, results of trainings, and README.md: it describes the
// model as it was.
bool is_carried(std::string_view name);

// The carried files of `folder`, sorted. Links to files count as files. Throws Error(kInput) when
// the folder cannot be listed or such a name is no regular file.
std::vector<std::string> carried_files(const std::filesystem::path& folder);

// Copies the content of `from` (through links) to the new file `to`, with a look at the interrupt
// flag now and then.
void copy_content(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace linscan
