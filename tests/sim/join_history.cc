#include "sim/join_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "capture/catalog_sync.h"
#include "ledger/conflict_log.h"
#include "sim/history_frame.h"
#include "sim/sim_vfs.h"
#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sim {

namespace {

constexpr double kShare = 0.03;  // of all histories
constexpr int64_t kMostRounds = 4'000;
constexpr int64_t kRoundMs = 50;
constexpr int64_t kRestRounds = 60;   // so many rounds without a difference end a history
constexpr int64_t kMostPauses = 400;  // after so many pauses a waiting joiner gives up

constexpr const char* kSchema =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE t(id INTEGER PRIMARY KEY, name, v);"
    "CREATE TABLE u(id TEXT PRIMARY KEY, name UNIQUE, v);";
constexpr std::array<const char*, 2> kTables = {"t", "u"};

// What a machine's file held when its sidecar first started.
enum class Kind { kEmpty, kCopy, kOwn };

struct Key {
  std::string table;
  std::string id;
  auto operator<=>(const Key&) const = default;
};

// A value that an application has committed. Values are unique texts, but for those of the base,
// which copies share.
struct Written {
  std::string value;
  bool replaced = false;  // an application that saw it has written something else
};

struct Shown {
  std::string name;
  std::string value;
  bool operator==(const Shown&) const = default;
};
using Rows = std::map<Key, Shown>;

struct Machine {
  std::unique_ptr<SimNode> node;
  Kind kind = Kind::kEmpty;
  bool joining = false;  // Its joiner waits, so its verifier must not step.
};

class JoinHistory : private HistoryFrame {
 public:
  JoinHistory(const HistoryOptions& options, HistoryReport* report)
      : HistoryFrame(options, /*kind=*/0, report) {}

  void Run() {
    SeedSqlite(options_.seed);
    SetUp();
    FoundCluster();
    const int64_t steps = random_.Between(50, 400);
    for (int64_t i = 0; i < steps && !failed(); ++i) Act();
    if (!failed()) Rest();
    if (!failed()) CheckNothingLost();
    if (!failed() && !late_writes_) CheckClusterCounts(&machines_.front());
  }

 private:
  void SetUp() {
    // In half of the histories only files that join write, and only before they have joined. What
    // the cluster had must then be unchanged in the end.
    late_writes_ = random_.Chance(0.5);
    machines_.resize(static_cast<size_t>(random_.Between(2, 4)));
    report_->nodes = machines_.size();
    for (size_t i = 0; i < machines_.size(); ++i) {
      Machine& machine = machines_[i];
      SimNode::Setup setup = SetupOf(i + 1);
      setup.verify_interval_ms = 600'000;
      setup.first_join = node::FirstJoin::kMerge;
      setup.while_joining = [this](SimNode* node) { return WhileJoining(node); };
      machine.node = std::make_unique<SimNode>(setup);
      machine.node->clock.offset_ms = random_.Between(-2'000, 2'000);
      machine.kind = static_cast<Kind>(random_.Below(3));
      if (i == 0 && machine.kind == Kind::kEmpty) machine.kind = Kind::kCopy;
      Fill(&machine);
    }
  }

