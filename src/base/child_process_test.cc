#include "base/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "support/is_alive.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite {
namespace {

using std::chrono::milliseconds;
using test::IsAlive;
using test::WaitUntil;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kStep{20};
constexpr milliseconds kNever{60'000};  // longer than any test waits

ChildOptions Shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

// Reads until the child's output ends.
std::vector<std::string> AllLines(ChildProcess* child) {
  std::vector<std::string> lines;
  EXPECT_TRUE(WaitUntil([&] { return !child->ReadLines(kStep, -1, &lines); }));
  return lines;
}

// Reads until the child has written so many lines.
std::vector<std::string> Lines(ChildProcess* child, size_t count) {
  std::vector<std::string> lines;
  EXPECT_TRUE(WaitUntil([&] {
    child->ReadLines(kStep, -1, &lines);
    return lines.size() >= count;
  }));
  lines.resize(count);
  return lines;
}

TEST(ChildProcess, GivesTheLinesOfBothOutputsAndHowItEnded) {
  ASSERT_VALUE(ChildProcess child,
               ChildProcess::Spawn(Shell("echo one; echo two >&2; printf three; exit 3")));
  EXPECT_THAT(AllLines(&child), ElementsAre("one", "two", "three"));
  EXPECT_TRUE(WaitUntil([&] { return child.HasEnded(); }));
  EXPECT_EQ(child.how_it_ended(), "exit code 3");
  EXPECT_FALSE(child.succeeded());
}

TEST(ChildProcess, AnEndWithCodeZeroIsASuccess) {
  ASSERT_VALUE(ChildProcess child, ChildProcess::Spawn(Shell("exit 0")));
  EXPECT_FALSE(child.succeeded());
  EXPECT_TRUE(WaitUntil([&] { return child.HasEnded(); }));
  EXPECT_TRUE(child.succeeded());
}

TEST(ChildProcess, AProgramThatCannotBeRunIsAnErrorThatSaysWhy) {
  const auto absent = ChildProcess::Spawn({.argv = {"/nowhere/to/be/found"}});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(absent.error().message(), "cannot run /nowhere/to/be/found: No such file or directory");
  const auto folder = ChildProcess::Spawn({.argv = {"/"}});
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(folder.error().message(), "cannot run /: Permission denied");
}

TEST(ChildProcess, HasTheEnvironmentThatItIsGiven) {
  ASSERT_EQ(setenv("CHILD_PROCESS_TEST", "ours", 1), 0);
  ASSERT_VALUE(ChildProcess ours, ChildProcess::Spawn(Shell("echo $CHILD_PROCESS_TEST")));
  EXPECT_THAT(AllLines(&ours), ElementsAre("ours"));
  ChildOptions options{.argv = {"/usr/bin/env"}};
  options.environment = {"A=1", "B=two words"};
  ASSERT_VALUE(ChildProcess given, ChildProcess::Spawn(options));
  EXPECT_THAT(AllLines(&given), ElementsAre("A=1", "B=two words"));
}

TEST(ChildProcess, InheritsNoDescriptorButTheOneThatItIsGiven) {
  // Descriptors without FD_CLOEXEC, as careless libraries have them.
  const int careless = open("/dev/zero", O_RDONLY);
  const int given = open("/dev/full", O_RDONLY);
  ASSERT_GE(careless, 3);
  const std::string list = "ls -l /proc/self/fd; readlink /proc/$$/fd/0";
  ASSERT_VALUE(ChildProcess none, ChildProcess::Spawn(Shell(list)));
  std::string lines;
  for (const std::string& line : AllLines(&none)) lines += line + "\n";
  EXPECT_THAT(lines, ::testing::Not(HasSubstr("/dev/zero")));
  EXPECT_TRUE(lines.ends_with("/dev/null\n")) << lines;
  for (const int fd : {given, 3}) {  // number 3 is the one that the child gets it as
    ASSERT_TRUE(fd == given || dup2(given, 3) == 3);
    ChildOptions options = Shell("readlink /proc/$$/fd/3; ls /proc/$$/fd");
    options.inherit_fd = fd;
    ASSERT_VALUE(ChildProcess one, ChildProcess::Spawn(options));
    EXPECT_THAT(Lines(&one, 5), ElementsAre("/dev/full", "0", "1", "2", "3"));
    one.End(milliseconds(0));
  }
  close(careless);
  close(given);
  close(3);
}

TEST(ChildProcess, EndsWithAllThatItHasStarted) {
  ASSERT_VALUE(ChildProcess child, ChildProcess::Spawn(Shell("sleep 1000 & echo $!; wait")));
  const pid_t grandchild = std::stoi(Lines(&child, 1)[0]);
  EXPECT_TRUE(IsAlive(grandchild));
  child.End(kNever);
  EXPECT_EQ(child.how_it_ended(), "signal 15");
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(grandchild); }));
}

