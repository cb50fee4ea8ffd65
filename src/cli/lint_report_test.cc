#include "cli/lint_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/json.h"

namespace harmonylite::cli {
namespace {

using Strings = std::vector<std::string>;

Subject Table(const std::string& name, const std::string& detail = {}) {
  return {name, name, detail};
}

// The lines from a heading to the next empty one.
Strings Section(const Strings& lines, const std::string& heading) {
  Strings out;
  bool inside = false;
  for (const std::string& line : lines) {
    if (inside && line.empty()) break;
    if (inside) out.push_back(line);
    if (line == heading) inside = true;
  }
  return out;
}

TEST(LintFindings, EveryKindHasItsWordsInOrder) {
  std::set<std::string> ids;
  Severity before = Severity::kLoss;
  for (const FindingKind kind : FindingKinds()) {
    const FindingText& text = TextOf(kind);
    EXPECT_EQ(text.kind, kind) << text.id;
    EXPECT_TRUE(ids.insert(text.id).second) << text.id;
    EXPECT_LE(before, text.severity) << text.id;
    before = text.severity;
    if (text.severity == Severity::kLoss || text.severity == Severity::kSurprise)
      EXPECT_STRNE(text.remedy, "") << text.id;
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(FindingKind::kDefault) + 1);
}

TEST(LintFindings, OnlyALossLosesRows) {
  EXPECT_FALSE(LosesRows({}));
  EXPECT_FALSE(LosesRows({{FindingKind::kUnique, {Table("t")}}, {FindingKind::kCost, {{}}}}));
  EXPECT_TRUE(LosesRows({{FindingKind::kNoKey, {Table("t")}}}));
}

TEST(LintReport, OneFinding) {
  const Strings lines = LintLines("app.db", {2, 1, {{FindingKind::kNoKey, {Table("a")}}}}, false);
  EXPECT_EQ(lines[0], "app.db: 2 tables with 1 row would be replicated");
  EXPECT_EQ(
      Section(lines, "WOULD BE LOST"),
      (Strings{"  Tables without a key, but with UNIQUE indexes (1): their rows stay on their node",
               "      a",
               "    > add a PRIMARY KEY; or, where one node alone inserts, list the table in "
               "[tables] without_key"}));
  EXPECT_EQ(lines.back(), "Something would be lost.");
}

TEST(LintReport, TheFirstFewAndHowManyMore) {
  std::vector<Subject> subjects;
  for (int i = 100; i < 250; ++i) {
    subjects.push_back(Table(fmt::format("application_table_{}", i), "(a)"));
    subjects.push_back(Table(fmt::format("application_table_{}", i), "(b)"));
  }
  const LintResult result{150, 0, {{FindingKind::kUnique, subjects}}};
  const Strings few = Section(LintLines("app.db", result, false), "SURPRISES");
  EXPECT_EQ(few[1],
            "      application_table_100, application_table_101, application_table_102, and 147 "
            "more");
  const Strings all = Section(LintLines("app.db", result, true), "SURPRISES");
  EXPECT_EQ(all.size(), few.size() - 1 + 300);
  EXPECT_EQ(all[1], "      application_table_100(a)");
}

TEST(LintReport, LinesAreShort) {
  Findings every;
  for (const FindingKind kind : FindingKinds())
    every[kind] = {Table("a_table_with_a_name"), Table("and_another_one")};
  for (const bool all : {false, true})
    for (const std::string& line : LintLines("app.db", {2, 2, every}, all))
      EXPECT_LE(line.size(), 100u) << line;
}

TEST(LintReport, ALongNameHasALineOfItsOwn) {
  const std::string name(300, 'x');
  const Strings lines =
      LintLines("app.db", {1, 0, {{FindingKind::kNoKey, {Table(name), Table("b")}}}}, false);
  EXPECT_EQ(Section(lines, "WOULD BE LOST")[1], "      " + name + ",");
}

TEST(LintReport, WhatTheWholeFileHasStandsBehindTheTitle) {
  const Strings lines =
      LintLines("app.db", {1, 0, {{FindingKind::kUserVersion, {{"", "", "7"}}}}}, false);
  EXPECT_EQ(Section(lines, "ADVICE")[0], "  PRAGMA user_version (7): it does not travel");
}

TEST(LintReport, WhatIsFineIsNamedWhenAskedFor) {
  const LintResult result{1, 0, {{FindingKind::kTriggerRests, {Table("t"), Table("u")}}}};
  const Strings few = LintLines("app.db", result, false);
  EXPECT_TRUE(Section(few, "FINE").empty());
  EXPECT_EQ(few.back(),
            "Nothing would be lost. --all also names what looks dangerous and is not (2).");
  const Strings all = LintLines("app.db", result, true);
  EXPECT_EQ(Section(all, "FINE").size(), 3u);
  EXPECT_EQ(all.back(), "Nothing would be lost.");
}

TEST(LintReport, WhatNoFileShowsIsSaidOnce) {
  const Strings lines = LintLines("app.db", {}, false);
  const Strings section = Section(lines, "NOT IN THE FILE");
  EXPECT_EQ(std::count_if(section.begin(), section.end(),
                          [](const std::string& line) {
                            return line.find("BEGIN IMMEDIATE") != std::string::npos;
                          }),
            1);
}

TEST(LintReport, Json) {
  const LintResult result{3, 5, {{FindingKind::kNullableKey, {Table("t", "(a)"), Table("u")}}}};
  EXPECT_EQ(Json::parse(JsonOf(result)), Json::parse(R"json({
    "tables": 3, "rows": 5, "loss": false,
    "findings": [{
      "finding": "nullable-key", "severity": "surprise",
      "what": "Key columns that may be NULL: a row with NULL there would stay on its node",
      "remedy": "declare them NOT NULL",
      "subjects": [{"table": "t", "text": "t(a)"}, {"table": "u", "text": "u"}]}]})json"));
}

}  // namespace
}  // namespace harmonylite::cli
