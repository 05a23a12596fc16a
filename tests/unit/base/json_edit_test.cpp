#include "linscan/base/json_edit.h"

#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
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

// Random documents in random layouts.
class RandomJson {
 public:
  explicit RandomJson(uint32_t seed) : random_(seed) {}

  size_t below(size_t end) { return random_() % end; }
  Json value(int depth) {
    switch (below(depth > 3 ? 4 : 6)) {
      case 0:
        return Json(nullptr);
      case 1:
        return Json(below(1000));
      case 2:
        return Json(static_cast<double>(below(1000)) / 8);
      case 3:
        return Json("text ]}\", \\");
      case 4: {
        Json list = Json::array();
        for (size_t i = below(4); i > 0; --i) {
          list.push_back(value(depth + 1));
        }
        return list;
      }
      default:
        return object(depth + 1);
    }
  }
  Json object(int depth) {
    Json out = Json::object();
    for (size_t i = below(6); i > 0; --i) {
      out["abcdef"[below(6)] + std::string("\"\\{")] = value(depth);
    }
    return out;
  }
  // Removes, changes and adds members, also inside.
  void change(Json& object) {
    for (size_t i = below(4); i > 0 && !object.empty(); --i) {
      const std::string name =
          std::next(object.begin(), static_cast<int64_t>(below(object.size()))).key();
      if (object[name].is_object() && below(2) == 0) {
        change(object[name]);
      } else if (below(2) == 0) {
        object.erase(name);
      } else {
        object[name] = value(2);
      }
    }
    object["new"] = value(2);
  }
  std::string layout(const Json& json) {
    switch (below(3)) {
      case 0:
        return json.dump();
      case 1:
        return json.dump(static_cast<int>(below(5)), ' ', below(2) == 0) + "\n";
      default:
        return json.dump(1, '\t');
    }
  }

 private:
  std::mt19937 random_;
};

TEST(EditJson, RandomDocuments_SayWhatTheyShould) {
  for (uint32_t seed = 0; seed < 1000; ++seed) {
    RandomJson random(seed);
    Json json = random.object(0);
    const std::string text = random.layout(json);
    EXPECT_EQ(edit_json(text, json, "test"), text) << "seed " << seed;
    random.change(json);
    const std::string out = edit_json(text, json, "test");
    EXPECT_EQ(nlohmann::json(parse_json(out, "test")), nlohmann::json(json)) << "seed " << seed;
    EXPECT_EQ(edit_json(out, json, "test"), out) << "seed " << seed;
  }
}

}  // namespace
}  // namespace linscan
