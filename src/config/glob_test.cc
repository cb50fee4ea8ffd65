#include "config/glob.h"

#include <gtest/gtest.h>

#include <string>

#include "config/config.h"

namespace harmonylite::config {
namespace {

struct Case {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(Glob, Matches) {
  const Case cases[] = {
      {"books", "books", true},
      {"books", "book", false},
      {"books", "books2", false},
      {"BOOKS", "books", true},
      {"b?oks", "BOOKS", true},
      {"b?ks", "books", false},
      {"?", "", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"*", "", true},
      {"*", "anything", true},
      {"", "", true},
      {"", "a", false},
      {"book*", "book", true},
      {"book*", "bookshop", true},
      {"*s", "books", true},
      {"*s", "book", false},
      {"a*b*c", "a-b-b-c", true},
      {"a*b*c", "a-c-b", false},
      {"**", "x", true},
      {"a**c", "ac", true},
      {"*?", "", false},
      {"*?", "x", true},
      {"?*?", "x", false},
      {"?*?", "xy", true},
      {"*ab", "aab", true},
      {"*aab", "aaab", true},
      {"a*a*a", "aa", false},
      {"[ab]", "[ab]", true},
      {"[ab]", "a", false},
      {"a.b c", "A.B C", true},
      {"*.tmp", "x.tmp", true},
      {"caf?", "caf\xC3\xA9", true},  // '?' matches one character, also one of two bytes
      {"caf??", "caf\xC3\xA9", false},
      {"\xC3\x89", "\xC3\xA9", false},  // letters beyond ASCII match only in the same case
      {"*\xA9", "x\xC3\xA9", false},    // a '*' never ends inside a character
  };
  for (const auto& c : cases) {
    EXPECT_EQ(GlobMatch(c.pattern, c.name), c.matches) << c.pattern << " on " << c.name;
  }
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  const std::string name(2000, 'a');
  EXPECT_TRUE(GlobMatch(pattern, name));
  EXPECT_FALSE(GlobMatch(pattern + "b", name));
}

TEST(Glob, ExcludeWinsOverInclude) {
  TablesConfig tables;
  EXPECT_TRUE(SelectsTable(tables, "books"));
  tables.include = {"b*", "authors"};
  EXPECT_TRUE(SelectsTable(tables, "Books"));
  EXPECT_TRUE(SelectsTable(tables, "authors"));
  EXPECT_FALSE(SelectsTable(tables, "sessions"));
  tables.exclude = {"*_tmp"};
  EXPECT_FALSE(SelectsTable(tables, "b_tmp"));
  tables.include.clear();
  EXPECT_FALSE(SelectsTable(tables, "b_tmp"));
  EXPECT_TRUE(SelectsTable(tables, "sessions"));
}

TEST(Glob, WithoutKeyNeedsAPattern) {
  TablesConfig tables;
  EXPECT_FALSE(AllowsWithoutKey(tables, "log"));
  tables.without_key = {"lo?"};
  EXPECT_TRUE(AllowsWithoutKey(tables, "LOG"));
  EXPECT_FALSE(AllowsWithoutKey(tables, "logs"));
}

}  // namespace
}  // namespace harmonylite::config
