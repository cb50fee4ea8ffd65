#include "sqlite/vacuum.h"

#include <sqlite3.h>

namespace harmonylite::sqlite {

namespace {

// Lets the connection attach one file for as long as this object lives.
class MayAttach {
 public:
  explicit MayAttach(Connection* db)
      : db_(db), before_(sqlite3_limit(db->raw(), SQLITE_LIMIT_ATTACHED, 1)) {}
  MayAttach(const MayAttach&) = delete;
  MayAttach& operator=(const MayAttach&) = delete;
  ~MayAttach() { sqlite3_limit(db_->raw(), SQLITE_LIMIT_ATTACHED, before_); }

 private:
  Connection* db_;  // not owned
  int before_;
};

}  // namespace

Status Vacuum(Connection* db) {
  const MayAttach attach(db);
  return db->Exec("VACUUM");
}

Status VacuumInto(Connection* db, const std::string& path) {
  const MayAttach attach(db);
  HL_ASSIGN(Statement vacuum, db->Prepare("VACUUM INTO ?1"));
  vacuum.Bind(1, path);
  return vacuum.Run();
}

}  // namespace harmonylite::sqlite
