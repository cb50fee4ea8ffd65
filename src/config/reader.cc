#include "config/reader.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/logger.h"
#include "base/url.h"
#include "config/secret_source.h"

namespace harmonylite::config {
namespace {

using Kind = TomlValue::Kind;

constexpr size_t kMaxItems = 10'000;  // entries of one array

bool AlwaysSecret(const std::string& raw) { return !raw.empty(); }

// A URL holds a secret if it names a user with a password (or, for NATS, a token), or if its query
// contains one.
bool UrlHoldsSecret(const std::string& raw) {
  return raw.find('@') != std::string::npos || raw.find("secret=") != std::string::npos ||
         raw.find("password=") != std::string::npos;
}

}  // namespace

TableReader::TableReader(Findings* findings, std::string name, std::string label,
                         const TomlValue* table)
    : findings_(findings), name_(std::move(name)), label_(std::move(label)), table_(table) {
  if (table_ != nullptr) findings_->read_.emplace_back(name_, table_);
}

const TomlValue* TableReader::FindAny(const std::string& key) {
  if (table_ == nullptr) return nullptr;
  for (const auto& entry : table_->entries) {
    if (entry.key == key) {
      findings_->given_[Full(key)] = entry.value.at;
      return &entry.value;
    }
  }
  return nullptr;
}

void TableReader::WrongKind(const std::string& key, const TomlValue& value, const char* expected) {
  Error(value.at,
        fmt::format("{}: expected {}, found {}", Full(key), expected, KindName(value.kind)));
}

const TomlValue* TableReader::Find(const std::string& key, Kind kind) {
  findings_->keys_[name_].insert(key);
  const TomlValue* value = FindAny(key);
  if (value == nullptr || value->kind == kind) return value;
  WrongKind(key, *value, KindName(kind));
  return nullptr;
}

TableReader TableReader::Table(const std::string& name) {
  findings_->tables_[name_].insert(name);
  const TomlValue* value = FindAny(name);
  if (value != nullptr && value->kind != Kind::kTable) {
    WrongKind(name, *value, "a table");
    value = nullptr;
  }
  return TableReader(findings_, Full(name), Full(name), value);
}

std::vector<const TomlValue*> TableReader::Items(const std::string& key, size_t most) {
  findings_->tables_[name_].insert(key);
  std::vector<const TomlValue*> out;
  const TomlValue* value = FindAny(key);
  if (value == nullptr) return out;
  const std::string expected = fmt::format("an array of tables, [[{}]]", Full(key));
  if (value->kind != Kind::kArray) {
    WrongKind(key, *value, expected.c_str());
    return out;
  }
  if (value->items.size() > most) {
    Error(value->at, fmt::format("{} has more than {} entries", Full(key), most));
    return out;
  }
  for (const TomlValue& item : value->items) {
    if (item.kind == Kind::kTable)
      out.push_back(&item);
    else
      WrongKind(key, item, expected.c_str());
  }
  return out;
}

void TableReader::Boolean(const std::string& key, bool* out) {
  if (const auto* value = Find(key, Kind::kBoolean)) *out = value->boolean;
}

void TableReader::Text(const std::string& key, std::string* out) {
  const auto* value = Find(key, Kind::kString);
  if (value == nullptr) return;
  // Paths, names and addresses all become C strings, which end at a NUL.
  if (value->text.find('\0') != std::string::npos) {
    Error(value->at, fmt::format("{}: a NUL character", Full(key)));
    return;
  }
  *out = value->text;
}

std::optional<int64_t> TableReader::IntegerIn(const std::string& key, int64_t least,
                                              int64_t greatest) {
  const auto* value = Find(key, Kind::kInteger);
  if (value == nullptr) return std::nullopt;
  if (value->integer < least || value->integer > greatest) {
    Error(value->at, fmt::format("{} is {}, but must be {} to {}", Full(key), value->integer, least,
                                 greatest));
    return std::nullopt;
  }
  return value->integer;
}

void TableReader::PowerOfTwo(const std::string& key, int64_t least, int64_t greatest,
                             int64_t* out) {
  const auto value = IntegerIn(key, least, greatest);
  if (!value) return;
  if ((*value & (*value - 1)) == 0) {
    *out = *value;
    return;
  }
  Error(Find(key, Kind::kInteger)->at,
        fmt::format("{} is {}, but must be a power of two, for example {}", Full(key), *value,
                    std::bit_ceil(static_cast<uint64_t>(*value))));
}

template <typename T, typename Visit>
void TableReader::EachText(const std::string& key, std::vector<T>* out, const Visit& visit) {
  const auto* value = Find(key, Kind::kArray);
  if (value == nullptr) return;
  if (value->items.size() > kMaxItems) {
    Error(value->at, fmt::format("{} has more than {} entries", Full(key), kMaxItems));
    return;
  }
  out->clear();
  const size_t errors = findings_->errors_.size();
  for (const auto& item : value->items) {
    if (item.kind == Kind::kString)
      visit(item);
    else
      WrongKind(key, item, "an array of strings");
  }
  if (findings_->errors_.size() > errors) findings_->bad_lists_.insert(Full(key));
}

void TableReader::Texts(const std::string& key, std::vector<std::string>* out) {
  EachText(key, out, [&](const TomlValue& item) {
    if (item.text.empty())
      Error(item.at, fmt::format("{}: an entry is empty", Full(key)));
    else
      out->push_back(item.text);
  });
}

void TableReader::Arguments(const std::string& key, std::vector<std::string>* out) {
  EachText(key, out, [&](const TomlValue& item) {
    if (item.text.find('\0') != std::string::npos)
      Error(item.at, fmt::format("{}: a NUL character", Full(key)));
    else
      out->push_back(item.text);
  });
  if (!out->empty() && out->front().empty())
    Error(Find(key, Kind::kArray)->at, fmt::format("{}: the program is empty", Full(key)));
}

void TableReader::Listen(const std::string& key, bool any_port, ListenAddress* out) {
  const auto* value = Find(key, Kind::kString);
  if (value == nullptr) return;
  auto address = ParseListenAddress(value->text, any_port);
  if (!address.ok()) {
    Error(value->at, fmt::format("{}: {}", Full(key), address.error().message()));
    return;
  }
  *out = std::move(address).value();
}

void TableReader::NodeId(const std::string& key, std::optional<uint64_t>* out) {
  findings_->keys_[name_].insert(key);
  const auto* value = FindAny(key);
  if (value == nullptr) return;
  uint64_t id = 0;
  if (value->kind == Kind::kInteger && value->integer >= 0) {
    id = static_cast<uint64_t>(value->integer);
  } else if (value->kind == Kind::kString) {
    // TOML's integers end at 2^63 - 1, but ids do not, so larger ids are written as strings.
    const char* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, id);
    if (value->text.empty() || error != std::errc() || stop != end) {
      Error(value->at,
            fmt::format("{}: expected a whole number from 1 to {}", Full(key), UINT64_MAX));
      return;
    }
  } else if (value->kind == Kind::kInteger) {
    Error(value->at,
          fmt::format("{} is {}, but must be 1 to {}", Full(key), value->integer, UINT64_MAX));
    return;
  } else {
    return WrongKind(key, *value, "an integer");
  }
  if (id == 0) {
    findings_->AddWarning(fmt::format(
        "{} = 0 is taken as not given: the node's id is drawn once and kept in the database",
        Full(key)));
    return;
  }
  *out = id;
}

