#include "sim/alterations.h"

#include <fmt/format.h>

#include <algorithm>

#include "node/verify/digest.h"
#include "sqlite/transaction.h"

namespace harmonylite::sim {

using change::Row;
using change::Value;
using change::ValueView;

namespace {

// Rows are altered only in tables without invariants and without UNIQUE indexes. Of a parent, which
// has children, only the value is changed.
constexpr const char* kTables[] = {"kv", "names", "pairs", "parent"};

Row DrawKey(const std::string& table, Random* random) {
  if (table == "names") {
    static constexpr const char* kNames[] = {"ada", "bob", "cyd", "", "é", "É"};
    return {Value(ValueView::Text(kNames[random->Below(6)]))};
  }
  if (table == "pairs")
    return {Value(ValueView::Text(random->Chance(0.5) ? "x" : "y'")),
            Value(ValueView::Integer(random->Below(3)))};
  return {Value(ValueView::Integer(random->Between(1, table == "kv" ? 8 : 5)))};
}

std::string Lower(std::string text) {
  for (char& c : text)
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string Sql(const Alteration& alteration, bool deletes) {
  const AppTable& table = *FindTable(alteration.table);
  const size_t keys = table.key.size();
  if (deletes) return fmt::format("DELETE FROM {} WHERE {}", table.name, KeyIs(table));
  if (alteration.was)
    return fmt::format("UPDATE {} SET v = ?{} WHERE {}", table.name, keys + 1, KeyIs(table));
  std::string columns;
  std::string values;
  for (size_t i = 0; i < keys; ++i) {
    columns += table.key[i] + ", ";
    values += fmt::format("?{}, ", i + 1);
  }
  return fmt::format("INSERT INTO {}({}v) VALUES({}?{})", table.name, columns, values, keys + 1);
}

Status DropTriggers(sqlite::Connection* db, const std::string& table) {
  std::vector<std::string> names;
  {
    HL_ASSIGN(
        auto list,
        db->Prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 AND "
                    "name GLOB '__harmonylite__*'"));
    list.Bind(1, std::string_view(table));
    while (true) {
      HL_ASSIGN(const bool row, list.Step());
      if (!row) break;
      names.emplace_back(list.Text(0));
    }
  }
  for (const std::string& name : names) HL_TRY(db->Exec(fmt::format("DROP TRIGGER \"{}\"", name)));
  return Ok();
}

// Alters the row with triggers off, so that the journal does not notice. `deletes` removes the row;
// otherwise it gets `value`.
Status Apply(SimNode* node, const Alteration& alteration, bool deletes, const std::string& value) {
  HL_ASSIGN(sqlite::Connection db, node->OpenFile());
  db.EnableTriggers(false);
  HL_TRY(db.Exec("BEGIN IMMEDIATE"));
  if (alteration.audited) HL_TRY(DropTriggers(&db, alteration.table));
  {
    HL_ASSIGN(auto statement, db.Prepare(Sql(alteration, deletes)));
    const Row& key = alteration.sql_key;
    for (size_t i = 0; i < key.size(); ++i) statement.Bind(static_cast<int>(i) + 1, key[i].view());
    if (!deletes) statement.Bind(static_cast<int>(key.size()) + 1, std::string_view(value));
    HL_TRY(statement.Run());
  }
  return db.Exec("COMMIT");
}

}  // namespace

Result<JournalChanges> ReadJournal(SimNode* node, int64_t after) {
  HL_ASSIGN(sqlite::Connection * db, node->checker());
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  JournalChanges out;
  HL_ASSIGN(out.newest, db->QueryInt("SELECT coalesce(max(id), 0) FROM __harmonylite__journal"));
  HL_ASSIGN(
      auto self,
      db->Prepare("SELECT node, incarnation FROM __harmonylite__nodes WHERE n = (SELECT value FROM "
                  "__harmonylite__state WHERE key = 'self')"));
  HL_ASSIGN(const bool known, self.Step());
  HL_CHECK(known);
  const Origin origin{NodeId(static_cast<uint64_t>(self.Int(0))),
                      Incarnation(static_cast<uint32_t>(self.Int(1)))};
  HL_ASSIGN(
      auto entries,
      db->Prepare("SELECT (SELECT name FROM __harmonylite__tables t WHERE t.id = j.tbl), j.* FROM "
                  "__harmonylite__journal j WHERE id > ?1 AND op = 1 ORDER BY id"));
  entries.Bind(1, after);
  while (true) {
    HL_ASSIGN(const bool row, entries.Step());
    if (!row) return out;
    const AppTable* table = FindTable(entries.Text(0));
    if (table == nullptr || table->identity) continue;
    Row key;
    for (size_t i = 0; i < table->key.size(); ++i)
      key.emplace_back(entries.Column(5 + static_cast<int>(i)));
    const std::vector<ValueView> views(key.begin(), key.end());
    Write write;
    write.lseq = entries.Int(1);
    write.hlc = entries.Int(4);
    write.node = node->id();
    write.origin = origin;
    HL_ASSIGN(auto find,
              db->Prepare(fmt::format("SELECT * FROM {} WHERE {}", table->name, KeyIs(*table))));
    for (size_t i = 0; i < views.size(); ++i) find.Bind(static_cast<int>(i) + 1, views[i]);
    HL_ASSIGN(write.present, find.Step());
    if (write.present) write.image = ReadImage(find);
    out.changes[{table->name, KeyText(*table, views)}] = std::move(write);
  }
}

std::optional<Image> RowOf(const Picture& picture, const Alteration& alteration) {
  const auto& rows = picture.rows.at(alteration.table);
  const auto row = rows.find(alteration.key);
  return row == rows.end() ? std::nullopt : std::optional(row->second);
}

std::optional<RowVersion> VersionOf(const Picture& picture, const Alteration& alteration) {
  const auto& versions = picture.versions.at(alteration.table);
  const auto version = versions.find(alteration.key);
  return version == versions.end() ? std::nullopt : std::optional(version->second);
}

bool SameRank(const std::optional<RowVersion>& a, const std::optional<RowVersion>& b) {
  if (!a || !b) return !a && !b;
  return Rank(*a) == Rank(*b);
}

Result<const Alteration*> Alterations::Make(SimNode* node, Random* random, TableGroups tables) {
  auto made = std::make_unique<Alteration>();
  made->node = node->id();
  do {
    made->table = kTables[random->Below(4)];
  } while (!tables.Has(FindTable(made->table)->group));
  made->sql_key = DrawKey(made->table, random);
  const std::vector<ValueView> views(made->sql_key.begin(), made->sql_key.end());
  made->key = KeyText(*FindTable(made->table), views);
  made->product_key = Lower(node::KeyText(views));
  const bool deletes = random->Chance(0.3);
  const bool drops = random->Chance(0.2);
  if (Find(made->table, made->key) != nullptr) return nullptr;
  HL_ASSIGN(const std::shared_ptr<const Picture> before, node->Look());
  made->was = RowOf(*before, *made);
  made->version = VersionOf(*before, *made);
  // The row must be as its version says, and its version must be folded: until an own change is
  // folded, nothing but the table says what the row was.
  const bool folded = before->folded_to >= before->last_change;
  if (made->version && made->version->origin == before->self &&
      made->version->lseq > before->folded_to)
    return nullptr;
  if (made->was.has_value() != (made->version && !made->version->gone)) return nullptr;
  if (made->table == "parent" && !made->was) return nullptr;
  // Triggers are dropped only if everything is folded, because the audit of a table without
  // triggers takes every change that is not folded as written again; and only on tables that the
  // application does not write to while they have no triggers.
  made->audited = drops && folded && (made->table == "names" || made->table == "pairs");
  const std::string value = fmt::format("altered {}", all_.size());
  Status written = Apply(node, *made, deletes && made->was && made->table != "parent", value);
  if (!written.ok() && written.error().code() == ErrorCode::kRetryLater) return nullptr;
  HL_TRY(std::move(written));
  HL_ASSIGN(const std::shared_ptr<const Picture> after, node->Look());
  made->is = RowOf(*after, *made);
  HL_CHECK(made->is != made->was);
  all_.push_back(std::move(made));
  return all_.back().get();
}

const Alteration* Alterations::Find(const std::string& table, const std::string& key) const {
  for (const auto& one : all_)
    if (one->table == table && one->key == key) return one.get();
  return nullptr;
}

const Alteration* Alterations::FindNamed(const node::Finding& finding) const {
  for (const auto& one : all_)
    if (one->table == finding.table && one->product_key == Lower(finding.key_text))
      return one.get();
  return nullptr;
}

void Alterations::NoteTakenOver(const Picture& picture) {
  for (const auto& one : all_) {
    const std::optional<RowVersion> now = VersionOf(picture, *one);
    if (!one->version || !SameRank(now, one->version)) continue;
    const RowVersion& last = one->taken_over.empty() ? *one->version : one->taken_over.back();
    if (now->origin != last.origin && now->origin == picture.self) one->taken_over.push_back(*now);
  }
}

std::shared_ptr<const Picture> Alterations::Corrected(
    const std::shared_ptr<const Picture>& picture) const {
  std::shared_ptr<Picture> out;
  for (const auto& one : all_) {
    const auto lacking = Lacking(*picture, *one);
    if (!Shows(*picture, *one) && !lacking) continue;
    if (out == nullptr) out = std::make_shared<Picture>(*picture);
    if (one->was)
      out->rows[one->table][one->key] = *one->was;
    else
      out->rows[one->table].erase(one->key);
    if (!one->version) continue;
    const auto now = VersionOf(*picture, *one);
    RowVersion& version = out->versions[one->table][one->key];
    version = *one->version;
    const std::optional<RowVersion>& label = SameRank(now, one->version) ? now : lacking;
    version.origin = label->origin;
    version.lseq = label->lseq;
  }
  if (out == nullptr) return picture;
  return out;
}

std::vector<const Alteration*> Alterations::OpenAt(uint64_t node, const Picture& picture) const {
  std::vector<const Alteration*> out;
  for (const auto& one : all_)
    if (one->node == node && Shows(picture, *one)) out.push_back(one.get());
  return out;
}

std::set<std::string> Alterations::Differing(const Picture& a, const Picture& b) const {
  std::set<std::string> out;
  for (const auto& one : all_)
    if (RowOf(a, *one) != RowOf(b, *one) ||
        (RowOf(a, *one) && !SameRank(VersionOf(a, *one), VersionOf(b, *one))))
      out.insert(one->table);
  return out;
}

bool Shows(const Picture& picture, const Alteration& alteration) {
  return SameRank(VersionOf(picture, alteration), alteration.version) &&
         RowOf(picture, alteration) == alteration.is;
}

std::optional<RowVersion> Lacking(const Picture& picture, const Alteration& alteration) {
  if (!alteration.version) return std::nullopt;
  const std::optional<RowVersion> version = VersionOf(picture, alteration);
  if (version && Rank(*version) >= Rank(*alteration.version)) return std::nullopt;
  // A file covers all that it wrote itself. If it lacks one of these versions, a power cut has
  // taken it, and its number may belong to another change now.
  const auto covered = [&](const RowVersion& one) {
    return one.origin != picture.self && picture.vector.Covers(one.origin, Lseq(one.lseq));
  };
  const auto& later = alteration.taken_over;
  const auto newest = std::find_if(later.rbegin(), later.rend(), covered);
  if (newest != later.rend()) return *newest;
  return covered(*alteration.version) ? alteration.version : std::nullopt;
}

bool Lacks(const Picture& picture, const Alteration& alteration) {
  return Lacking(picture, alteration).has_value();
}

}  // namespace harmonylite::sim
