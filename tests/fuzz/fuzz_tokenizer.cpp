// Target of room text: tokenizer.json, and what a tokenizer that was read does with text.
#include <string>

#include "fuzz/fuzz_targets.h"
#include "fuzz/scratch_folder.h"
#include "fuzz/target.h"
#include "linscan/text/tokenizer.h"

namespace linscan::fuzz {
namespace {

constexpr std::string_view kTexts[] = {"",
                                       "abc <s> x",
                                       "  ab\n\tc1234 d'll \xc3\xa9\xe4\xb8\xad \xf0\x9f\x98\x80",
                                       "broken \xff\xc3 utf-8"};

// A BPE over a few letters, with these components in front of the model.
std::string bpe(std::string_view components, std::string_view options = "") {
  return R"({"version":"1.0","truncation":null,"padding":null,)" + std::string(components) +
         R"("model":{"type":"BPE","dropout":null,"unk_token":null)" + std::string(options) +
         R"(,"vocab":{"<s>":0,"a":1,"b":2,"c":3,"ab":4,"abc":5,"bc":6,"Ġ":7,"Ġa":8,"▁":9,"▁a":10,"<0x41>":11},)"
         R"("merges":["a b","ab c",["b","c"],"Ġ a","▁ a"]}})";
}

}  // namespace

int fuzz_tokenizer(const uint8_t* data, size_t size) {
  static const ScratchFolder folder;
  folder.write("tokenizer.json", text_of(data, size));
  return check_reader([&] {
    const Tokenizer tokenizer = Tokenizer::load(folder.path());
    for (const std::string_view text : kTexts) {
      const std::vector<int32_t> ids = tokenizer.encode(text, true);
      for (const int32_t id : ids) {
        require(id >= 0 && id < tokenizer.vocabulary_size(), "ids are of the vocabulary");
      }
      tokenizer.decode(ids);
      const std::vector<int32_t> plain = tokenizer.encode(text, false);
      const auto most = static_cast<int64_t>(plain.size() / 2);
      const std::vector<int32_t> prefix = tokenizer.encode_prefix(text, false, most);
      require(prefix == std::vector<int32_t>(plain.begin(), plain.begin() + most),
              "a prefix begins the whole");
    }
  });
}

std::vector<std::string> seeds_tokenizer() {
  return {
      bpe(R"("added_tokens":[{"id":0,"content":"<s>","special":true,"lstrip":false,"rstrip":true,"normalized":false,"single_word":false},)"
          R"({"id":12,"content":"<x>","special":false,"lstrip":true,"rstrip":false,"normalized":true,"single_word":true}],)"
          R"("normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},)"
          R"("post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false},"decoder":{"type":"ByteLevel"},)"),
      bpe(R"("added_tokens":[],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},)"
          R"({"type":"Replace","pattern":{"String":" "},"content":"▁"},{"type":"Strip","strip_left":true,"strip_right":false}]},)"
          R"("pre_tokenizer":null,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},)"
          R"({"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]}}},)"
          R"("decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},)"
          R"({"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)",
          R"(,"byte_fallback":true,"fuse_unk":true,"ignore_merges":false)"),
      bpe(R"("normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":)"
          R"({"Regex":"\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},)"
          R"({"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]},)"
          R"("decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false},)"),
      R"({"version":"1.0","added_tokens":[],"normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Whitespace"},)"
      R"("decoder":null,"model":{"type":"Unigram","unk_id":0,"byte_fallback":false,)"
      R"("vocab":[["<unk>",0.0],["▁",-2.0],["a",-1.5],["b",-2.5],["ab",-3.0],["▁ab",-4.25]]}})"};
}

}  // namespace linscan::fuzz
