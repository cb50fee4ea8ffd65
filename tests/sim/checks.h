// The checkers of the product's promises. Each compares pictures of database files with one another
// or with the ledger, and returns what is wrong, or nothing. Each stands in a file check_*.cc of
// its own or with its closest relatives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "node/verify/verify_wire.h"
#include "sim/ledger.h"
#include "sim/picture.h"
#include "sim/sim_log.h"

namespace harmonylite::sim {

using Violation = std::optional<std::string>;

struct Alteration;

// What a reader of one file has seen so far. Later looks at the file must not fall behind it (P5).
struct Seen {
  std::map<std::string, int64_t> values;  // counters, by "table key"
  std::shared_ptr<const Picture> last;    // null until the first look
  // By table and key: the deletes that were forgotten since the first look.
  std::map<std::string, ByKey<VersionRank>> forgotten;
};

// Judges a row of which a file has no version, although it had, or should have, one that ranks
// `least`. Returns the newest delete of the row that ranks no lower than `least` and that the file
// may have forgotten, because its collected vector covers it. Returns nothing if there is none:
// then the version is lost. This is the invariant of docs/decisions/0020-forgetting-tombstones.md.
// With Which::kSure, deletes that may be lost do not count, nor those whose number two lives of a
// machine have given.
enum class Which { kAny, kSure };
std::optional<VersionRank> ForgottenDelete(const Picture& picture, const Ledger& ledger,
                                           const std::string& table, const std::string& key,
                                           const VersionRank& least, Which which = Which::kAny);

// Checks any picture of any node: transactions are whole (transfers and pairs of counters, P6), no
// effect is visible without its cause (only if `causes`, P6), and reads do not go back (`seen`
// belongs to this file). Rows that a merge wrote anew for another node (Ledger::Adopted()) are left
// out, here and in CheckOwnWrites().
Violation CheckSnapshot(const Picture& picture, const Ledger& ledger, Seen* seen, bool causes);

// Checks that no row has an older version than at the last look, and that none has lost its version
// except by a delete that may be forgotten. A row that was deleted therefore does not come back
// (P5).
Violation CheckForward(const std::shared_ptr<const Picture>& picture, const Ledger& ledger,
                       Seen* seen);

// Checks that a file shows what its machine's present life `who` has committed in the rows that
// only this life writes (P5).
Violation CheckOwnWrites(const Picture& picture, const Ledger& ledger, int64_t who);

// Checks that two nodes with equal vectors show the same rows and have the same versions (P4),
// except for tombstones that one of them has forgotten.
Violation CheckConvergence(const Picture& a, const Picture& b, const Ledger& ledger);

// Checks a step of the consumer, in which nobody else wrote: `told` are the tables of which the
// listener to written rows was told, and the rows of no other differ.
Violation CheckTold(const Picture& before, const Picture& after, const std::set<std::string>& told);

// Checks that, at the end, every key has the newest write that was committed anywhere, and that no
// row was invented (P7). A delete may have left nothing behind.
Violation CheckLedger(const Picture& picture, const Ledger& ledger);

// Checks that every row that lost to a write which did not know it is among `losers`, the conflicts
// that the nodes list (P7). Keys with a write that may be lost are left out.
Violation CheckConflicts(const Ledger& ledger, const Losers& losers);

// Checks that no two committed rows got the same id from SQLite, of the slot that the registry had
// named as their node's. Ids of nodes that were taken for gone are left out.
Violation CheckAutomaticIds(const Ledger& ledger);

// Checks that the next id of notes is one of the file's own slot, unless its own application has
// gone on beyond its block.
Violation CheckNextId(sqlite::Connection* db);

// Checks that a table with UNIQUE indexes shows what the definition says. The live rows are taken
// newest first: a row is visible if no visible row holds one of its unique values, and is shadowed
// otherwise.
Violation CheckUnique(const Picture& picture, const Ledger& ledger);

// Checks that a live row of `child` is visible if and only if it has no parent or its parent is
// visible. Only for histories in which orphans are hidden.
Violation CheckOrphans(const Picture& picture, const Ledger& ledger);

// Checks the digest that a node gives to `harmonylite verify`: it agrees with what the node's file
// shows, and it finds exactly the rows damaged that were altered there (`altered`).
Violation CheckDigest(const Picture& picture, const node::VerifyAnswer& digest,
                      const std::vector<const Alteration*>& altered);
// Checks the digests of two nodes with equal vectors and equal schemas. They must differ for
// exactly the tables in `differ`, of which one node shows an altered row and the other does not.
Violation CheckDigests(const node::VerifyAnswer& a, const node::VerifyAnswer& b,
                       const std::set<std::string>& differ);

// Checks the hidden tables of one file: no node has more changes of an origin than that origin
// wrote, so applying has journaled nothing (P5); positions are in order; and rows agree with their
// versions.
Violation CheckBookkeeping(const Picture& picture, const Ledger& ledger);

// Checks that nothing counts as published that the log has never held (P2). `inherited` is the
// number up to which changes counted as published when the present incarnation began.
Violation CheckPublished(const Picture& picture, const SimLog& log, int64_t inherited);

// Checks that no version is stamped more than `max_clock_skew` after the latest time that this
// machine's clock has ever shown.
Violation CheckStamps(const Picture& picture, int64_t latest_wall_ms);

// Runs SQLite's own check of a file (PRAGMA integrity_check).
Violation CheckIntegrity(sqlite::Connection* db);

}  // namespace harmonylite::sim
