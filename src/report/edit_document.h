// What an edit report says, as facts and tables that every form of it shares.
#pragma once

#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "report/facts.h"
#include "report/text_table.h"

namespace linscan {

// One trial of a search.
struct EditTrial {
  std::string blocks;  // "2, 4": the set of blocks
  std::string added;   // those that the best set of the round before had not
  Number cross_entropy;
  Number kl;
};

struct EditSearch {
  std::string recipe;
  std::vector<std::vector<EditTrial>> rounds;  // best first
};

// A validated document, which must outlive this.
class EditDocument {
 public:
  explicit EditDocument(const Json& document);

  const Json& json() const { return *json_; }
  std::string model_name() const;
  // "refit + sweep of blocks 2 and 4".
  std::string headline() const;
  std::vector<Fact> facts() const;
  std::vector<std::string> warnings() const;
  std::vector<EditSearch> searches() const;
  // Where the written model was opened again; empty where it was not.
  std::string verification() const;

  // Tables without rows where the document has none of it.
  TextTable measures() const;   // before and after
  TextTable finalists() const;  // the sets that were compared last
  TextTable blocks() const;
  TextTable fits() const;

 private:
  const Json* json_;
};

// Round, set, losses, and what came next.
TextTable search_table(const EditSearch& search);

}  // namespace linscan