void TableReader::NotOneOf(const std::string& key, const TomlValue& value,
                           std::vector<std::string> names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " or " : ", ";
    list += fmt::format("\"{}\"", names[i]);
  }
  // The value is escaped as in JSON, so that a control character cannot break the line.
  Error(value.at, fmt::format("{} is \"{}\", but must be {}", Full(key),
                              JsonEscape(value.text.substr(0, 40)), list));
}

std::optional<Secret> TableReader::Reveal(const std::string& key, const TomlValue& value,
                                          bool (*holds_secret)(const std::string&)) {
  auto expanded = ExpandEnvironment(value.text);
  if (!expanded.ok()) {
    Error(value.at, fmt::format("{}: {}", Full(key), expanded.error().message()));
    return std::nullopt;
  }
  if (expanded->text.find('\0') != std::string::npos) {
    Error(value.at, fmt::format("{}: a NUL character", Full(key)));
    return std::nullopt;
  }
  if (!expanded->from_environment && holds_secret(value.text)) {
    findings_->literal_secrets_.push_back(Full(key));
  }
  return Secret(std::move(expanded->text));
}

void TableReader::SecretOrFile(const std::string& key, bool (*holds_secret)(const std::string&),
                               Secret* out) {
  const auto* value = Find(key, Kind::kString);
  const auto* file = Find(key + "_file", Kind::kString);
  if (value != nullptr) {
    if (auto secret = Reveal(key, *value, holds_secret)) *out = std::move(*secret);
  }
  if (file == nullptr || file->text.empty()) return;
  if (value != nullptr && !value->text.empty()) {
    Error(file->at, fmt::format("{0} and {0}_file are both given: remove one", Full(key)));
    return;
  }
  auto content = ReadSecretFile(file->text);
  if (!content.ok()) {
    Error(file->at, fmt::format("{}_file: {}", Full(key), content.error().message()));
    return;
  }
  *out = Secret(std::move(content).value());
}

void TableReader::SecretText(const std::string& key, Secret* out) {
  SecretOrFile(key, AlwaysSecret, out);
}

void TableReader::SecretUrl(const std::string& key, Secret* out) {
  SecretOrFile(key, UrlHoldsSecret, out);
}

void TableReader::AddServers(const std::string& key, Position at, std::string_view list,
                             std::vector<Secret>* out) {
  // HarmonyLite 1.x accepts several servers in one text, too.
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string_view one = list.substr(begin, end - begin);
    begin = end + 1;
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    const auto url = ParseServerUrl(one);
    if (!url.ok()) {
      Error(at, fmt::format("{}: {}", Full(key), url.error().message()));
    } else if (!url->scheme.empty() && url->scheme != "nats" && url->scheme != "tls") {
      Error(at, fmt::format("{}: a server's URL starts with nats:// or tls://", Full(key)));
    } else {
      out->emplace_back(std::string(one));
    }
  }
}

void TableReader::SecretUrls(const std::string& key, std::vector<Secret>* out) {
  EachText(key, out, [&](const TomlValue& item) {
    if (const auto secret = Reveal(key, item, UrlHoldsSecret))
      AddServers(key, item.at, secret->reveal(), out);
  });
}

}  // namespace harmonylite::config
