#include "cli/lint_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/json.h"

namespace harmonylite::cli {

namespace {

using Lines = std::vector<std::string>;

constexpr size_t kWidth = 100;
constexpr size_t kRoomForMore = 18;  // for ", and 1000 more" behind the last subject that is named

struct SeverityText {
  Severity severity;
  const char* heading;  // for people
  const char* word;     // for programs
};

// In the order of the enum.
constexpr SeverityText kSeverities[] = {
    {Severity::kLoss, "WOULD BE LOST", "loss"},
    {Severity::kSurprise, "SURPRISES", "surprise"},
    {Severity::kAdvice, "ADVICE", "advice"},
    {Severity::kFine, "FINE", "fine"},
};

// What a file does not show, and is the same for every application.
constexpr const char* kNotInTheFile[] = {
    "Transactions that begin deferred and read before they write can fail where they leave no gap "
    "for 200 ms: BEGIN IMMEDIATE with a busy timeout is the better habit.",
    "Files beside the database do not travel; what the application keeps in memory does not change "
    "when rows of other nodes arrive. docs/your-application.md says more.",
};

// Breaks a text at spaces. The first line starts with `first`, the others with as many spaces.
void Wrap(const std::string& first, const std::string& text, Lines* out) {
  std::string line = first;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word(text.data() + begin, end - begin);
    const bool starts = line.find_first_not_of(' ') == std::string::npos || line == first;
    if (!starts && line.size() + 1 + word.size() > kWidth) {
      out->push_back(line);
      line = std::string(first.size(), ' ');
      line += word;
    } else {
      line += (starts ? "" : " ") + std::string(word);
    }
    begin = end + 1;
  }
  out->push_back(line);
}

// Names as many as fit into one line, but at least one. A table is named once.
std::string FirstOf(const std::vector<Subject>& subjects, size_t width) {
  std::vector<std::string> texts;
  for (const Subject& subject : subjects)
    if (texts.empty() || texts.back() != subject.text) texts.push_back(subject.text);
  std::string line = texts[0];
  size_t named = 1;
  for (; named < texts.size(); ++named) {
    const bool last = named + 1 == texts.size();
    if (line.size() + 2 + texts[named].size() + (last ? 0 : kRoomForMore) > width) break;
    line += ", " + texts[named];
  }
  if (named < texts.size()) line += fmt::format(", and {} more", texts.size() - named);
  return line;
}

// Returns what stands behind the title: how many there are or, of the whole file, what it has.
std::string InParentheses(const std::vector<Subject>& subjects) {
  if (!subjects[0].text.empty()) return fmt::format(" ({})", subjects.size());
  return subjects[0].detail.empty() ? "" : fmt::format(" ({})", subjects[0].detail);
}

void AddFinding(FindingKind kind, const std::vector<Subject>& subjects, bool all, Lines* out) {
  const FindingText& text = TextOf(kind);
  Wrap("  ", fmt::format("{}{}: {}", text.title, InParentheses(subjects), text.effect), out);
  const std::string indent(6, ' ');
  if (!subjects[0].text.empty() && !all)
    Wrap(indent, FirstOf(subjects, kWidth - indent.size()), out);
  else if (!subjects[0].text.empty())
    for (const Subject& subject : subjects) Wrap(indent, subject.text + subject.detail, out);
  if (*text.remedy != '\0') Wrap("    > ", text.remedy, out);
}

void AddSection(const SeverityText& section, const Findings& findings, bool all, Lines* out) {
  bool first = true;
  for (const auto& [kind, subjects] : findings) {
    if (TextOf(kind).severity != section.severity) continue;
    if (first) {
      out->push_back("");
      out->push_back(section.heading);
    }
    first = false;
    AddFinding(kind, subjects, all, out);
  }
}

std::string Count(int64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

size_t CountFine(const Findings& findings) {
  size_t count = 0;
  for (const auto& [kind, subjects] : findings)
    if (TextOf(kind).severity == Severity::kFine) count += subjects.size();
  return count;
}

}  // namespace

Lines LintLines(const std::string& path, const LintResult& result, bool all) {
  Lines out;
  out.push_back(fmt::format("{}: {} with {} would be replicated", path,
                            Count(result.tables, "table"), Count(result.rows, "row")));
  for (const SeverityText& section : kSeverities)
    if (section.severity != Severity::kFine || all) AddSection(section, result.findings, all, &out);
  out.push_back("");
  out.push_back("NOT IN THE FILE");
  for (const char* text : kNotInTheFile) Wrap("  ", text, &out);
  out.push_back("");
  out.push_back(LosesRows(result.findings) ? "Something would be lost." : "Nothing would be lost.");
  const size_t fine = CountFine(result.findings);
  if (fine > 0 && !all)
    out.back() += fmt::format(" --all also names what looks dangerous and is not ({}).", fine);
  return out;
}

std::string JsonOf(const LintResult& result) {
  Json findings = Json::array();
  for (const auto& [kind, subjects] : result.findings) {
    const FindingText& text = TextOf(kind);
    Json places = Json::array();
    for (const Subject& subject : subjects)
      places.push_back({{"table", subject.table}, {"text", subject.text + subject.detail}});
    findings.push_back({{"finding", text.id},
                        {"severity", kSeverities[static_cast<size_t>(text.severity)].word},
                        {"what", fmt::format("{}: {}", text.title, text.effect)},
                        {"remedy", text.remedy},
                        {"subjects", std::move(places)}});
  }
  return JsonText({{"tables", result.tables},
                   {"rows", result.rows},
                   {"loss", LosesRows(result.findings)},
                   {"findings", std::move(findings)}});
}

}  // namespace harmonylite::cli
