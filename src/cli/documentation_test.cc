// Tests that docs/command-line.md says what the tables of the commands say.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "cli/commands.h"

namespace harmonylite::cli {
namespace {

// Returns the text between the heading "## NAME" and the next one of that depth.
std::string Section(const std::string& name) {
  std::ifstream file(HARMONYLITE_SOURCE_DIR "/docs/command-line.md", std::ios::binary);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  const size_t begin = page.find("\n## " + name + "\n");
  EXPECT_NE(begin, std::string::npos) << "no section " << name;
  if (begin == std::string::npos) return {};
  return page.substr(begin, page.find("\n## ", begin + 1) - begin);
}

std::string FirstBlock(const std::string& section) {
  const size_t begin = section.find("\n```\n") + 5;
  return section.substr(begin, section.find("\n```\n", begin) + 1 - begin);
}

TEST(CommandLinePage, HasTheFormsOfEveryCommand) {
  for (const Command& command : Commands()) {
    std::string forms;
    for (const std::string& form : command.forms) forms += "harmonylite " + form + "\n";
    EXPECT_EQ(FirstBlock(Section(command.name)), forms);
  }
}

TEST(CommandLinePage, NamesEveryFlagOfACommandAndNoOther) {
  const std::regex flag("--[a-z][a-z-]*");
  for (const Command& command : Commands()) {
    std::set<std::string> known;
    for (const Argument& one : command.arguments)
      if (one.is_flag() && one.name != "-config") known.insert(one.name);
    const std::string section = Section(command.name);
    std::set<std::string> named;
    for (std::sregex_iterator it(section.begin(), section.end(), flag), end; it != end; ++it)
      named.insert(it->str());
    EXPECT_EQ(named, known) << command.name;
  }
}

TEST(CommandLinePage, NamesEveryFlagOfTheProgram) {
  const std::string sections = Section("Flags") + Section("Actions");
  for (const std::string& name : config::FlagNames())
    EXPECT_TRUE(std::regex_search(sections, std::regex("(`|### )-" + name + "(`| |\n)"))) << name;
}

TEST(Commands, HelpHasTheFormsAndEveryArgument) {
  std::set<std::string> names;
  for (const Command& command : Commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    const std::string help = CommandHelp(command);
    for (const std::string& form : command.forms) {
      EXPECT_TRUE(form.starts_with(command.name + " ")) << form;
      EXPECT_NE(help.find("  harmonylite " + form + "\n"), std::string::npos) << form;
    }
    for (const Argument& one : command.arguments) {
      EXPECT_NE(help.find("\n  " + one.name), std::string::npos) << one.name;
      EXPECT_FALSE(one.help.empty()) << one.name;
    }
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  }
}

// What a form shows must be in the table, and the other way round.
TEST(Commands, FormsAndArgumentsAgree) {
  for (const Command& command : Commands()) {
    std::string forms;
    for (const std::string& form : command.forms) forms += form + " ";
    for (const Argument& one : command.arguments)
      EXPECT_TRUE(!one.is_flag() || forms.find(one.name) != std::string::npos) << one.name;
    const std::regex flag("-[a-z-]+");
    for (std::sregex_iterator it(forms.begin(), forms.end(), flag), end; it != end; ++it) {
      bool known = false;
      for (const Argument& one : command.arguments) known = known || one.name == it->str();
      EXPECT_TRUE(known) << command.name << " " << it->str();
    }
  }
}

}  // namespace
}  // namespace harmonylite::cli
