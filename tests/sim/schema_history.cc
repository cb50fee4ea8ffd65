#include "sim/schema_history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "capture/catalog_sync.h"
#include "ledger/conflict_log.h"
#include "ledger/schema_table.h"
#include "sim/history_frame.h"
#include "sim/schema_app.h"
#include "sim/sim_vfs.h"
#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sim {

namespace {

constexpr double kShare = 0.05;  // of all histories
constexpr int64_t kMostRounds = 2'000;
constexpr int64_t kRoundMs = 50;
constexpr int64_t kRestRounds = 40;  // so many rounds without a difference end a history

struct Machine {
  std::unique_ptr<SimNode> node;
  std::unique_ptr<SchemaApp> app;
  std::optional<sqlite::Connection> open;  // the application is inside a transaction
};

class SchemaHistory : private HistoryFrame {
 public:
  SchemaHistory(const HistoryOptions& options, HistoryReport* report)
      : HistoryFrame(options, /*kind=*/1, report) {}

  void Run() {
    SeedSqlite(options_.seed);
    SetUp();
    const int64_t steps = random_.Between(50, 500);
    for (int64_t i = 0; i < steps && !failed(); ++i) Act();
    if (!failed()) Heal();
    if (!failed()) Rest();
    if (!failed()) CheckNothingLost();
  }

 private:
  // Some machines have no table at first: what others have must come.
  void SetUp() {
    loses_ = random_.Chance(0.4);
    trims_ = random_.Chance(0.3);
    machines_.resize(static_cast<size_t>(random_.Between(2, 4)));
    report_->nodes = machines_.size();
    SchemaApp::NoteBase(&model_);
    for (size_t i = 0; i < machines_.size(); ++i) {
      Machine& machine = machines_[i];
      SimNode::Setup setup = SetupOf(i + 1);
      setup.follow = true;
      machine.node = std::make_unique<SimNode>(setup);
      machine.node->clock.offset_ms = random_.Between(-2'000, 2'000);
      if (loses_) machine.node->log.faults = {0.1, 0.1, 0.1, 0.1};
      machine.app = std::make_unique<SchemaApp>(i + 1, &random_, &model_, &scripts_);
      const bool empty = i > 0 && random_.Chance(0.3);
      sqlite::Connection db = sqlite::Must(machine.node->OpenFile());
      sqlite::Execute(&db, "PRAGMA journal_mode = WAL");
      if (!empty) sqlite::Execute(&db, SchemaApp::kBase);
      Start(&machine);
    }
  }

  void Start(Machine* machine) { StartNode(machine->node.get()); }

  void Act() {
    world_.Advance(random_.Between(1, 40));
    ++report_->steps;
    Machine* machine = &machines_[static_cast<size_t>(random_.Below(std::ssize(machines_)))];
    const int64_t what = random_.Below(100);
    if (what < 16) return StepApp(machine);
    if (what < 18) return CutOff(machine);
    if (what == 18 && trims_) return log_.Trim(static_cast<size_t>(random_.Below(10)));
    if (!machine->node->running()) {
      if (random_.Chance(0.2)) Start(machine);
      return;
    }
    if (what < 21) return Crash(machine);
    if (what < 23) machine->node->PlanInterrupt(random_.Between(1, 400));
    StepWorker(machine, random_.Below(3));
    if (machine->node->ForgetInterrupt()) report_->sometimes.Note("schema: statement interrupted");
  }

  void CutOff(Machine* machine) {
    bool& connected = machine->node->log.connected;
    connected = machine->node->meta.connected = !connected;
    Trace(fmt::format("{} is {}", machine->node->id(), connected ? "connected" : "cut off"));
  }

  void Crash(Machine* machine) {
    Trace(fmt::format("{} crashes", machine->node->id()));
    machine->node->Crash();
  }

  void StepWorker(Machine* machine, int64_t which) {
    SimNode* node = machine->node.get();
    if (which == 0) node->StepPublisher();
    if (which == 1) node->StepConsumer();
    if (which == 2) node->StepKeeper();
  }

