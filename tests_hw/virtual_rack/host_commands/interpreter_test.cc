#include "tests_hw/virtual_rack/host_commands/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests_hw/virtual_rack/host_commands/shell_words.h"
#include "tests_hw/virtual_rack/rack_test_rig.h"

namespace kiln::virtual_rack {
namespace {

using ::testing::ElementsAre;

TEST(ShellWords, quotes_and_backslashes_are_those_of_a_shell) {
  const auto line = split_command_line(R"(echo 'a  b' "c \"d\" $1" e\ f ''"g"h)");
  ASSERT_TRUE(line);
  ASSERT_EQ(line->size(), 1U);
  EXPECT_THAT(line->front().words, ElementsAre("echo", "a  b", "c \"d\" $1", "e f", "gh"));
}

TEST(ShellWords, commands_are_joined_as_written) {
  const auto line = split_command_line("a 1 && b || c; d 2>/dev/null 2>&1 >/dev/null </dev/null");
  ASSERT_TRUE(line);
  ASSERT_EQ(line->size(), 4U);
  EXPECT_EQ((*line)[1].joint, Joint::on_success);
  EXPECT_EQ((*line)[2].joint, Joint::on_failure);
  EXPECT_EQ((*line)[3].joint, Joint::always);
  EXPECT_TRUE((*line)[3].drop_err && (*line)[3].err_to_out && (*line)[3].drop_out);
}

TEST(ShellWords, what_is_not_understood_is_an_error_and_never_ignored) {
  for (const char* text :
       {"a | b", "a & b", "a $(b)", "a `b`", "a > file", "a < file", "'open", "&& a", "a &&", "(a)"}) {
    EXPECT_FALSE(split_command_line(text)) << text;
  }
}

class Interpreter : public ::testing::Test {
 protected:
  Exit run(const std::string& line) {
    output_ = {};
    auto command = interpret(Host{rig_.rack(), rig_.c01()}, line);
    for (int i = 0; i < 100; ++i) {
      if (const auto end = command->step(output_)) return *end;
      rig_.run(0.05);
    }
    ADD_FAILURE() << line << " did not end";
    return {};
  }

  Rig rig_;
  Output output_;
};

TEST_F(Interpreter, lists_run_by_their_joints) {
  EXPECT_EQ(run("false && echo no; echo yes").status, 0);
  EXPECT_EQ(output_.out, "yes\n");
  EXPECT_EQ(run("false || echo rescued").status, 0);
  EXPECT_EQ(output_.out, "rescued\n");
  EXPECT_EQ(run("true && false").status, 1);
}

TEST_F(Interpreter, an_unknown_command_is_127_with_the_words_of_bash) {
  EXPECT_EQ(run("nonsense -x").status, 127);
  EXPECT_EQ(output_.err, "bash: line 1: nonsense: command not found\n");
  EXPECT_EQ(run("nonsense 2>/dev/null").status, 127);
  EXPECT_EQ(output_.err, "");
  EXPECT_EQ(run("nonsense 2>&1").status, 127);
  EXPECT_EQ(output_.out, "bash: line 1: nonsense: command not found\n");
}

TEST_F(Interpreter, bad_syntax_is_status_two) {
  EXPECT_EQ(run("echo a | grep a").status, 2);
  EXPECT_EQ(output_.err.substr(0, 14), "bash: line 1: ");
}

TEST_F(Interpreter, what_only_changes_how_a_program_starts_is_stepped_over) {
  EXPECT_EQ(run("LC_ALL=C sudo -n env A=b nice -n 5 /usr/bin/echo hello").status, 0);
  EXPECT_EQ(output_.out, "hello\n");
  EXPECT_EQ(run("").status, 0);
}

TEST_F(Interpreter, an_end_by_signal_is_a_signal_alone_and_128_plus_n_in_a_list) {
  auto alone = interpret(Host{rig_.rack(), rig_.c01()}, "sleep 5");
  alone->step(output_);
  alone->signal(15);
  EXPECT_EQ(alone->step(output_)->signal, 15);
}

TEST_F(Interpreter, a_lease_that_is_not_renewed_or_whose_input_ends_kills_the_load) {
  const std::string line =
      "sh -c 'lease='\\''exec 3<&0'\\''; what a real shell reads' kiln-lease 5 'timeout 60 gpu_burn 30'";
  for (const bool by_end : {false, true}) {
    auto leased = interpret(Host{rig_.rack(), rig_.c01()}, line);
    for (int second = 0; second < 12; ++second) {
      leased->input(".");
      rig_.run(1);
      ASSERT_FALSE(leased->step(output_)) << second;
    }
    EXPECT_TRUE(rig_.c01().load) << "twice the lease, and renewed";
    if (by_end) leased->input_ended();
    rig_.run(by_end ? 0.1 : 5.1);
    std::optional<Exit> end = leased->step(output_);
    if (!end) end = leased->step(output_);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->status, 137);
    rig_.run(0.1);
    EXPECT_FALSE(rig_.c01().load);
  }
}

}  // namespace
}  // namespace kiln::virtual_rack
