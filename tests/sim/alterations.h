// Rows that were altered behind the product's back: what they were, what they were made, and who shows them.
//
// The other checkers look at pictures in which exactly those rows are what they should be.
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
  uint64_t node = 0;  // on which machine
  std::string table;
  std::string key;                    // as pictures name it
  change::Row sql_key;
  std::string product_key;            // as `harmonylite verify` names it
  std::optional<RowVersion> version;  // of the row then
  std::optional<Image> was;           // nothing: there was no row
  std::optional<Image> is;            // nothing: it was deleted
  bool audited = false;               // the triggers went with it: an audit finds it
};

class Alterations {
 public:
  // Alters a row of that node's file, which has these tables, that none was altered in before. Nothing: it could not now,
  // or the row drawn may not be altered.
  Result<const Alteration*> Make(SimNode* node, Random* random, TableGroups tables);

  const std::vector<std::unique_ptr<Alteration>>& all() const { return all_; }
  const Alteration* Find(const std::string& table, const std::string& key) const;
  // Of what a command or a digest names; null: nobody altered it.
  const Alteration* FindNamed(const node::Finding& finding) const;
  // With those rows as they should be. The same object where there are none.
  std::shared_ptr<const Picture> Corrected(const std::shared_ptr<const Picture>& picture) const;
  // Of `node`: still in the file, which this is a picture of.
  std::vector<const Alteration*> OpenAt(uint64_t node, const Picture& picture) const;

  // Tables in which two files of equal progress differ by altered rows.
  std::set<std::string> Differing(const Picture& a, const Picture& b) const;

 private:
  std::vector<std::unique_ptr<Alteration>> all_;
};

// What a file's journal says was changed in entries after `after`, the newest of each key: by table and key, with the
// row as it is now.
struct JournalChanges {
  int64_t newest = 0;  // entry of any kind
  std::map<std::pair<std::string, std::string>, Write> changes;
};
Result<JournalChanges> ReadJournal(SimNode* node, int64_t after);

// The row of an altered key as a picture has it.
std::optional<Image> RowOf(const Picture& picture, const Alteration& alteration);
std::optional<RowVersion> VersionOf(const Picture& picture, const Alteration& alteration);
bool SameRank(const std::optional<RowVersion>& a, const std::optional<RowVersion>& b);
// The file has the altered row, under the version that the row had then. Other files than the altered one get it so when
// it is sent for repair.
bool Shows(const Picture& picture, const Alteration& alteration);
// The file has an older version than the row had when it was altered, though its progress covers that one: a row that is
// not there was left out of what was sent.
bool Lacks(const Picture& picture, const Alteration& alteration);

// What `harmonylite verify` must say, and may. `before`: alterations that it was to find if they still stand (`still`);
// `first_new`: those of Alterations::all() from here on were made meanwhile.
Violation CheckVerification(const node::Verification& result, const Alterations& alterations,
                            const std::vector<const Alteration*>& before, const std::vector<const Alteration*>& still,
                            size_t first_new);

// What the rules say a repair makes of an altered row while all other nodes, of which these are pictures, are sound:
// the row as its version says, or, where nothing says that it was written, a new write.
struct RepairedRow {
  std::optional<Image> image;
  bool rewritten = false;  // under a new version
};
// Nothing: another node has the altered row too; then either may win.
std::optional<RepairedRow> Expected(const Alteration& alteration,
                                    const std::vector<std::shared_ptr<const Picture>>& others);
Violation CheckRepaired(const Alteration& alteration, const RepairedRow& expected, const Picture& picture);

}  // namespace harmonylite::sim