  // One statement, or one of a transaction that stays open for a while.
  void StepApp(Machine* machine) {
    if (machine->open) {
      if (!random_.Chance(0.4)) return Change(machine, &*machine->open);
      Commit(machine);
      return;
    }
    sqlite::Connection db = sqlite::Must(machine->node->OpenFile());
    if (!random_.Chance(0.3)) return Change(machine, &db);
    if (!db.Exec("BEGIN IMMEDIATE").ok()) return;
    Trace(fmt::format("{} begins", machine->node->id()));
    machine->open.emplace(std::move(db));
    Change(machine, &*machine->open);
  }

  void Change(Machine* machine, sqlite::Connection* db) {
    auto done = machine->app->Step(db);
    if (!done.ok() && done.error().code() == ErrorCode::kRetryLater) return;  // a lock
    if (!done.ok())
      return Fail(fmt::format("node {}: an error that the application would not have had alone: {}",
                              machine->node->id(), done.error().message()));
    Trace(fmt::format("{}: {}", machine->node->id(), done->value_or("refused")));
    if (*done) report_->sometimes.Note("schema: " + (*done)->substr(0, (*done)->find(' ')));
  }

  void Commit(Machine* machine) {
    const Status committed = machine->open->Exec("COMMIT");
    Trace(fmt::format("{} commits", machine->node->id()));
    if (!committed.ok()) Fail("COMMIT failed: " + committed.error().message());
    machine->open.reset();
  }

  void Heal() {
    Trace("heal");
    for (Machine& machine : machines_) {
      machine.node->Heal();
      machine.node->log.connected = machine.node->meta.connected = true;
      if (machine.open) Commit(&machine);
    }
  }

  // All nodes must come to the same schema and rows, and stay there.
  void Rest() {
    int64_t equal = 0;
    std::string why;
    for (int64_t round = 0; round < kMostRounds && !failed(); ++round) {
      world_.Advance(kRoundMs);
      for (Machine& machine : machines_) {
        Start(&machine);
        if (!machine.node->running()) continue;
        for (int i = 0; i < 3; ++i)
          for (int64_t which = 0; which < 2; ++which) StepWorker(&machine, which);
        StepWorker(&machine, 2);
      }
      if (round % 4 != 0) continue;
      why = WhyNotEqual();
      equal = why.empty() ? equal + 4 : 0;
      if (equal >= kRestRounds) return;
    }
    TraceObjects();
    Fail("the nodes do not come to rest: " + why);
  }

  std::string WhyNotEqual() {
    for (const Machine& machine : machines_) {
      const SimNode& node = *machine.node;
      if (!node.running() || !node.drained()) return fmt::format("node {} has to send", node.id());
      const auto applied = node.shared().applied();
      if (!applied.caught_up) return fmt::format("node {} has to read", node.id());
      for (const node::Hold& hold : applied.holds)
        return fmt::format("node {} holds: {}", node.id(), hold.reason);
    }
    const auto first = Shown(&machines_.front());
    for (Machine& machine : machines_) {
      const auto shown = Shown(&machine);
      if (shown == first) continue;
      const auto [here, there] =
          std::mismatch(shown.begin(), shown.end(), first.begin(), first.end());
      return fmt::format("node {} shows '{}', and node 1 '{}'", machine.node->id(),
                         here == shown.end() ? "nothing" : *here,
                         there == first.end() ? "nothing" : *there);
    }
    return {};
  }

  // Shows what each file knows of all nodes' schemas.
  void TraceObjects() {
    for (Machine& machine : machines_) {
      sqlite::Connection* db = sqlite::Must(machine.node->checker());
      for (const auto& [key, row] : sqlite::Must(ledger::LoadObjects(db)))
        Trace(fmt::format("{} has {} {}: names {}, columns {}: {}", machine.node->id(),
                          schema::KindName(key.kind), key.id, schema::EncodeNames(row.names),
                          schema::EncodeColumns(row.columns), row.sql));
    }
  }

