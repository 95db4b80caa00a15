#include "files/yaml_node.h"

#include "files/problems_for_test.h"

namespace kiln {
namespace {

std::vector<Problem> problems_of(const std::string& text, Sensitivity sensitivity = Sensitivity::plain) {
  std::vector<Problem> problems;
  parse_yaml(text, "a.yaml", sensitivity, problems);
  return problems;
}

TEST(Yaml, KeepsValuesQuotesAndPlaces) {
  std::vector<Problem> problems;
  const auto root =
      parse_yaml("a: 1\nb:\n  - x\n  - \"yes\"\nc: {d: ~}\n", "a.yaml", Sensitivity::plain, problems);
  EXPECT_TRUE(problems.empty()) << all_text(problems);
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(root->find("a")->text, "1");
  ASSERT_EQ(root->find("b")->items.size(), 2U);
  EXPECT_TRUE(root->find("b")->items[1].quoted);
  EXPECT_EQ(root->find("b")->items[1].place.text(), "a.yaml:4:5");
  EXPECT_EQ(root->find("c")->find("d")->kind, YamlNode::Kind::null);
}

TEST(Yaml, DuplicateKeysAreFoundAtEveryDepth) {
  const auto problem = find_problem(problems_of("a:\n  - {x: 1, y: 2, x: 3}\n"), "yaml.duplicate_key");
  EXPECT_EQ(problem.place.text(), "a.yaml:2:18");
  EXPECT_NE(problem.message.find("'x'"), std::string::npos);
  find_problem(problems_of("a: 1\n\"a\": 2\n"), "yaml.duplicate_key");
}

TEST(Yaml, UnquotedYesNoOnOffAreAmbiguous) {
  for (const char* word : {"yes", "No", "ON", "off", "Yes", "OFF"}) {
    const auto problem = find_problem(problems_of(std::string("a: ") + word + "\n"), "yaml.ambiguous_word");
    EXPECT_EQ(problem.place.text(), "a.yaml:1:4");
    find_problem(problems_of(std::string("- ") + word + "\n"), "yaml.ambiguous_word");
    EXPECT_TRUE(problems_of(std::string("a: \"") + word + "\"\n").empty());
    EXPECT_TRUE(problems_of(std::string("a: '") + word + "'\n").empty());
  }
  EXPECT_TRUE(problems_of("a: once\nb: none\n").empty());
}

TEST(Yaml, MergeKeysAnchorsAliasesAndTagsAreRefused) {
  const auto problems = problems_of("base: &b {x: 1}\nuse:\n  <<: *b\nt: !!python/object x\nu: !secret y\n");
  EXPECT_EQ(find_problem(problems, "yaml.merge_key").place.line, 3);
  EXPECT_EQ(find_problem(problems, "yaml.alias").place.line, 1);
  EXPECT_EQ(find_problem(problems, "yaml.tag").place.line, 4);
  EXPECT_EQ(
      std::count_if(problems.begin(), problems.end(), [](const Problem& p) { return p.code == "yaml.tag"; }),
      2);
}

TEST(Yaml, AnAliasBombIsNeverExpanded) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  find_problem(problems_of(bomb), "yaml.alias");
}

TEST(Yaml, BrokenTextNamesItsLine) {
  EXPECT_EQ(find_problem(problems_of("a: 1\nb: [1, 2\nc: 3\n"), "yaml.syntax").place.file, "a.yaml");
  const Problem tab = find_problem(problems_of("a:\n  b: 1\n \tc: 2\n"), "yaml.tab");
  EXPECT_EQ(tab.place.line, 3);
  EXPECT_EQ(tab.place.column, 2);
  EXPECT_EQ(find_problem(problems_of("a: 1\n\tb: 2\n"), "yaml.tab").place.line, 2);
  EXPECT_EQ(find_problem(problems_of("a: \"\tx\"\nb: [1, 2\nc: 3\n"), "yaml.syntax").place.file, "a.yaml");
  EXPECT_EQ(find_problem(problems_of("a: 1\nb: \xff\xfe\n"), "yaml.encoding").place.line, 2);
  EXPECT_EQ(find_problem(problems_of(std::string("a: \0\n", 5)), "yaml.encoding").place.line, 1);
  find_problem(problems_of(""), "yaml.empty");
  find_problem(problems_of("a: 1\n---\nb: 2\n"), "yaml.documents");
  find_problem(problems_of("{[1]: 2}\n"), "yaml.key");
}

TEST(Yaml, DeepNestingIsRefusedInsteadOfEatingTheStack) {
  find_problem(problems_of(std::string(100'000, '[')), "yaml.syntax");
  find_problem(problems_of(std::string(70, '[') + std::string(70, ']')), "yaml.syntax");
}

TEST(Yaml, HugeTextIsRefused) { find_problem(problems_of(std::string(9'000'000, 'x')), "files.too_large"); }

TEST(Yaml, ASecretFileIsNeverQuoted) {
  const auto problems = problems_of("hunter2: 1\nhunter2: 2\nb: no\n", Sensitivity::secret);
  EXPECT_EQ(problems.size(), 2U);
  EXPECT_EQ(all_text(problems).find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace kiln