  // Gives a machine the file that it has before its sidecar first starts.
  void Fill(Machine* machine) {
    sqlite::Connection db = sqlite::Must(machine->node->OpenFile());
    sqlite::Execute(&db, kSchema);
    if (machine->kind == Kind::kEmpty) return;
    for (int id = 1; id <= 6; ++id)
      for (const char* table : kTables) {
        const Key key{table, fmt::format("{}", id)};
        const Shown base{fmt::format("name {}", id), fmt::format("base {}", id)};
        Insert(&db, key, base);
        if (machine == &machines_.front()) written_[key].push_back({base.value});
      }
    if (machine->kind == Kind::kCopy) return;
    const int64_t writes = random_.Between(1, 8);
    for (int64_t i = 0; i < writes; ++i) Write(machine, &db);
    if (random_.Chance(0.5)) return;
    const Key own{"t", fmt::format("{}", 1'000 + machine->node->id())};
    const Shown row{"own", NewValue(*machine)};
    Insert(&db, own, row);
    written_[own].push_back({row.value});
  }

  static void Insert(sqlite::Connection* db, const Key& key, const Shown& row) {
    auto insert =
        sqlite::Must(db->Prepare(fmt::format("INSERT INTO {} VALUES(?1, ?2, ?3)", key.table)));
    insert.Bind(1, key.id);
    insert.Bind(2, row.name);
    insert.Bind(3, row.value);
    sqlite::Must(insert.Run());
  }

  std::string NewValue(const Machine& machine) {
    return fmt::format("{} of {}", ++values_, machine.node->id());
  }

  // One write of the application: a row is written or deleted, and what was there is replaced
  // knowingly.
  void Write(Machine* machine, sqlite::Connection* db) {
    const Key key{kTables[static_cast<size_t>(random_.Below(2))],
                  fmt::format("{}", random_.Between(1, 9))};
    const auto before = ReadRow(db, key);
    const bool deletes = random_.Chance(0.2);
    const Shown row{fmt::format("name {}", random_.Between(1, 9)), NewValue(*machine)};
    auto statement = sqlite::Must(db->Prepare(
        deletes
            ? fmt::format("DELETE FROM {} WHERE id = ?1", key.table)
            : fmt::format("INSERT INTO {} VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET name "
                          "= excluded.name, v = excluded.v",
                          key.table)));
    statement.Bind(1, key.id);
    if (!deletes) {
      statement.Bind(2, row.name);
      statement.Bind(3, row.value);
    }
    if (!statement.Run().ok()) return;  // The file is locked, or the name is taken.
    Trace(fmt::format("{} {} {} {}: {}", machine->node->id(), deletes ? "deletes" : "writes",
                      key.table, key.id, deletes ? "" : row.name + " = " + row.value));
    const std::set<std::string> shadowed = before ? std::set<std::string>{} : Listed(machine, true);
    // What a file does to its own copy of the base, before it is attached, says nothing about the
    // cluster's rows.
    const bool apart = cluster_.empty() && machine != &machines_.front();
    for (Written& one : written_[key])
      if ((before ? one.value == before->value : shadowed.contains(one.value)) &&
          !(apart && one.value.starts_with("base")))
        one.replaced = true;
    if (!deletes) written_[key].push_back({row.value});
  }

  static std::optional<Shown> ReadRow(sqlite::Connection* db, const Key& key) {
    auto read =
        sqlite::Must(db->Prepare(fmt::format("SELECT name, v FROM {} WHERE id = ?1", key.table)));
    read.Bind(1, key.id);
    const auto row = read.Step();
    if (!row.ok() || !*row) return std::nullopt;
    return Shown{std::string(read.Text(0)), std::string(read.Text(1))};
  }

  Rows ReadRows(SimNode* node) {
    sqlite::Connection* db = sqlite::Must(node->checker());
    Rows out;
    for (const char* table : kTables) {
      auto read = sqlite::Must(db->Prepare(fmt::format("SELECT id, name, v FROM {}", table)));
      sqlite::Must(read.ForEachRow([&](const sqlite::Statement& row) {
        out[{table, std::string(row.Text(0))}] = {std::string(row.Text(1)),
                                                  std::string(row.Text(2))};
      }));
    }
    return out;
  }

  // The first machine's file becomes the cluster.
  void FoundCluster() {
    Machine* first = &machines_.front();
    while (!failed() && !TakesPart(*first)) {
      Start(first);
      world_.Advance(kRoundMs);
      if (first->node->running()) Work(first);
    }
    sqlite::Connection db = sqlite::Must(first->node->OpenFile());
    for (int64_t i = random_.Below(6); i > 0; --i) Write(first, &db);
    cluster_ = ReadRows(first->node.get());
  }

  bool TakesPart(const Machine& machine) const {
    return machine.node->running() && machine.node->shared().rows().joined();
  }

  void Start(Machine* machine) { StartNode(machine->node.get()); }

  void Act() {
    world_.Advance(random_.Between(1, 40));
    ++report_->steps;
    Machine* machine = &machines_[static_cast<size_t>(random_.Below(std::ssize(machines_)))];
    if (!machine->node->running()) {
      if (random_.Chance(0.2)) Start(machine);
      return;
    }
    const int64_t what = random_.Below(100);
    if (what < 10) return StepApp(machine);
    if (what < 12 && machine != &machines_.front()) return Crash(machine);
    StepWorker(machine, random_.Below(5));
  }

  void StepApp(Machine* machine) {
    if (!late_writes_ && (machine == &machines_.front() || TakesPart(*machine))) return;
    if (machine->node->shared().rows().catching_up())
      report_->sometimes.Note("write while catching up");
    sqlite::Connection db = sqlite::Must(machine->node->OpenFile());
    Write(machine, &db);
  }

  void Crash(Machine* machine) {
    Trace(fmt::format("{} crashes", machine->node->id()));
    const bool catches_up = machine->node->shared().rows().catching_up();
    report_->sometimes.Note(TakesPart(*machine) ? "crash after a first join"
                            : catches_up        ? "crash while catching up"
                                                : "crash before a first join");
    machine->node->Crash();
  }

  void StepWorker(Machine* machine, int64_t which) {
    SimNode* node = machine->node.get();
    Trace(fmt::format("{} worker {}", node->id(), which));
    const bool before = TakesPart(*machine);
    if (which == 0) node->StepPublisher();
    if (which == 1) node->StepConsumer();
    if (which == 2) node->StepKeeper();
    // Its joiner answers for it while it is at work.
    if (which == 3 && !machine->joining) node->FinishAnswer();
    if (which == 4 && !machine->joining) Join(machine);
    if (!before && TakesPart(*machine)) {
      const bool compared = node->shared().rows().compared();
      Trace(fmt::format("{} has joined", node->id()));
      report_->sometimes.Note(compared ? "first join" : "first join without a comparison");
      if (compared && !late_writes_) CheckClusterCounts(machine);
    }
  }

  void Join(Machine* machine) {
    machine->joining = true;
    pauses_ = 0;
    machine->node->StepJoiner();
    machine->joining = false;
  }

  // Another joiner may begin to wait while one waits; the inner one ends first.
  bool WhileJoining(SimNode* node) {
    if (failed() || ++pauses_ > kMostPauses) return false;
    world_.Advance(random_.Between(5, 40));
    for (Machine& machine : machines_) {
      if (!machine.node->running()) continue;
      node->StepConsumer();
      StepWorker(&machine, random_.Below(4));
      if (!healed_ && random_.Chance(0.1)) StepApp(&machine);
    }
    return true;
  }

  void Work(Machine* machine) {
    for (int64_t which = 0; which < 5; ++which) StepWorker(machine, which);
  }

  // Everything heals: all nodes must join, and their files become equal and stay so.
  void Rest() {
    healed_ = true;
    int64_t equal = 0;
    for (int64_t round = 0; round < kMostRounds && !failed(); ++round) {
      world_.Advance(kRoundMs);
      for (Machine& machine : machines_) {
        Start(&machine);
        if (machine.node->running()) Work(&machine);
      }
      equal = AllEqual().empty() ? equal + 1 : 0;
      if (equal >= kRestRounds) return;
    }
    Fail("the nodes do not come to rest: " + AllEqual());
  }

  // Why the machines are not at rest; empty: they are.
  std::string AllEqual() {
    for (const Machine& machine : machines_) {
      if (!TakesPart(machine)) return fmt::format("node {} has not joined", machine.node->id());
      if (!machine.node->shared().rows().compared())
        return fmt::format("node {} is not compared", machine.node->id());
    }
    const Rows first = ReadRows(machines_.front().node.get());
    for (const Machine& machine : machines_) {
      const Rows rows = ReadRows(machine.node.get());
      if (rows == first) continue;
      for (const auto& [key, row] : rows)
        if (!first.contains(key) || !(first.at(key) == row))
          return fmt::format("table {} key {} differs on node {}", key.table, key.id,
                             machine.node->id());
      return fmt::format("node {} lacks rows", machine.node->id());
    }
    return {};
  }

  // The values that the machine's file lists as losers, or only those of shadowed rows.
  std::set<std::string> Listed(Machine* machine, bool only_shadowed) {
    std::set<std::string> out;
    if (!machine->node->running()) return out;
    sqlite::Connection* db = sqlite::Must(machine->node->checker());
    const ledger::Catalog catalog = sqlite::Must(capture::LoadCatalog(db, {}));
    for (const auto& one : sqlite::Must(ledger::ListConflicts(db, catalog))) {
      if (!only_shadowed) report_->sometimes.Note("first join: " + one.kind);
      if (one.loser.image && (!only_shadowed || one.kind == ledger::conflict_kind::kShadowed))
        out.insert(std::string(one.loser.image->values.back().view().bytes));
    }
    return out;
  }

  // Every value is shown, listed as a conflict on some node, or was replaced knowingly (P7).
  void CheckNothingLost() {
    const Rows rows = ReadRows(machines_.front().node.get());
    std::set<std::string> listed;
    for (Machine& machine : machines_) listed.merge(Listed(&machine, /*only_shadowed=*/false));
    for (const auto& [key, values] : written_)
      for (const Written& one : values) {
        const auto shown = rows.find(key);
        const bool is_shown = shown != rows.end() && shown->second.value == one.value;
        if (!one.replaced && !is_shown && !listed.contains(one.value))
          return Fail(fmt::format("a value was lost in silence: table {} key {}: {}", key.table,
                                  key.id, one.value));
      }
  }

  // What the cluster had before anybody joined is shown by a machine that has caught up, if nobody
  // wrote after joining.
  void CheckClusterCounts(Machine* machine) {
    const Rows rows = ReadRows(machine->node.get());
    for (const auto& [key, row] : cluster_) {
      // An application that saw the row may have changed it before its file had joined.
      const std::vector<Written>& values = written_[key];
      const bool changed = std::any_of(values.begin(), values.end(), [&](const Written& one) {
        return one.replaced && one.value == row.value;
      });
      const auto shown = rows.find(key);
      if (!changed && (shown == rows.end() || !(shown->second == row)) &&
          !NameWasGiven(rows, key, row))
        return Fail(fmt::format("a row of the cluster gave way on node {}: table {} key {}: {}",
                                machine->node->id(), key.table, key.id, row.value));
    }
  }

  // True if the row's name is shown by another row that an application saw and changed: while its
  // file caught up, it could give it the name of a row that had not come yet.
  bool NameWasGiven(const Rows& rows, const Key& key, const Shown& row) {
    if (key.table != "u") return false;
    const bool given = std::any_of(rows.begin(), rows.end(), [&](const auto& other) {
      const std::vector<Written>& values = written_[other.first];
      return other.first.table == key.table && other.first.id != key.id &&
             other.second.name == row.name &&
             std::any_of(values.begin(), values.end(), [](const Written& v) { return v.replaced; });
    });
    if (given) report_->sometimes.Note("a name was given away while catching up");
    return given;
  }

  std::vector<Machine> machines_;
  bool late_writes_ = false;
  bool healed_ = false;
  int64_t values_ = 0;
  int64_t pauses_ = 0;
  std::map<Key, std::vector<Written>> written_;
  Rows cluster_;  // the first node's rows when it had joined
};

}  // namespace

bool DrawsFirstJoin(const HistoryOptions& options) {
  if (options.only.any()) return options.only[Fault::kFirstJoin];
  return !options.without[Fault::kFirstJoin] && !options.all_tables &&
         Random(SeedOf(options.seed, 11)).Chance(kShare);
}

HistoryReport RunJoinHistory(const HistoryOptions& options) {
  HistoryReport report;
  JoinHistory(options, &report).Run();
  return report;
}

}  // namespace harmonylite::sim
