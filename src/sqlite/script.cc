#include "sqlite/script.h"

#include "sqlite/sql_text.h"

namespace harmonylite::sqlite {

Status RunScript(Connection* db, Script script) {
  for (std::string_view rest = script.text(); !HasNoStatement(rest);) {
    const size_t length = StatementLength(rest);
    HL_TRY(db->Exec(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  return Ok();
}

}  // namespace harmonylite::sqlite
