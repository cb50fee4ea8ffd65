#include "ledger/member_table.h"

namespace harmonylite::ledger {

Result<Members> LoadMembers(sqlite::Connection* db) {
  HL_ASSIGN(sqlite::Statement list,
            db->Prepare("SELECT node, heard_ms, evicted FROM __harmonylite__members"));
  Members out;
  HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) {
    out[NodeId(static_cast<uint64_t>(row.Int(0)))] = {row.Int(1), row.Int(2) != 0};
  }));
  return out;
}

Status SaveMember(sqlite::Connection* db, NodeId node, const Member& member) {
  HL_ASSIGN(sqlite::Statement put, db->Prepare("INSERT OR REPLACE INTO __harmonylite__members"
                                               "(node, heard_ms, evicted) VALUES(?1, ?2, ?3)"));
  put.Bind(1, static_cast<int64_t>(node.value));
  put.Bind(2, member.heard_ms);
  put.Bind(3, int64_t{member.evicted});
  return put.Run();
}

}  // namespace harmonylite::ledger
