#include "sim/sim_node.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "ledger/next_incarnation.h"
#include "snapshot/restore.h"

namespace harmonylite::sim {

using node::StepResult;
using sqlite::Connection;
using sqlite::OpenMode;

namespace {

constexpr const char* kDatabase = "app.db";
constexpr const char* kCopy = "copy.db";
constexpr int64_t kRowsOfDigest = 10;  // rows that a digest reads in one step

}  // namespace

SimNode::SimNode(const Setup& setup)
    : clock(setup.world),
      log(setup.log, setup.random, setup.sometimes),
      meta(setup.meta, setup.random),
      store(setup.snapshots.store, setup.random, setup.sometimes),
      setup_(setup),
      disk_(kDatabase, setup.random->Next()),
      vfs_("harmonylite-sim-" + std::to_string(setup.id) + setup.name, &clock, &disk_,
           setup.random->Next()),
      marks_(&disk_),
      door_vfs_(vfs_.name() + "-door", vfs_.name(), &marks_) {
  options_.db_path = kDatabase;
  options_.spool_directory = setup.directory + "/spools-XXXXXX";
  HL_CHECK(::mkdtemp(options_.spool_directory.data()) != nullptr);
  options_.vfs = door_vfs_.name();
  options_.tables.hide_orphans = setup.hide_orphans;
  if (setup.follow) options_.schema.follow = schema::Follow::kAll;
  // Half of the nodes make batches of one to four changes, so that they cut wherever they may.
  if (setup.random->Below(2) == 0)
    options_.min_batch_changes = options_.max_batch_changes = setup.random->Below(4) + 1;
  options_.id_layout = setup.id_layout;
  options_.conflicts_max_age_ms = INT64_MAX;  // clocks jump by years
  options_.verify_interval_ms = setup.verify_interval_ms;
  options_.first_join = setup.first_join;
  // A few tables take as many transactions here as thousands do elsewhere.
  if (setup.id % 2 == 0) options_.attach_step.most = 1;
  if (setup.snapshots.store == nullptr) return;
  options_.collect_tombstones = true;
  options_.eviction_horizon_ms = setup.snapshots.horizon_ms;
  options_.snapshots = setup.snapshots.policy;
}

Result<Connection> SimNode::OpenThrough(const std::string& vfs) const {
  HL_ASSIGN(Connection db, Connection::Open(options_.db_path, OpenMode::kCreate, vfs));
  db.SetBusyTimeout(0);
  return db;
}

Result<Connection> SimNode::OpenFile() const { return OpenThrough(vfs_.name()); }

Result<Connection> SimNode::OpenOwn() const { return OpenThrough(options_.vfs); }

void SimNode::Crash() {
  if (process_ != nullptr) forced_before_ += process_->door->counts().forced;
  process_.reset();
}

int64_t SimNode::forced() const {
  return forced_before_ + (process_ == nullptr ? 0 : process_->door->counts().forced);
}

Status SimNode::Start() {
  HL_CHECK(process_ == nullptr);
  HL_ASSIGN(Connection write_db, OpenOwn());
  HL_ASSIGN(Connection read_db, OpenOwn());
  HL_ASSIGN(Connection watch_db, OpenOwn());
  std::unique_ptr<Process> process(new Process{std::move(write_db),
                                               std::move(read_db),
                                               std::move(watch_db),
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {}});
  for (Connection* db : {&process->write_db, &process->read_db, &process->watch_db})
    sqlite3_trace_v2(db->raw(), SQLITE_TRACE_STMT, OnStatement, this);
  // Nobody else makes a step while this node's step waits, so no step waits.
  process->door =
      std::make_unique<node::DoorKeeper>(&process->write_db, &clock, [](bool) { return false; });
  process->write_db.SetWriteLockListener(process->door.get());
  Status started = StartWorkers(process.get());
  process_ = std::move(process);
  if (!started.ok()) Crash();
  return started;
}

Status SimNode::StartWorkers(Process* process) {
  process->replica =
      std::make_unique<node::Replica>(&process->write_db, options_, &clock, setup_.logger);
  const Origin fresh{NodeId(setup_.id), ledger::FirstIncarnation(setup_.random->Next())};
  HL_TRY(process->replica->Attach(NodeId(setup_.id), fresh));
  HL_TRY(process->replica->Introduce(&process->shared));
  process->replica->SetRowListener(&told);
  process->consumer = std::make_unique<node::Consumer>(
      node::Consumer::Dependencies{&options_, process->replica.get(), &log, &process->shared,
                                   &clock, setup_.logger, setup_.random->Next()});
  process->publisher = std::make_unique<node::Publisher>(node::Publisher::Dependencies{
      &options_, &process->read_db, &process->watch_db, &log, &sent_mark, &process->shared, &clock,
      setup_.logger, setup_.random->Next()});
  const uint64_t session = node::NewSession(clock.WallMs(), setup_.random->Next());
  process->keeper = std::make_unique<node::Keeper>(node::Keeper::Dependencies{
      &meta, &process->shared, &clock, setup_.logger, session, options_.eviction_horizon_ms});
  process->ids = std::make_unique<node::IdClaims>(node::IdClaims::Dependencies{
      &meta, &process->shared, &clock, setup_.logger, options_.id_layout});
  if (setup_.snapshots.store != nullptr) StartSnapshots(process, session);
  if (setup_.verify_interval_ms > 0) HL_TRY(StartVerifier(process));
  return Ok();
}

Status SimNode::StartVerifier(Process* process) {
  HL_ASSIGN(Connection db, OpenOwn());
  process->verify_db.emplace(std::move(db));
  sqlite3_trace_v2(process->verify_db->raw(), SQLITE_TRACE_STMT, OnStatement, this);
  process->verifier = std::make_unique<node::Verifier>(
      node::Verifier::Dependencies{&options_, &*process->verify_db, &meta, &process->shared, &clock,
                                   setup_.logger, setup_.random->Next()});
  if (options_.first_join == node::FirstJoin::kAtOnce) return Ok();
  process->joiner = std::make_unique<node::Joiner>(node::Joiner::Dependencies{
      &options_, &*process->verify_db, &meta, &process->shared, &clock, setup_.logger,
      setup_.random->Next(), [this] { return setup_.while_joining(this); },
      [this] {
        const bool goes_on = setup_.while_joining(this);
        FinishAnswer();
        return goes_on;
      }});
  return Ok();
}

// Wires the workers of snapshots in the same way as node::Node does.
void SimNode::StartSnapshots(Process* process, uint64_t session) {
  process->snapshot_keeper = std::make_unique<node::SnapshotKeeper>(
      node::SnapshotKeeper::Dependencies{&meta, &log, &process->shared, &process->board, &clock,
                                         setup_.logger, options_.snapshots, session});
  process->maker = std::make_unique<node::SnapshotMaker>(node::SnapshotMaker::Dependencies{
      &store, &process->board, &process->shared, &clock, setup_.logger,
      node::MakeSnapshotOptions(options_), options_.snapshots.keep});
  process->snapshots =
      std::make_unique<NotedSnapshots>(&store, &meta, node::MakeSnapshotOptions(options_));
  process->resyncer = std::make_unique<node::Resyncer>(node::Resyncer::Dependencies{
      process->snapshots.get(), &process->shared, &clock, setup_.logger});
}

Result<std::shared_ptr<node::OpenSnapshot>> SimNode::NotedSnapshots::Open(const std::string& name) {
  HL_ASSIGN(std::shared_ptr<node::OpenSnapshot> opened, stored_.Open(name));
  fetched = opened;
  return opened;
}

bool SimNode::merging() const {
  return process_ != nullptr && process_->snapshots != nullptr &&
         !process_->snapshots->fetched.expired();
}

Result<bool> SimNode::CanBecomeReplica() {
  return snapshot::CanBecomeReplica(options_.db_path, options_.vfs);
}

std::unique_ptr<node::EmptyJoin> SimNode::MakeJoin() {
  const auto attach = [this] {
    Status started = Start();
    Crash();
    return started;
  };
  return std::make_unique<node::EmptyJoin>(node::EmptyJoin::Dependencies{
      &store, &meta, &clock, setup_.logger, node::MakeSnapshotOptions(options_), NodeId(setup_.id),
      options_.snapshots.leader_ttl_ms, options_.max_clock_skew_ms,
      /*alone=*/false, attach});
}

void SimNode::Heal() {
  clock.offset_ms = 0;
  log.faults = {};
  log.connected = meta.connected = store.connected = true;
  meta.behind = 0;
  store.failing = store.lacking = 0;
  SetSpools(true);
}

void SimNode::SpoolFrom(int64_t bytes) { options_.spool_memory = static_cast<size_t>(bytes); }

// Without room for temporary files, the folder for them is missing. It can be removed at any time,
// because the temporary files have no names and it is always empty.
void SimNode::SetSpools(bool there) {
  if (there == spools_) return;
  const char* path = options_.spool_directory.c_str();
  HL_CHECK((there ? ::mkdir(path, 0700) : ::rmdir(path)) == 0);
  spools_ = there;
}

// SQLite calls this when a statement begins. It interrupts the connection at the planned statement.
int SimNode::OnStatement(unsigned, void* self, void* statement, void*) {
  auto* node = static_cast<SimNode*>(self);
  if (node->until_interrupt_ <= 0 || --node->until_interrupt_ > 0) return 0;
  node->interrupted_ = true;
  sqlite3_interrupt(sqlite3_db_handle(static_cast<sqlite3_stmt*>(statement)));
  return 0;
}

bool SimNode::ForgetInterrupt() {
  until_interrupt_ = 0;
  return std::exchange(interrupted_, false);
}

StepResult SimNode::StepPublisher() { return process_->publisher->Step(); }

StepResult SimNode::StepConsumer() {
  // A node reads ahead while it leaves the write lock to others.
  if (setup_.random->Chance(0.2)) (void)process_->consumer->ReadAhead();
  return process_->consumer->Step(std::chrono::milliseconds(0));
}

StepResult SimNode::StepKeeper() {
  const StepResult result = process_->keeper->Step();
  if (!rivalled()) process_->ids->Step();
  if (process_->snapshot_keeper != nullptr && !rivalled()) process_->snapshot_keeper->Step();
  return result;
}
StepResult SimNode::StepSnapshots() {
  const StepResult made = process_->maker->Step();
  const StepResult fetched = process_->resyncer->Step();
  return made.kind == StepResult::kProgress ? made : fetched;
}

StepResult SimNode::StepVerifier() { return process_->verifier->Step(); }

StepResult SimNode::StepJoiner() { return process_->joiner->Step(); }

void SimNode::FinishAnswer() {
  while (process_->verifier->Step().kind == StepResult::kProgress) continue;
}

void SimNode::UseFiles(const SimDisk::Files& files) {
  HL_CHECK(process_ == nullptr);
  checker_.reset();
  picture_.reset();
  disk_.Put(kDatabase, files);
}

Result<Connection*> SimNode::checker() {
  if (!checker_) {
    HL_ASSIGN(Connection db, OpenFile());
    checker_.emplace(std::move(db));
  }
  return &*checker_;
}

Result<std::shared_ptr<const Picture>> SimNode::Look() {
  HL_ASSIGN(Connection * db, checker());
  HL_ASSIGN(const int64_t version, db->DataVersion());
  if (picture_ != nullptr && version == picture_version_) return picture_;
  HL_ASSIGN(Picture picture, TakePicture(db));
  picture_ = std::make_shared<const Picture>(std::move(picture));
  picture_version_ = version;
  return picture_;
}

Result<node::VerifyAnswer> SimNode::TakeDigest() {
  HL_ASSIGN(Connection * db, checker());
  HL_ASSIGN(node::Digest digest, node::Digest::Begin(db, options_, {}));
  while (true) {
    HL_ASSIGN(const bool whole, digest.Advance(kRowsOfDigest));
    if (whole) return digest.answer();
  }
}

Result<Picture> SimNode::LookAt(const SimDisk::Files& files) {
  disk_.Put(kCopy, files);  // opening a database may change its files, so this reads a copy
  HL_ASSIGN(Connection db, Connection::Open(kCopy, OpenMode::kReadWrite, vfs_.name()));
  return TakePicture(&db);
}

}  // namespace harmonylite::sim
