#include "linscan/base/json_edit.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

using testing::expect_error;

// `text` after `change` was made to what it says.
std::string edited(const std::string& text, const std::function<void(Json&)>& change) {
  Json wanted = parse_json(text, "test");
  change(wanted);
  return edit_json(text, wanted, "test");
}

// Every spelling here is one that a parser and a printer would not give back.
constexpr const char* kConfig = R"({
  "architectures": [ "LlamaForCausalLM" ],
  "rms_norm_eps": 1.0e-05, "rope_theta": 10000.0,
  "escaped\u002fkey": "caf\u00e9 } , \" ]",
  "rope_scaling": {"factor": 8.00, "low": [1E0, {"}": 2}]},
  "num_hidden_layers" : 4 ,
  "sliding_window": null,
  "empty": {}
}

)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST(EditJson, NoChange_KeepsEveryByte) {
  for (const char* text : {kConfig, "{}", " {\t}\n", R"({"a":1})"}) {
    EXPECT_EQ(edited(text, [](Json&) {}), text);
  }
}

TEST(EditJson, ChangedValue_IsTheOnlyChange) {
  EXPECT_EQ(edited(kConfig, [](Json& c) { c["num_hidden_layers"] = 3; }),
            replaced(kConfig, "\" : 4 ,", "\" : 3 ,"));
  EXPECT_EQ(edited(kConfig, [](Json& c) { c["escaped/key"] = "x"; }),
            replaced(kConfig, R"("caf\u00e9 } , \" ]")", R"("x")"));
  EXPECT_EQ(edited(kConfig, [](Json& c) { c["sliding_window"] = 4096; }),
            replaced(kConfig, "null", "4096"));
}

TEST(EditJson, ValueInside_KeepsItsNeighbours) {
  EXPECT_EQ(edited(kConfig, [](Json& c) { c["rope_scaling"]["factor"] = 4.0; }),
            replaced(kConfig, "8.00", "4.0"));
}

TEST(EditJson, IntegerToFloat_IsAChange) {
  EXPECT_EQ(edited(R"({"a": 1, "b": 2})", [](Json& c) { c["a"] = 1.0; }), R"({"a": 1.0, "b": 2})");
}

TEST(EditJson, RemovedMembers_LeaveAValidObject) {
  const std::string text = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n";
  EXPECT_EQ(edited(text, [](Json& c) { c.erase("a"); }), "{\n  \"b\": 2,\n  \"c\": 3\n}\n");
  EXPECT_EQ(edited(text, [](Json& c) { c.erase("b"); }), "{\n  \"a\": 1,\n  \"c\": 3\n}\n");
  EXPECT_EQ(edited(text, [](Json& c) { c.erase("c"); }), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
  EXPECT_EQ(edited(text, [](Json& c) { c = Json::object(); }), "{\n}\n");
}

TEST(EditJson, NewMembers_ComeLastInTheStyleOfTheFile) {
  EXPECT_EQ(edited("{\n  \"a\": 1\n}\n", [](Json& c) { c["b"] = {1, 2}; }),
            "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ]\n}\n");
  EXPECT_EQ(
      edited("{\n\t\"a\" : {\n\t\t\"b\" : 1\n\t}\n}", [](Json& c) { c["a"]["c"] = {{"d", 2}}; }),
      "{\n\t\"a\" : {\n\t\t\"b\" : 1,\n\t\t\"c\" : {\n\t\t\t\"d\": 2\n\t\t}\n\t}\n}");
  EXPECT_EQ(edited(R"({"a":1})", [](Json& c) { c["b"] = {1, 2}; }), R"({"a":1,"b":[1,2]})");
  EXPECT_EQ(edited("{}", [](Json& c) { c["b"] = 1; }), "{\n  \"b\": 1\n}");
  EXPECT_EQ(edited("{\n  \"a\": {}\n}", [](Json& c) { c["a"]["b"] = 1; }),
            "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
}

TEST(EditJson, NewList_IsIndentedLikeTheFile) {
  EXPECT_EQ(edited("{\n    \"kinds\": [\n        \"x\"\n    ],\n    \"b\": 0\n}",
                   [](Json& c) { c["kinds"] = {"y", "z"}; }),
            "{\n    \"kinds\": [\n        \"y\",\n        \"z\"\n    ],\n    \"b\": 0\n}");
}

TEST(EditJson, MemberMovedToTheEnd_KeepsItsPlace) {
  const std::string text = R"({"a": 1, "b": 2})";
  const auto move = [](Json& c) {
    c.erase("a");
    c["a"] = 1;
  };
  EXPECT_EQ(edited(text, move), text);
}

TEST(EditJson, KindOfValueChanges_IsWrittenAnew) {
  EXPECT_EQ(edited(R"({"a": {"b": 1}})", [](Json& c) { c["a"] = 5; }), R"({"a": 5})");
  EXPECT_EQ(edited(R"({"a": 5})", [](Json& c) { c["a"] = {{"b", 1}}; }), R"({"a": {"b":1}})");
}

TEST(EditJson, NoObject_IsRefused) {
  expect_error(ErrorKind::kInput, {"here.json", "array"}, [] {
    edit_json("[]", Json::object(), "here.json");
  });
  expect_error(ErrorKind::kInput, {"here.json", "not valid JSON"}, [] {
    edit_json("{", Json::object(), "here.json");
  });
  expect_error(ErrorKind::kInput, {"twice"}, [] {
    edit_json(R"({"a":1,"\u0061":2})", Json::object(), "here.json");
  });
}

}  // namespace
}  // namespace linscan
