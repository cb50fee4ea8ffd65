// Tables of every shape, and random SQL over them. Each table is called t and has the columns k, v
// and w; k is in the key.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace harmonylite::property {

struct TableShape {
  const char* name;
  const char* sql;
  bool foreign_keys = false;  // Whether the application enforces foreign keys.
};

inline constexpr TableShape kPlainShapes[] = {
    {"integer key", "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w TEXT)"},
    {"autoincrement", "CREATE TABLE t(k INTEGER PRIMARY KEY AUTOINCREMENT, v, w NUMERIC)"},
    {"text key, nocase", "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v, w REAL)"},
    {"text key, rtrim", "CREATE TABLE t(v BLOB, k TEXT COLLATE RTRIM PRIMARY KEY, w)"},
    {"key of any class", "CREATE TABLE t(k PRIMARY KEY, v, w) WITHOUT ROWID"},
    {"real key", "CREATE TABLE t(k REAL PRIMARY KEY, v INTEGER, w)"},
    {"blob key", "CREATE TABLE t(w, v, k BLOB PRIMARY KEY)"},
    {"composite, without rowid",
     "CREATE TABLE t(k TEXT, w INTEGER, v, PRIMARY KEY(w DESC, k COLLATE NOCASE)) WITHOUT ROWID"},
    {"composite, with rowid", "CREATE TABLE t(k, v, w COLLATE NOCASE, PRIMARY KEY(k, w))"},
    {"strict", "CREATE TABLE t(k ANY PRIMARY KEY, v ANY, w TEXT) STRICT"},
    {"strict, without rowid",
     "CREATE TABLE t(k INT, v ANY, w ANY, PRIMARY KEY(k, w)) STRICT, WITHOUT ROWID"},
    {"generated columns",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, g AS (typeof(v) || w) STORED, v, h AS (k + 1), w)"},
    {"unique as key", "CREATE TABLE t(v, k TEXT NOT NULL UNIQUE COLLATE NOCASE, w)"},
};

inline constexpr TableShape kUniqueShapes[] = {
    {"two unique columns",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v UNIQUE, w TEXT COLLATE NOCASE UNIQUE)"},
    {"unique over two", "CREATE TABLE t(k TEXT PRIMARY KEY, v, w, UNIQUE(w, v)) WITHOUT ROWID"},
    {"partial and expression",
     "CREATE TABLE t(k PRIMARY KEY, v, w);"
     "CREATE UNIQUE INDEX i ON t(lower(w)) WHERE v IS NOT NULL"},
    {"unique generated", "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w, g AS (v || w) UNIQUE)"},
    {"clauses in the schema",
     "CREATE TABLE t(k INTEGER PRIMARY KEY ON CONFLICT REPLACE, v UNIQUE ON CONFLICT "
     "IGNORE, w NOT NULL ON CONFLICT REPLACE DEFAULT 'd')"},
    {"unique that replaces",
     "CREATE TABLE t(k TEXT PRIMARY KEY ON CONFLICT REPLACE, v UNIQUE ON CONFLICT REPLACE, w)"},
    {"strict with unique", "CREATE TABLE t(k INTEGER PRIMARY KEY, v ANY UNIQUE, w TEXT) STRICT"},
};

inline constexpr TableShape kLivelyShapes[] = {
    {"cascades to itself",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w INTEGER REFERENCES t(k) ON DELETE CASCADE ON "
     "UPDATE CASCADE)",
     true},
    {"set null", "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w REFERENCES t(k) ON DELETE SET NULL)",
     true},
    {"a trigger that writes",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v, w);"
     "CREATE TRIGGER r AFTER INSERT ON t BEGIN "
     "UPDATE t SET w = NEW.v WHERE k = NEW.k + 1; END"},
    {"a trigger that deletes",
     "CREATE TABLE t(k PRIMARY KEY, v, w);"
     "CREATE TRIGGER r AFTER UPDATE OF v ON t BEGIN DELETE FROM t WHERE v IS NEW.w; END"},
    {"a trigger that replaces",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v UNIQUE, w);"
     "CREATE TRIGGER r AFTER DELETE ON t BEGIN "
     "INSERT OR REPLACE INTO t(k, v) VALUES(OLD.k + 1, OLD.v); END"},
    {"checks",
     "CREATE TABLE t(k INTEGER PRIMARY KEY, v CHECK (v IS NOT 5), w CHECK (length(w) < 40))"},
};

