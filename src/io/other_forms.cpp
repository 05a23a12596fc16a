#include "io/other_forms.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "io/json_events.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

struct OtherForm {
  std::string_view ending;  // of a file name
  std::string_view what;
  std::string_view advice;
};
constexpr OtherForm kForms[] = {
    {".gguf",
     "is a GGUF file, which is not read",
     "use the HuggingFace folder it was made from, or load it with transformers, from_pretrained("
     "folder, gguf_file=...), and save that"},
    {"adapter_config.json",
     "belongs to an adapter without its base model",
     "merge the two with peft, merge_and_unload(), and save that"},
    {"tf_model.h5",
     "holds weights of TensorFlow, which are not read",
     "load them with transformers 4, from_pretrained(folder, from_tf=True), and save that"},
    {"flax_model.msgpack",
     "holds weights of Flax, which are not read",
     "load them with transformers 4, from_pretrained(folder, from_flax=True), and save that"},
    {"consolidated.00.pth",
     "belongs to a release in Meta's own form, which is not read",
     "use the HuggingFace form of the model, or the script convert_llama_weights_to_hf.py of "
     "transformers"},
};

}  // namespace

void refuse_other_forms(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  for (const OtherForm& form : kForms) {
    const auto found =
        std::ranges::find_if(names, [&](const std::string& n) { return n.ends_with(form.ending); });
    if (found != names.end()) {
      fail_unsupported("{}: no weights of a HuggingFace checkpoint: {} {}; {}",
                       folder.string(),
                       show(*found),
                       form.what,
                       form.advice);
    }
  }
}

}  // namespace linscan