TEST(ChildProcess, LetsWhatTheChildHasStartedEndInOrder) {
  // The outer shell ends at the signal; the inner one, which holds the output, leaves a word first.
  const test::TempDir dir;
  const std::string inner = "trap 'sleep 0.1; echo bye >" + dir.File("word") +
                            "; exit' TERM; echo ready; while :; do sleep 0.01; done";
  ASSERT_VALUE(ChildProcess child, ChildProcess::Spawn(Shell("(" + inner + ") & wait")));
  Lines(&child, 1);
  child.End(kNever);
  EXPECT_EQ(child.how_it_ended(), "signal 15");
  EXPECT_TRUE(std::ifstream(dir.File("word")).good());
}

TEST(ChildProcess, IsKilledIfItDoesNotEndInTime) {
  ASSERT_VALUE(ChildProcess child,
               ChildProcess::Spawn(Shell("trap '' TERM; echo ready; while :; do sleep 1; done")));
  Lines(&child, 1);
  child.End(milliseconds(50));
  EXPECT_EQ(child.how_it_ended(), "signal 9");
  EXPECT_FALSE(IsAlive(child.pid()));
}

TEST(ChildProcess, WhatItLeavesBehindGoesOn) {
  pid_t background = 0;
  {
    ASSERT_VALUE(ChildProcess child,
                 ChildProcess::Spawn(Shell("sleep 1000 >/dev/null 2>&1 & echo $!")));
    background = std::stoi(Lines(&child, 1)[0]);
    EXPECT_TRUE(WaitUntil([&] { return child.HasEnded(); }));
    child.End(kNever);
  }
  EXPECT_TRUE(IsAlive(background));
  kill(background, SIGKILL);
}

TEST(ChildProcess, ReadingReturnsAlsoIfTheChildNeverStopsWriting) {
  ASSERT_VALUE(ChildProcess child, ChildProcess::Spawn(Shell("yes")));
  std::vector<std::string> lines;
  while (lines.empty()) ASSERT_TRUE(child.ReadLines(kStep, -1, &lines));
  child.End(milliseconds(0));
}

TEST(FindProgram, TakesPathsAsTheyAreAndLooksUpNames) {
  const test::TempDir dir;
  for (const char* name : {"tool", "text"}) std::ofstream(dir.File(name)) << "#!/bin/sh\n";
  ASSERT_EQ(chmod(dir.File("tool").c_str(), 0700), 0);
  const std::string folders = "/nowhere:" + dir.path() + ":";
  EXPECT_EQ(FindProgram("tool", folders), dir.File("tool"));
  EXPECT_EQ(FindProgram("text", folders), std::nullopt) << "it is not executable";
  EXPECT_EQ(FindProgram("tool", "/nowhere"), std::nullopt);
  EXPECT_EQ(FindProgram("tool", ""), std::nullopt);
  EXPECT_EQ(FindProgram(dir.File("tool"), ""), dir.File("tool"));
  EXPECT_EQ(FindProgram("./no-such-tool", folders), std::nullopt);
}

}  // namespace
}  // namespace harmonylite
