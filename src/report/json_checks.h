// Checks of result documents, which may have been edited, truncated or made up. Each throws
// Error(kInput) naming the JSON path of what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

// The document is an object of this schema; `what` describes such a document.
void check_schema(const Json& document, std::string_view schema, std::string_view what);

// The value of a key that must be there. `where` ends with a dot, or is empty.
const Json& require(const Json& object, const std::string& key, const std::string& where);

void require_object(const Json& json, const std::string& path);
// "model" of a document, an object with the path that names it.
const Json& require_model(const Json& document);
void check_count(const Json& json, const std::string& path);  // a whole number from 0
void check_number_or_null(const Json& json, const std::string& path);
// Of a key that may be absent.
void check_optional_string(const Json& object, const std::string& key, const std::string& where);
void check_optional_number(const Json& object, const std::string& key, const std::string& where);
void check_string_list(const Json& document, const std::string& key);

}  // namespace linscan
