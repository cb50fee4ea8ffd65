// Hooks with real commands and files.
#include "adapters/hooks/hooks.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "support/is_alive.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite::hooks {
namespace {

using test::IsAlive;
using test::WaitUntil;
using ::testing::HasSubstr;
using ::testing::Not;
using Rows = std::map<std::string, int64_t>;

constexpr int64_t kHourMs = 3'600'000;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class HooksTest : public testing::Test {
 protected:
  ~HooksTest() override { close(log_fd_); }

  // Options of a hook about the tables t and u, which runs a script of the shell. In the script, $0
  // is the test's folder.
  HookOptions Script(const std::string& script) const {
    HookOptions options;
    options.selects = [](std::string_view table) { return table == "t" || table == "u"; };
    options.command = {"/bin/sh", "-c", script, dir_.path()};
    options.every_ms = 1;
    options.database = "/data/app.db";
    options.node = NodeId(7);
    return options;
  }
  HookOptions Touch(const std::string& path) const {
    HookOptions options = Script("");
    options.command.clear();
    options.touch = path;
    return options;
  }
  void Start(HookOptions options) {
    std::vector<HookOptions> all;
    all.push_back(std::move(options));
    hooks_.emplace(std::move(all), &clock_, &logger_);
  }
  HookState State() { return hooks_->states().at(0); }
  bool AwaitFailure() {
    return WaitUntil([&] { return State().failures >= 1; });
  }
  bool AwaitRuns(int64_t runs) {
    return WaitUntil([&] { return State().runs >= runs; });
  }
  bool AwaitFile(const std::string& name) {
    return WaitUntil([&] { return !Read(dir_.File(name)).empty(); });
  }
  std::string Log() const { return Read(dir_.File("log")); }

  test::TempDir dir_;
  const int log_fd_ = open(dir_.File("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  Logger logger_{log_fd_, LogFormat::kConsole, LogLevel::kInfo};
  SystemClock clock_;
  std::optional<Hooks> hooks_;
};

TEST_F(HooksTest, TellTablesAndNumbers) {
  Start(
      Script("printenv HARMONYLITE_TABLES HARMONYLITE_CHANGES HARMONYLITE_ROWS "
             "HARMONYLITE_DATABASE HARMONYLITE_NODE >$0/told"));
  hooks_->RowsWritten({{"other", 9}});
  hooks_->RowsWritten({{"t", 3}, {"u", 1}, {"other", 9}});
  ASSERT_TRUE(AwaitRuns(1));
  EXPECT_EQ(Read(dir_.File("told")), "[\"t\",\"u\"]\n{\"t\":3,\"u\":1}\n4\n/data/app.db\n7\n");
  EXPECT_EQ(State().untold_rows, 0);
  EXPECT_EQ(Log(), "");
}

TEST_F(HooksTest, NamesAreJson) {
  HookOptions options = Script("printenv HARMONYLITE_CHANGES >$0/told");
  options.selects = [](std::string_view) { return true; };
  Start(std::move(options));
  hooks_->RowsWritten({{"two words\nand \"quotes\"", 1}, {"na\xffme", 2}});
  ASSERT_TRUE(AwaitRuns(1));
  EXPECT_EQ(Read(dir_.File("told")),
            "{\"na\\ufffdme\":2,\"two words\\u000aand \\\"quotes\\\"\":1}\n");
}

TEST_F(HooksTest, MoreNamesThanTheEnvironmentHoldsBecomeOne) {
  HookOptions options = Script("printenv HARMONYLITE_TABLES HARMONYLITE_CHANGES >$0/told");
  options.selects = [](std::string_view) { return true; };
  Start(std::move(options));
  Rows rows;
  for (int i = 0; i < 5'000; ++i) rows["a_table_with_a_long_name_" + std::to_string(i)] = 2;
  hooks_->RowsWritten(rows);
  ASSERT_TRUE(AwaitRuns(1));
  EXPECT_EQ(Read(dir_.File("told")), "[\"*\"]\n{\"*\":10000}\n");
}

TEST_F(HooksTest, TheCommandGetsNoSecretsOfOurEnvironment) {
  setenv("NATS_PASSWORD", "swordfish", 1);
  setenv("LC_TIME", "C", 1);
  Start(Script("printenv >$0/told"));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitRuns(1));
  const std::string told = Read(dir_.File("told"));
  EXPECT_THAT(told, HasSubstr("LC_TIME=C\n"));
  EXPECT_THAT(told, HasSubstr("PATH="));
  EXPECT_THAT(told, Not(HasSubstr("swordfish")));
}

TEST_F(HooksTest, RowsThatComeDuringARunAreToldByTheNextOne) {
  Start(Script("printenv HARMONYLITE_ROWS >>$0/told; while [ ! -e $0/go ]; do sleep 0.01; done"));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFile("told"));
  // The command runs; none of these calls waits for it.
  for (int i = 0; i < 1'000; ++i) hooks_->RowsWritten({{"t", 1}});
  EXPECT_EQ(State().runs, 0);
  EXPECT_EQ(State().untold_rows, 1'001);
  std::ofstream(dir_.File("go")) << "go";
  ASSERT_TRUE(AwaitRuns(2));
  EXPECT_EQ(Read(dir_.File("told")), "1\n1000\n");
}

TEST_F(HooksTest, TheLastRowsAreAlwaysTold) {
  Start(Script("printenv HARMONYLITE_ROWS >>$0/told"));
  constexpr int64_t kCalls = 500;
  for (int64_t i = 0; i < kCalls; ++i) hooks_->RowsWritten({{i % 2 == 0 ? "t" : "u", 1}});
  ASSERT_TRUE(WaitUntil([&] { return State().untold_rows == 0; }));
  std::ifstream told(dir_.File("told"));
  int64_t sum = 0;
  for (int64_t rows = 0; told >> rows;) sum += rows;
  EXPECT_EQ(sum, kCalls);
}

TEST_F(HooksTest, AFailedRunIsSaidAndRepeatedWithItsRows) {
  Start(
      Script("printenv HARMONYLITE_ROWS >>$0/told; echo first; printf 'no \\033[31mapp' >&2; "
             "[ -e $0/go ] || exit 3"));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFailure());
  EXPECT_EQ(State().failure, "exit code 3");
  EXPECT_EQ(State().untold_rows, 1);
  ASSERT_TRUE(WaitUntil([&] { return !Log().empty(); }));
  EXPECT_THAT(Log(), HasSubstr("hook 1 (/bin/sh) failed: exit code 3; it said: first | no "));
  EXPECT_THAT(Log(), Not(HasSubstr("\033"))) << "what a command says does not act on a terminal";
  hooks_->RowsWritten({{"t", 4}});
  std::ofstream(dir_.File("go")) << "go";
  ASSERT_TRUE(AwaitRuns(1));
  EXPECT_EQ(State().failure, "");
  EXPECT_EQ(State().untold_rows, 0);
  EXPECT_TRUE(Read(dir_.File("told")).ends_with("\n5\n")) << Read(dir_.File("told"));
  ASSERT_TRUE(WaitUntil([&] { return Log().find("hook 1 (/bin/sh) works again") != Log().npos; }));
  EXPECT_EQ(Log().find("failed"), Log().rfind("failed")) << "it is said once";
}

TEST_F(HooksTest, ACommandThatWritesWithoutEndHasABoundedMessage) {
  HookOptions options = Script("yes a line that is long and stupid");
  options.timeout_ms = 50;
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(WaitUntil([&] { return !Log().empty(); }));
  EXPECT_LT(Log().size(), 1'500u);
}

TEST_F(HooksTest, ACommandThatCannotBeRunIsSaid) {
  HookOptions options = Script("");
  options.command = {"/nowhere/reload"};
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFailure());
  EXPECT_EQ(State().failure, "cannot run /nowhere/reload: No such file or directory");
}

TEST_F(HooksTest, NamesAreLookedUpOnPath) {
  HookOptions options = Script("");
  options.command = {"touch", dir_.File("touched")};
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitRuns(1));
  EXPECT_EQ(access(dir_.File("touched").c_str(), F_OK), 0);
  options = Script("");
  options.command = {"no-such-program"};
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFailure());
  EXPECT_EQ(State().failure, "no no-such-program was found on PATH");
}

TEST_F(HooksTest, ACommandThatHangsIsEndedWithAllThatItStarted) {
  HookOptions options = Script("sleep 1000 & echo $! >$0/pid; wait");
  options.timeout_ms = 200;
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFailure());
  EXPECT_EQ(State().failure, "it took longer than 200 ms (timeout) and was ended");
  EXPECT_EQ(State().untold_rows, 1);
  ASSERT_TRUE(AwaitFile("pid"));
  const pid_t pid = std::stoi(Read(dir_.File("pid")));
  EXPECT_TRUE(WaitUntil([&] { return !IsAlive(pid); }));
}

