// The checkers: each looks at pictures of files and the ledger, and says what is wrong, or nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "node/verify/verify_wire.h"
#include "sim/ledger.h"
#include "sim/picture.h"
#include "sim/sim_log.h"

namespace harmonylite::sim {

using Violation = std::optional<std::string>;

struct Alteration;

// What one reader has met; it must never go back.
struct Seen {
  std::map<std::string, int64_t> values;
  std::shared_ptr<const Picture> last;  // nothing: a reader that begins
  std::map<std::string, ByKey<VersionRank>> forgotten;  // by table: rows' deletes that were forgotten since
};

// A node has no version of a row, which had one at least as new as `least`: the newest delete of it that `picture` has
// merged and may have forgotten, which is newer than that. Nothing: its version is missing. (The invariant of
// docs/decisions/0020-forgetting-tombstones.md.)
// `kSure`: of those that may be lost none counts.
enum class Which { kAny, kSure };
std::optional<VersionRank> ForgottenDelete(const Picture& picture, const Ledger& ledger, const std::string& table,
                                           const std::string& key, const VersionRank& least, Which which = Which::kAny);

// Any snapshot of any node: whole transactions (transfers, pairs of counters), causal order (a row that
// tells what its writer saw; only with `causes`), and reads that never go back (`seen` is of this file). Rows of others
// that a merge wrote anew (Ledger::Adopted) are left out here and in CheckOwnWrites.
Violation CheckSnapshot(const Picture& picture, const Ledger& ledger, Seen* seen, bool causes);

// No row is at an older version than at the last look, and none is without the version it had, but for deletes that are
// forgotten: what was deleted does not come back.
Violation CheckForward(const std::shared_ptr<const Picture>& picture, const Ledger& ledger, Seen* seen);

// What this machine's own life `who` committed is what its file shows: only it writes those rows.
Violation CheckOwnWrites(const Picture& picture, const Ledger& ledger, int64_t who);

// Two nodes with equal vectors show the same rows and hold the same versions (P4), but for tombstones that one of
// them has forgotten.
Violation CheckConvergence(const Picture& a, const Picture& b, const Ledger& ledger);

// Every key ends with the newest write that was committed anywhere, and nothing was invented (P7). Of a delete nothing
// may be left.
Violation CheckLedger(const Picture& picture, const Ledger& ledger);

// Every written row that lost to a write which did not know it is among `losers`, the conflicts that any node
// lists (P7). Rows about which a failed COMMIT leaves doubt are left out.
Violation CheckConflicts(const Ledger& ledger, const Losers& losers);

// What a table with UNIQUE indexes shows is what the definition gives for the rows that are live there: newest
// first, a row is visible if no visible row holds one of its unique values; the others are shadowed.
Violation CheckUnique(const Picture& picture, const Ledger& ledger);

// Where orphans are hidden: a live row of `child` is visible if its parent is.
Violation CheckOrphans(const Picture& picture, const Ledger& ledger);

// What `harmonylite verify` compares: a node's digest is of what its file shows, and the damaged rows are those that
// were altered there (`altered`).
Violation CheckDigest(const Picture& picture, const node::VerifyAnswer& digest,
                      const std::vector<const Alteration*>& altered);
// Two nodes with equal vectors and equal schemas give equal digests, except for tables of which one shows an altered
// row and the other does not (`differ`): those differ.
Violation CheckDigests(const node::VerifyAnswer& a, const node::VerifyAnswer& b, const std::set<std::string>& differ);

// Applying journals nothing (P5), nobody has more of a node than that node wrote, and positions are in order.
Violation CheckBookkeeping(const Picture& picture, const Ledger& ledger);

// Nothing counts as published that the log never held (P2). `inherited`: what did when this life began.
Violation CheckPublished(const Picture& picture, const SimLog& log, int64_t inherited);

// Nothing is shown that was stamped further in the future than `max_clock_skew`, by any time that this machine's
// clock has ever shown.
Violation CheckStamps(const Picture& picture, int64_t latest_wall_ms);

// SQLite's own check of the file.
Violation CheckIntegrity(sqlite::Connection* db);

}  // namespace harmonylite::sim