// Draws decisions from one number, from its low digits on.
class Gene {
 public:
  explicit Gene(uint64_t bits) : bits_(bits) {}
  uint64_t Below(uint64_t limit) {
    const uint64_t out = bits_ % limit;
    bits_ /= limit;
    return out;
  }

 private:
  uint64_t bits_;
};

// Values of each storage class and at the edges of each. They are few, so that statements meet the
// same rows.
inline std::string AnyValue(Gene* gene) {
  static constexpr const char* kValues[] = {"1",
                                            "2",
                                            "3",
                                            "4",
                                            "5",
                                            "'a'",
                                            "'A'",
                                            "'b'",
                                            "'b '",
                                            "NULL",
                                            "0",
                                            "-1",
                                            "1.0",
                                            "0.5",
                                            "-0.0",
                                            "9e999",
                                            "-9e999",
                                            "9007199254740993",
                                            "9223372036854775807",
                                            "-9223372036854775808",
                                            "''",
                                            "'007'",
                                            "'1'",
                                            "'é'",
                                            "CAST(x'ff61' AS TEXT)",
                                            "'a' || char(0) || 'b'",
                                            "x''",
                                            "x'00'",
                                            "x'61'",
                                            "zeroblob(300)",
                                            "printf('%.*c', 3000, 'x')",
                                            "1e15"};
  // Most draws come from the first ten.
  const bool common = gene->Below(3) != 0;
  return kValues[gene->Below(common ? 10 : std::size(kValues))];
}

// A statement on t, or one that begins or ends a transaction.
inline std::string AnyStatement(uint64_t bits) {
  Gene gene(bits);
  const uint64_t kind = gene.Below(16);
  static constexpr const char* kOr[] = {"",         "OR REPLACE ", "OR IGNORE ", "OR REPLACE ",
                                        "OR FAIL ", "OR ROLLBACK "};
  const char* otherwise = kOr[gene.Below(std::size(kOr))];
  const std::string a = AnyValue(&gene);
  const std::string b = AnyValue(&gene);
  const std::string c = AnyValue(&gene);
  switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
      return fmt::format("INSERT {}INTO t(k, v, w) VALUES({}, {}, {})", otherwise, a, b, c);
    case 4:
      return fmt::format(
          "INSERT INTO t(k, v, w) VALUES({}, {}, {}) ON CONFLICT DO UPDATE SET v = excluded.v, w = "
          "{}",
          a, b, c, b);
    case 5:
      return fmt::format("INSERT INTO t(k, v, w) VALUES({}, {}, {}) ON CONFLICT DO NOTHING", a, b,
                         c);
    case 6:
      return fmt::format("UPDATE {}t SET v = {} WHERE k = {}", otherwise, b, a);
    case 7:
      return fmt::format("UPDATE {}t SET w = {}, v = w WHERE k = {}", otherwise, b, a);
    case 8:
    case 9:
      return fmt::format("UPDATE {}t SET k = {} WHERE k = {}", otherwise, b, a);
    case 10:
      return fmt::format("UPDATE {}t SET k = k + 1, w = {} WHERE v IS {}", otherwise, b, c);
    case 11:
      return fmt::format("DELETE FROM t WHERE k = {}", a);
    case 12:
      return fmt::format("DELETE FROM t WHERE v IS {} OR w > {}", a, b);
    case 13:
      return fmt::format("INSERT {}INTO t(k, v, w) SELECT k + 2, v, {} FROM t WHERE k < {}",
                         otherwise, c, a);
    case 14:
      return gene.Below(2) == 0 ? "BEGIN" : "COMMIT";
    default:
      static constexpr const char* kNested[] = {"SAVEPOINT s", "ROLLBACK TO s", "RELEASE s",
                                                "ROLLBACK"};
      return kNested[gene.Below(4)];
  }
}

}  // namespace harmonylite::property
