// Rows that were altered behind the product's back: what they were, what they became, and which
// files show them.
//
// The other checkers look at pictures in which exactly these rows are as they should be
// (docs/decisions/0027-altered-rows-in-the-simulator.md).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "change/value.h"
#include "node/verify/verify_rows.h"
#include "sim/checks.h"
#include "sim/picture.h"
#include "sim/random.h"
#include "sim/sim_node.h"

namespace harmonylite::sim {

struct Alteration {
  uint64_t node = 0;  // the id of the machine whose file was altered
  std::string table;
  std::string key;                    // the row's key as pictures name it
  change::Row sql_key;                // the key's values, to be bound to a statement
  std::string product_key;            // the key as `harmonylite verify` names it, in lower case
  std::optional<RowVersion> version;  // the row's version at that time; nothing: it had none
  // The same version with the origins and lseqs of new incarnations of the file, which have taken
  // the change over since: the newest one last.
  std::vector<RowVersion> taken_over;
  std::optional<Image> was;  // the row before; nothing: there was none
  std::optional<Image> is;   // the row afterwards; nothing: it was deleted
  bool audited = false;      // the triggers were dropped too: an audit must find it
};

class Alterations {
 public:
  // Alters a random row in the file of `node`, whose application has these tables. No row is
  // altered twice in a history, on whichever node. Returns null if the file is locked or the row
  // that was drawn may not be altered.
  Result<const Alteration*> Make(SimNode* node, Random* random, TableGroups tables);

  const std::vector<std::unique_ptr<Alteration>>& all() const { return all_; }
  const Alteration* Find(const std::string& table, const std::string& key) const;
  // The alteration of the row that the product names in `finding`; null if nobody altered that row.
  const Alteration* FindNamed(const node::Finding& finding) const;
  // Notes which versions of altered rows the file's new incarnation has taken over.
  void NoteTakenOver(const Picture& picture);
  // `picture` with all altered rows as they should be. The same object is returned if it needs no
  // change.
  std::shared_ptr<const Picture> Corrected(const std::shared_ptr<const Picture>& picture) const;
  // The alterations on machine `node` that its file, of which this is a picture, still shows.
  std::vector<const Alteration*> OpenAt(uint64_t node, const Picture& picture) const;

  // The tables in which two files of equal progress must differ, because of altered rows.
  std::set<std::string> Differing(const Picture& a, const Picture& b) const;

 private:
  std::vector<std::unique_ptr<Alteration>> all_;
};

// The changes in a file's journal after entry `after`: the newest change of each row, by table and
// key, with the row as it is now.
struct JournalChanges {
  int64_t newest = 0;  // the newest entry of the journal, of whatever kind
  std::map<std::pair<std::string, std::string>, Write> changes;
};
Result<JournalChanges> ReadJournal(SimNode* node, int64_t after);

// The altered row, and its version, as a picture has them.
std::optional<Image> RowOf(const Picture& picture, const Alteration& alteration);
std::optional<RowVersion> VersionOf(const Picture& picture, const Alteration& alteration);
// True if both versions rank alike, or both are missing.
bool SameRank(const std::optional<RowVersion>& a, const std::optional<RowVersion>& b);
// True if the file shows the altered row under the version that the row had when it was altered.
// Besides the altered file, others come to show it when the row is sent in answer to a repair
// request.
bool Shows(const Picture& picture, const Alteration& alteration);
// The version of an altered row of which the file has an older one or none, although its progress
// covers it. That happens when a node answers a repair request, or sends the changes that its new
// incarnation has taken over, with a deleted row left out. Nothing if the file lacks no version.
std::optional<RowVersion> Lacking(const Picture& picture, const Alteration& alteration);
bool Lacks(const Picture& picture, const Alteration& alteration);

// Checks what `harmonylite verify` reported. `before` are the alterations that stood when the
// command began, `still` those that stand at its end, and those of Alterations::all() from
// `first_new` on were made meanwhile. The report must name what is both in `before` and in `still`,
// as far as the nodes concerned have answered. It may name the rest of `before` and what was made
// meanwhile, and nothing else.
Violation CheckVerification(const node::Verification& result, const Alterations& alterations,
                            const std::vector<const Alteration*>& before,
                            const std::vector<const Alteration*>& still, size_t first_new);

// What a repair must make of an altered row.
struct RepairedRow {
  std::optional<Image> image;
  bool rewritten = false;  // the row gets a new version
};
// What the rules say a repair makes of an altered row, where `others` are the pictures of all other
// nodes. A row that had a version becomes again what it was; a row without one, of which nothing
// says that it was written, becomes a new write. Returns nothing if another node does not have the
// row as it was, because either of the two may then win.
std::optional<RepairedRow> Expected(const Alteration& alteration,
                                    const std::vector<std::shared_ptr<const Picture>>& others);
Violation CheckRepaired(const Alteration& alteration, const RepairedRow& expected,
                        const Picture& picture);

}  // namespace harmonylite::sim
