#include <algorithm>

#include "base/logger.h"
#include "config/nearest.h"
#include "config/reader.h"

namespace harmonylite::config {
namespace {

constexpr size_t kMaxErrorsShown = 100;

std::string Join(const std::string& table, const std::string& key) {
  return table.empty() ? key : table + "." + key;
}

std::string Place(const std::string& table) {
  return table.empty() ? "the top level" : "[" + table + "]";
}

std::string Show(bool is_table, const std::string& table, const std::string& name) {
  return is_table ? "[" + Join(table, name) + "]" : "\"" + name + "\"";
}

// True for a table and for an array of tables.
bool IsTable(const TomlValue& value) {
  using Kind = TomlValue::Kind;
  return value.kind == Kind::kTable || (value.kind == Kind::kArray && !value.items.empty() &&
                                        value.items[0].kind == Kind::kTable);
}

std::string List(const std::vector<std::string>& words, const char* last) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? last : ", ";
    out += words[i];
  }
  return out;
}

}  // namespace

TableReader Findings::Root(const TomlValue& root) { return TableReader(this, "", "", &root); }

void Findings::AddErrorAt(const std::string& key, std::string_view message) {
  // If the type or range is wrong already, one message for the value is enough.
  if (Failed(key)) return;
  AddError(PositionOf(key), message);
}

Position Findings::PositionOf(const std::string& key) const {
  const auto it = given_.find(key);
  return it == given_.end() ? Position{1, 1} : it->second;
}

bool Findings::Failed(const std::string& key) const {
  const auto it = given_.find(key);
  if (it == given_.end()) return false;
  if (bad_lists_.contains(key)) return true;
  for (const auto& [at, message] : errors_) {
    if (at == it->second) return true;
  }
  return false;
}

void Findings::CheckUnknown() {
  for (const auto& [table, value] : read_) {
    for (const auto& entry : value->entries) {
      if (keys_[table].contains(entry.key) || tables_[table].contains(entry.key)) continue;
      AddError(entry.at, Explain({table, &entry}));
    }
  }
}

std::string Findings::FarGuess(const Unread& unread) const {
  const bool is_table = IsTable(unread.entry->value);
  const auto& known = is_table ? tables_ : keys_;
  std::vector<std::string> everywhere;
  for (const auto& [table, names] : known) {
    everywhere.insert(everywhere.end(), names.begin(), names.end());
  }
  const std::string far = Nearest(unread.entry->key, everywhere);
  for (const auto& [table, names] : known) {
    if (far.empty() || !names.contains(far)) continue;
    const std::string shown = Show(is_table, table, far);
    return is_table ? fmt::format("; did you mean {}?", shown)
                    : fmt::format("; did you mean {} of {}?", shown, Place(table));
  }
  return {};
}

std::string Findings::Explain(const Unread& unread) const {
  const std::string& key = unread.entry->key;
  const bool is_table = IsTable(unread.entry->value);
  const auto& known = is_table ? tables_ : keys_;
  const auto show = [&](const std::string& table, const std::string& name) {
    return Show(is_table, table, name);
  };
  // The key is escaped as in JSON, because a quoted key may be any text.
  const std::string shown = JsonEscape(key.substr(0, 80));
  std::string out = is_table ? fmt::format("unknown table [{}]", Join(unread.table, shown))
                             : fmt::format("unknown key \"{}\" in {}", shown, Place(unread.table));
  // Guessing takes time, and with so many errors nobody reads the guesses.
  if (errors_.size() > 10 * kMaxErrorsShown) return out;
  std::vector<std::string> elsewhere;
  for (const auto& [table, names] : known) {
    if (names.contains(key) && table != unread.table) {
      elsewhere.push_back(is_table ? show(table, key) : Place(table));
    }
  }
  std::vector<std::string> here;
  if (const auto it = known.find(unread.table); it != known.end()) {
    here.assign(it->second.begin(), it->second.end());
  }
  const std::string near = Nearest(key, here);
  if (!near.empty()) out += "; did you mean " + show(unread.table, near);
  if (!elsewhere.empty() && is_table) {
    out += (near.empty() ? "; did you mean " : ", or ") + List(elsewhere, " or ");
  } else if (!elsewhere.empty()) {
    out += near.empty() ? "; it belongs to " + List(elsewhere, " and ")
                        : fmt::format(", or \"{}\" of {}", shown, List(elsewhere, " or "));
  }
  if (!near.empty() || (!elsewhere.empty() && is_table)) out += "?";
  if (near.empty() && elsewhere.empty()) out += FarGuess(unread);
  return out;
}

std::string Findings::ErrorText() const {
  auto sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0) out += '\n';
    if (i == kMaxErrorsShown) return out + fmt::format("and {} more", sorted.size() - i);
    out += AtPlace(path_, sorted[i].first, sorted[i].second);
  }
  return out;
}

std::vector<std::string> Findings::KnownKeys() const {
  std::vector<std::string> out;
  for (const auto& [table, names] : keys_) {
    for (const auto& name : names) out.push_back(Join(table, name));
  }
  return out;
}

}  // namespace harmonylite::config
