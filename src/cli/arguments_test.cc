#include "cli/arguments.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace harmonylite::cli {
namespace {

using Words = std::vector<std::string>;

struct Fields {
  std::string action;
  std::string name;
  std::string show;
  Words sets;
  bool json = false;
};

std::vector<Argument> Table(Fields* out) {
  return {{"ACTION", "", "what to do", &out->action},
          {"-config", "FILE", "the configuration", ReadElsewhere{}},
          {"--json", "", "print JSON", &out->json},
          {"--show", "ID", "show one", &out->show},
          {"NAME", "", "of what", &out->name},
          {"--set", "COLUMN=VALUE", "may be repeated", &out->sets}};
}

Result<Fields> Parse(const Words& words) {
  Fields out;
  HL_ASSIGN(const Parsed parsed, ParseArguments(Table(&out), words));
  EXPECT_FALSE(parsed.help);
  return out;
}

std::string ErrorOf(const Words& words) {
  const auto parsed = Parse(words);
  if (parsed.ok()) return "accepted";
  EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidArgument);
  return parsed.error().message();
}

TEST(Arguments, NothingLeavesTheFieldsAlone) {
  ASSERT_VALUE(const Fields fields, Parse({}));
  EXPECT_EQ(fields.action, "");
  EXPECT_FALSE(fields.json);
  EXPECT_TRUE(fields.sets.empty());
}

TEST(Arguments, FlagsInAllSpellings) {
  for (const Words& words : std::vector<Words>{{"--json", "--show", "7"},
                                               {"-json", "-show", "7"},
                                               {"-json=true", "--show=7"},
                                               {"--json=1", "-show", "1", "-show=7"}}) {
    ASSERT_VALUE(const Fields fields, Parse(words));
    EXPECT_TRUE(fields.json);
    EXPECT_EQ(fields.show, "7");
  }
  ASSERT_VALUE(const Fields off, Parse({"--json", "--json=false"}));
  EXPECT_FALSE(off.json);
}

TEST(Arguments, WordsAreTakenInTheOrderOfTheTable) {
  ASSERT_VALUE(const Fields fields, Parse({"list", "--json", "x y"}));
  EXPECT_EQ(fields.action, "list");
  EXPECT_EQ(fields.name, "x y");
  EXPECT_TRUE(fields.json);
}

TEST(Arguments, ListsKeepEveryValueInOrder) {
  ASSERT_VALUE(const Fields fields, Parse({"--set", "a=1", "-set=b=", "--set", "-c"}));
  EXPECT_EQ(fields.sets, (Words{"a=1", "b=", "-c"}));
}

TEST(Arguments, TwoDashesEndTheFlags) {
  ASSERT_VALUE(const Fields fields, Parse({"--json", "--", "--show", "-help"}));
  EXPECT_EQ(fields.action, "--show");
  EXPECT_EQ(fields.name, "-help");
}

TEST(Arguments, HelpEndsTheParsing) {
  for (const char* word : {"-help", "--help", "-h", "--h"}) {
    Fields out;
    ASSERT_VALUE(const Parsed parsed, ParseArguments(Table(&out), {"list", word, "--nothing"}));
    EXPECT_TRUE(parsed.help) << word;
  }
}

TEST(Arguments, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"--jsn"}), "unknown flag --jsn; did you mean --json?");
  EXPECT_EQ(ErrorOf({"-shw=3"}), "unknown flag -shw; did you mean --show?");
  EXPECT_EQ(ErrorOf({"--hlp"}), "unknown flag --hlp; did you mean -help?");
  EXPECT_EQ(ErrorOf({"--colour"}), "unknown flag --colour");
  EXPECT_EQ(ErrorOf({"-node-id", "3"}), "unknown flag -node-id here: it stands before the command");
  EXPECT_EQ(ErrorOf({"--show"}), "--show needs a value: --show ID");
  EXPECT_EQ(ErrorOf({"--show="}), "--show: the value is empty");
  EXPECT_EQ(ErrorOf({"--json=maybe"}), "--json: expected true or false");
  EXPECT_EQ(ErrorOf({"a", "b", "c"}), "unknown argument c");
}

TEST(Arguments, EachIsDescribedInALine) {
  Fields out;
  EXPECT_EQ(DescribeArguments(Table(&out)),
            "  ACTION              what to do\n"
            "  -config FILE        the configuration\n"
            "  --json              print JSON\n"
            "  --show ID           show one\n"
            "  NAME                of what\n"
            "  --set COLUMN=VALUE  may be repeated\n"
            "  -help               print this text\n");
}

}  // namespace
}  // namespace harmonylite::cli
