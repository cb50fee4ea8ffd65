#include "sim/sim_node.h"

#include <filesystem>

namespace harmonylite::sim {

namespace fs = std::filesystem;
using node::StepResult;
using sqlite::Connection;
using sqlite::OpenMode;

namespace {

constexpr const char* kDatabase = "app.db";

void CopyParts(const std::string& from, const std::string& to) {
  for (const char* part : {"", "-wal"}) {
    fs::remove(to + part);
    if (fs::exists(from + part)) fs::copy_file(from + part, to + part);
  }
}

}  // namespace

SimNode::SimNode(const Setup& setup)
    : clock(setup.world),
      log(setup.log, setup.random, setup.sometimes),
      meta(setup.meta),
      setup_(setup),
      vfs_("harmonylite-sim-" + std::to_string(setup.id), &clock, setup.random->Next()) {
  options_.db_path = File(kDatabase);
  options_.spool_directory = setup.directory;
  options_.vfs = vfs_.name();
}

Result<Connection> SimNode::OpenFile() const {
  HL_ASSIGN(Connection db, Connection::Open(options_.db_path, OpenMode::kCreate, options_.vfs));
  db.SetBusyTimeout(0);
  return db;
}

Status SimNode::Start() {
  HL_CHECK(process_ == nullptr);
  HL_ASSIGN(Connection write_db, OpenFile());
  HL_ASSIGN(Connection read_db, OpenFile());
  std::unique_ptr<Process> process(
      new Process{std::move(write_db), std::move(read_db), {}, {}, {}, {}, {}});
  process->replica =
      std::make_unique<node::Replica>(&process->write_db, options_, &clock, setup_.logger);
  const Origin fresh{NodeId(setup_.id), Incarnation(static_cast<uint32_t>(setup_.random->Next()))};
  HL_TRY(process->replica->Attach(NodeId(setup_.id), fresh));
  HL_TRY(process->replica->Introduce(&process->shared));
  process->consumer = std::make_unique<node::Consumer>(
      node::Consumer::Dependencies{&options_, process->replica.get(), &log, &process->shared,
                                   &clock, setup_.logger, setup_.random->Next()});
  process->publisher = std::make_unique<node::Publisher>(
      node::Publisher::Dependencies{&options_, &process->read_db, &log, &process->shared, &clock,
                                    setup_.logger, setup_.random->Next()});
  process->keeper = std::make_unique<node::Keeper>(node::Keeper::Dependencies{
      &meta, &process->shared, &clock, setup_.logger, setup_.random->Next()});
  process_ = std::move(process);
  return Ok();
}

StepResult SimNode::StepPublisher() { return process_->publisher->Step(); }
StepResult SimNode::StepConsumer() { return process_->consumer->Step(std::chrono::milliseconds(0)); }
StepResult SimNode::StepKeeper() { return process_->keeper->Step(); }

void SimNode::CopyFile(const std::string& name) const {
  CopyParts(options_.db_path, File(name));
}

void SimNode::UseCopy(const std::string& name) {
  HL_CHECK(process_ == nullptr);
  checker_.reset();
  fs::remove(options_.db_path + "-shm");
  CopyParts(File(name), options_.db_path);
}

Result<Connection*> SimNode::checker() {
  if (!checker_) {
    HL_ASSIGN(Connection db, OpenFile());
    checker_.emplace(std::move(db));
  }
  return &*checker_;
}

Result<Picture> SimNode::Look() {
  HL_ASSIGN(Connection * db, checker());
  return TakePicture(db);
}

Result<Picture> SimNode::LookAtCopy(const std::string& name) const {
  CopyParts(File(name), File("look.db"));  // looking may change it
  HL_ASSIGN(Connection db, Connection::Open(File("look.db"), OpenMode::kReadWrite, options_.vfs));
  return TakePicture(&db);
}

}  // namespace harmonylite::sim
