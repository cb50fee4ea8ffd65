#include "ledger/member_table.h"

namespace harmonylite::ledger {

Result<Members> LoadMembers(sqlite::Connection* db) {
  HL_ASSIGN(sqlite::Statement list,
            db->Prepare("SELECT node, heard_ms, evicted FROM __harmonylite__members"));
  Members out;
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return out;
    out[NodeId(static_cast<uint64_t>(list.Int(0)))] = {list.Int(1), list.Int(2) != 0};
  }
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