TEST_F(HooksTest, StoppingTellsWhatIsCollected) {
  HookOptions options = Script("printenv HARMONYLITE_ROWS >>$0/told");
  options.every_ms = kHourMs;
  Start(std::move(options));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitRuns(1));
  hooks_->RowsWritten({{"t", 2}});
  hooks_->RowsWritten({{"t", 3}});
  hooks_->Stop();
  EXPECT_EQ(Read(dir_.File("told")), "1\n5\n");
  hooks_->RowsWritten({{"t", 6}});
  hooks_->Stop();
  EXPECT_EQ(Read(dir_.File("told")), "1\n5\n");
}

TEST_F(HooksTest, StoppingEndsACommandThatHangs) {
  Start(Script("trap '' TERM; echo $$ >$0/pid; while :; do sleep 1; done"));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFile("pid"));
  const pid_t pid = std::stoi(Read(dir_.File("pid")));
  hooks_->RowsWritten({{"t", 1}});
  hooks_->Stop();
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_EQ(State().failures, 0);
  EXPECT_THAT(Log(), HasSubstr("hook 1 (/bin/sh) was ended: it runs again at the next start"));
}

TEST_F(HooksTest, ASlowHookDoesNotDelayAnother) {
  std::vector<HookOptions> both;
  both.push_back(Script("while [ ! -e $0/go ]; do sleep 0.01; done"));
  both.push_back(Script("exit 0"));
  both[1].number = 2;
  hooks_.emplace(std::move(both), &clock_, &logger_);
  hooks_->RowsWritten({{"t", 1}});
  EXPECT_TRUE(WaitUntil([&] { return hooks_->states()[1].runs == 1; }));
  EXPECT_EQ(State().runs, 0);
  EXPECT_EQ(hooks_->states()[1].number, 2);
  std::ofstream(dir_.File("go")) << "go";
  EXPECT_TRUE(AwaitRuns(1));
}

