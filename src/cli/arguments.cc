#include "cli/arguments.h"

#include <algorithm>

#include "config/command_line.h"
#include "config/flag_syntax.h"
#include "config/nearest.h"

namespace harmonylite::cli {

namespace {

using Words = std::vector<std::string>;

Error Wrong(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

bool IsHelp(const std::string& name) { return name == "help" || name == "h"; }

Error UnknownFlag(const std::vector<Argument>& table, const std::string& word,
                  const std::string& name) {
  const Words own = config::FlagNames();
  if (std::find(own.begin(), own.end(), name) != own.end())
    return Wrong(fmt::format("unknown flag {} here: it stands before the command", word));
  Words names{"help"};
  for (const Argument& one : table)
    if (one.is_flag()) names.emplace_back(FlagName(one));
  const std::string near = config::Nearest(name, names);
  if (near.empty()) return Wrong("unknown flag " + word);
  const auto meant = std::find_if(table.begin(), table.end(), [&](const Argument& one) {
    return one.is_flag() && FlagName(one) == near;
  });
  return Wrong(fmt::format("unknown flag {}; did you mean {}?", word,
                           meant == table.end() ? "-help" : meant->name));
}

// Stores the value of a flag, or a word.
Status Store(const Argument& argument, const std::string& value) {
  if (argument.is_flag() && value.empty()) return Wrong(argument.name + ": the value is empty");
  if (auto* const* text = std::get_if<std::string*>(&argument.field)) **text = value;
  if (auto* const* list = std::get_if<Words*>(&argument.field)) (*list)->push_back(value);
  return Ok();
}

// Takes the flag at words[*at], and its value if that is a word of its own. Moves *at behind them.
Status TakeFlag(const std::vector<Argument>& table, const config::FlagWord& flag,
                const Words& words, size_t* at) {
  const std::string& word = words[(*at)++];
  const auto known = std::find_if(table.begin(), table.end(), [&](const Argument& one) {
    return one.is_flag() && FlagName(one) == flag.name;
  });
  if (known == table.end()) return UnknownFlag(table, word.substr(0, word.find('=')), flag.name);
  if (auto* const* set = std::get_if<bool*>(&known->field)) {
    **set = true;
    if (!flag.value) return Ok();
    auto value = config::ParseSwitch(*flag.value);
    if (!value.ok()) return std::move(value).error().Wrap(known->name);
    **set = *value;
    return Ok();
  }
  if (flag.value) return Store(*known, *flag.value);
  if (*at == words.size())
    return Wrong(fmt::format("{} needs a value: {} {}", known->name, known->name, known->value));
  return Store(*known, words[(*at)++]);
}

}  // namespace

std::string_view FlagName(const Argument& argument) {
  const std::string_view name = argument.name;
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

Result<Parsed> ParseArguments(const std::vector<Argument>& table, const Words& words) {
  auto next = table.begin();
  bool flags_end = false;
  for (size_t at = 0; at < words.size();) {
    if (!flags_end && words[at] == "--") {
      flags_end = true;
      ++at;
      continue;
    }
    if (const auto flag = flags_end ? std::nullopt : config::AsFlag(words[at])) {
      if (IsHelp(flag->name)) return Parsed{.help = true};
      HL_TRY(TakeFlag(table, *flag, words, &at));
      continue;
    }
    next = std::find_if(next, table.end(), [](const Argument& one) { return !one.is_flag(); });
    if (next == table.end()) return Wrong("unknown argument " + words[at]);
    HL_TRY(Store(*next++, words[at++]));
  }
  return Parsed{};
}

std::string DescribeArguments(const std::vector<Argument>& table) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Argument& one : table)
    rows.emplace_back(one.value.empty() ? one.name : one.name + " " + one.value, one.help);
  rows.emplace_back("-help", "print this text");
  size_t width = 0;
  for (const auto& [name, help] : rows) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, help] : rows) out += fmt::format("  {:<{}}  {}\n", name, width, help);
  return out;
}

}  // namespace harmonylite::cli