  // The schema and all rows of a file, as texts in an order that is the same on every node.
  std::vector<std::string> Shown(Machine* machine) {
    sqlite::Connection* db = sqlite::Must(machine->node->checker());
    std::vector<std::string> out = sqlite::Must(ReadObjects(db));
    for (const auto& [name, table] : sqlite::Must(ReadTables(db)))
      for (const auto& [id, values] : sqlite::Must(ReadRows(db, table))) {
        std::string line = fmt::format("row {} of {}:", id, name);
        for (const auto& [column, value] : values) line += fmt::format(" {} = {},", column, value);
        out.push_back(std::move(line));
      }
    return out;
  }

  void CheckNothingLost() {
    sqlite::Connection* db = sqlite::Must(machines_.front().node->checker());
    const auto rows = [&](const ShownTable& table) { return sqlite::Must(ReadRows(db, table)); };
    std::set<std::string> listed;
    for (Machine& machine : machines_) listed.merge(Listed(&machine));
    listed.merge(Shadowed());
    const auto wrong = model_.Check(sqlite::Must(ReadTables(db)), rows, listed);
    if (!wrong) return;
    TraceObjects();
    Fail(*wrong);
  }

  // The ids and values of the rows that are kept as conflicts.
  std::set<std::string> Listed(Machine* machine) {
    std::set<std::string> out;
    sqlite::Connection* db = sqlite::Must(machine->node->checker());
    const ledger::Catalog catalog = sqlite::Must(capture::LoadCatalog(db, {}));
    for (const auto& one : sqlite::Must(ledger::ListConflicts(db, catalog))) {
      report_->sometimes.Note("schema: " + one.kind);
      if (!one.loser.image) continue;
      for (const change::Value& value : one.loser.image->values)
        out.insert(std::string(value.view().bytes));
    }
    return out;
  }

  // The ids and values of the rows for which UNIQUE has no room, which are the same everywhere.
  std::set<std::string> Shadowed() {
    std::set<std::string> out;
    sqlite::Connection* db = sqlite::Must(machines_.front().node->checker());
    for (const auto& [name, table] : sqlite::Must(ReadTables(db)))
      for (const change::NamedImage& image : sqlite::Must(ReadShadowed(db, table))) {
        report_->sometimes.Note("schema: shadowed");
        const auto values = ValuesOf(image);
        if (HasRoom(db, table, image))
          Fail(fmt::format("row {} of table {} is shadowed, and there is room for it",
                           values.at("id"), name));
        for (const auto& [column, value] : values) out.insert(value);
      }
    return out;
  }

  // True if the table would take the row.
  static bool HasRoom(sqlite::Connection* db, const ShownTable& table,
                      const change::NamedImage& image) {
    std::string places;
    for (size_t i = 0; i < image.values.size(); ++i) places += i == 0 ? "?" : ", ?";
    sqlite::Statement put =
        sqlite::Must(db->Prepare(fmt::format("INSERT OR ABORT INTO {}({}) VALUES({})", table.name,
                                             fmt::join(image.columns, ", "), places)));
    put.BindAll(image.values);
    sqlite::Must(db->Exec("SAVEPOINT room"));
    const bool fits = put.Run().ok();
    sqlite::Must(db->Exec("ROLLBACK TO room"));
    sqlite::Must(db->Exec("RELEASE room"));
    return fits;
  }

  SchemaModel model_;
  std::vector<Script> scripts_;
  std::vector<Machine> machines_;
  bool loses_ = false;  // the connections to the log have faults
  bool trims_ = false;  // the log loses its oldest records
};

}  // namespace

bool DrawsSchemas(const HistoryOptions& options) {
  if (options.only.any()) return options.only[Fault::kSchemas];
  return !options.without[Fault::kSchemas] && !options.all_tables &&
         Random(SeedOf(options.seed, 12)).Chance(kShare);
}

HistoryReport RunSchemaHistory(const HistoryOptions& options) {
  HistoryReport report;
  SchemaHistory(options, &report).Run();
  return report;
}

}  // namespace harmonylite::sim