TEST_F(HooksTest, AFileIsMadeAndTouched) {
  Start(Touch(dir_.File("reload")));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitRuns(1));
  struct stat info {};
  ASSERT_EQ(stat(dir_.File("reload").c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 0);
  std::ofstream(dir_.File("reload")) << "content";
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, dir_.File("reload").c_str(), long_ago, 0), 0);
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitRuns(2));
  ASSERT_EQ(stat(dir_.File("reload").c_str(), &info), 0);
  EXPECT_GT(info.st_mtime, 1);
  EXPECT_EQ(Read(dir_.File("reload")), "content");
}

TEST_F(HooksTest, ALinkIsNotFollowed) {
  ASSERT_EQ(symlink(dir_.File("elsewhere").c_str(), dir_.File("reload").c_str()), 0);
  Start(Touch(dir_.File("reload")));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(AwaitFailure());
  EXPECT_THAT(State().failure, HasSubstr("it is a link, and links are not followed"));
  EXPECT_NE(access(dir_.File("elsewhere").c_str(), F_OK), 0);
}

TEST_F(HooksTest, AFileThatCannotBeTouchedIsSaid) {
  Start(Touch("/nowhere/reload"));
  hooks_->RowsWritten({{"t", 1}});
  ASSERT_TRUE(WaitUntil([&] { return !Log().empty(); }));
  EXPECT_THAT(Log(), HasSubstr("hook 1 (/nowhere/reload) failed: cannot touch /nowhere/reload: No "
                               "such file or directory"));
}

}  // namespace
}  // namespace harmonylite::hooks
