// Reads a tree of TOML values key by key, checks types and ranges, and collects all mistakes.
//
// The known keys are listed nowhere else: a key is known because the program asked for it.
// Therefore every table must be read, even if the file does not have it.
//
// Threads: one owner.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/address.h"
#include "config/secret.h"
#include "config/toml_tree.h"

namespace harmonylite::config {

class TableReader;

// Everything that was found in one file. Keys are named with their tables, as in
// "snapshot.s3.secret".
class Findings {
 public:
  explicit Findings(std::string path) : path_(std::move(path)) {}

  TableReader Root(const TomlValue& root);

  void AddError(Position at, std::string_view message) { errors_.emplace_back(at, message); }
  void AddWarning(std::string message) { warnings_.push_back(std::move(message)); }
  // Adds an error at a key's value, or at the start of the file if the file does not have the key.
  // Adds nothing if that value already has an error.
  void AddErrorAt(const std::string& key, std::string_view message);
  bool Given(const std::string& key) const { return given_.contains(key); }
  // Returns the place of the key's value, or the start of the file if the file does not have the
  // key.
  Position PositionOf(const std::string& key) const;
  // Returns whether the value of this key, or an entry of it, has an error.
  bool Failed(const std::string& key) const;

  // Adds an error for every key and table of the file that was not asked for. Must be called once,
  // after everything else was read.
  void CheckUnknown();
  // Returns the errors sorted by place, one line each; empty if there is none.
  std::string ErrorText() const;

  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::string& path() const { return path_; }
  // Returns the names of the keys whose secret stands in the file itself.
  const std::vector<std::string>& literal_secrets() const { return literal_secrets_; }
  std::vector<std::string> KnownKeys() const;

 private:
  friend class TableReader;
  struct Unread {
    std::string table;
    const TomlEntry* entry;
  };
  std::string Explain(const Unread& unread) const;
  // Returns a guess for a key or table that resembles none beside it: the nearest one of all
  // tables.
  std::string FarGuess(const Unread& unread) const;

  std::string path_;
  std::vector<std::pair<Position, std::string>> errors_;
  std::vector<std::string> warnings_;
  std::map<std::string, std::set<std::string>> keys_;    // table to its keys
  std::map<std::string, std::set<std::string>> tables_;  // table to the tables in it
  std::map<std::string, Position> given_;
  std::set<std::string> bad_lists_;  // keys with an entry that has an error
  std::vector<std::pair<std::string, const TomlValue*>> read_;  // tables of the file that were read
  std::vector<std::string> literal_secrets_;
};

// Reads one table. A method leaves its `out` at the default if the key is absent or its value is
// wrong.
class TableReader {
 public:
  TableReader Table(const std::string& name);

  void Boolean(const std::string& key, bool* out);
  void Text(const std::string& key, std::string* out);
  void Texts(const std::string& key, std::vector<std::string>* out);
  // Reads a program and its arguments. An argument may be empty, the program may not.
  void Arguments(const std::string& key, std::vector<std::string>* out);
  // Reads the tables of an array, as [[key]] makes one, at most so many of them: `read` is called
  // for each with its reader and a new entry of `out`. Messages call the first one key[1].
  template <typename T>
  void Tables(const std::string& key, size_t most, std::vector<T>* out,
              void (*read)(TableReader, T*));
  void Listen(const std::string& key, bool any_port, ListenAddress* out);
  void NodeId(const std::string& key, std::optional<uint64_t>* out);
  template <typename T>
  void Integer(const std::string& key, int64_t least, int64_t greatest, T* out) {
    static_assert(std::is_integral_v<T>);
    if (const auto value = IntegerIn(key, least, greatest)) *out = static_cast<T>(*value);
  }
  void PowerOfTwo(const std::string& key, int64_t least, int64_t greatest, int64_t* out);
  template <typename T>
  void OneOf(const std::string& key, const std::vector<std::pair<std::string, T>>& names, T* out);
  // Reads a secret: the text itself, or the content of the file that KEY_file names. Replaces
  // ${NAME} in the text by the environment variable.
  void SecretText(const std::string& key, Secret* out);
  // Reads a URL as SecretText() reads a text. A URL is a secret because of the password inside.
  void SecretUrl(const std::string& key, Secret* out);
  void SecretUrls(const std::string& key, std::vector<Secret>* out);

 private:
  friend class Findings;
  // `label` is the table's name in messages. It differs from `name` in an array of tables, whose
  // tables all have the same keys.
  TableReader(Findings* findings, std::string name, std::string label, const TomlValue* table);

  // Returns the value if it exists and is of this kind. Returns null if it does not exist; if it is
  // of another kind, also adds an error.
  const TomlValue* Find(const std::string& key, TomlValue::Kind kind);
  const TomlValue* FindAny(const std::string& key);
  std::string Full(const std::string& key) const {
    return label_.empty() ? key : label_ + "." + key;
  }
  // The tables of an array; none if the file does not have it, or if it is something else.
  std::vector<const TomlValue*> Items(const std::string& key, size_t most);
  void WrongKind(const std::string& key, const TomlValue& value, const char* expected);
  void Error(Position at, std::string_view message) { findings_->AddError(at, message); }
  std::optional<int64_t> IntegerIn(const std::string& key, int64_t least, int64_t greatest);
  void NotOneOf(const std::string& key, const TomlValue& value, std::vector<std::string> names);
  // Replaces ${NAME} in a value. If nothing was replaced and `holds_secret` finds a secret in the
  // raw text, notes that the secret stands in the file.
  std::optional<Secret> Reveal(const std::string& key, const TomlValue& value,
                               bool (*holds_secret)(const std::string&));
  void SecretOrFile(const std::string& key, bool (*holds_secret)(const std::string&), Secret* out);
  // Calls `visit` for each text of the array `key`, after `out` was cleared.
  template <typename T, typename Visit>
  void EachText(const std::string& key, std::vector<T>* out, const Visit& visit);
  void AddServers(const std::string& key, Position at, std::string_view list,
                  std::vector<Secret>* out);

  Findings* findings_;      // outlives the reader
  std::string name_;        // "" for the top level
  std::string label_;       // as `name_`; "hooks[2]" for the second table of an array
  const TomlValue* table_;  // null if the file does not have the table
};

template <typename T>
void TableReader::Tables(const std::string& key, size_t most, std::vector<T>* out,
                         void (*read)(TableReader, T*)) {
  T nobody;
  read(TableReader(findings_, Full(key), Full(key), nullptr), &nobody);  // makes the keys known
  for (const TomlValue* item : Items(key, most)) {
    const std::string label = fmt::format("{}[{}]", Full(key), out->size() + 1);
    findings_->given_[label] = item->at;
    read(TableReader(findings_, Full(key), label, item), &out->emplace_back());
  }
}

template <typename T>
void TableReader::OneOf(const std::string& key, const std::vector<std::pair<std::string, T>>& names,
                        T* out) {
  const TomlValue* value = Find(key, TomlValue::Kind::kString);
  if (value == nullptr) return;
  std::vector<std::string> all;
  for (const auto& [name, meaning] : names) {
    if (value->text == name) {
      *out = meaning;
      return;
    }
    all.push_back(name);
  }
  NotOneOf(key, *value, std::move(all));
}

}  // namespace harmonylite::config
