#include "snapshot/copy.h"

#include <algorithm>
#include <filesystem>

#include "sqlite/raw_file.h"

namespace harmonylite::snapshot {

namespace {

class DatabasePieces final : public PieceSource {
 public:
  explicit DatabasePieces(sqlite::Connection* db) : db_(db) {}

  Result<uint64_t> Size() override { return sqlite::FileSize(db_); }

  Status Get(uint64_t index, std::string* frame, uint64_t* hash) override {
    HL_ASSIGN(const uint64_t size, Size());
    const uint64_t offset = index * kPieceBytes;
    HL_TRY(
        sqlite::ReadFileAt(db_, offset, std::min<uint64_t>(size - offset, kPieceBytes), &plain_));
    *hash = HashPiece(plain_);
    packer_.Pack(plain_, frame);
    return Ok();
  }

 private:
  sqlite::Connection* db_;  // not owned
  PiecePacker packer_;
  std::string plain_;
};

}  // namespace

std::unique_ptr<PieceSource> PiecesOf(sqlite::Connection* db) {
  return std::make_unique<DatabasePieces>(db);
}

Copy::~Copy() = default;

Result<Copy> Copy::Reserve(const std::string& database, const std::string& vfs,
                           const std::string& spool_directory) {
  Copy out;
  if (vfs.empty()) {
    RemoveLeftovers(database);
    const std::string folder = std::filesystem::absolute(database).parent_path().string();
    out.packed_ = std::make_unique<PackedFile>(folder, spool_directory);
    out.content_ = std::make_unique<sqlite::ContentVfs>(out.packed_.get());
    return out;
  }
  HL_ASSIGN(PrivateDatabase plain, PrivateDatabase::Reserve(database, vfs));
  out.plain_.emplace(std::move(plain));
  return out;
}

std::string Copy::target() const { return plain_ ? plain_->path() : content_->uri(); }

std::string Copy::failure() const { return plain_ ? std::string() : content_->failure(); }

Status Copy::TakePages(sqlite::Connection* from, const std::atomic<bool>& cancelled) {
  const std::string path = plain_ ? plain_->path() : "content";
  HL_ASSIGN(sqlite::Connection to,
            sqlite::Connection::Open(path, sqlite::OpenMode::kCreate,
                                     plain_ ? plain_->vfs() : content_->name()));
  return sqlite::CopyPages(from, &to, cancelled);
}

Status Copy::Open() {
  if (plain_) return plain_->Open();
  packed_->Settle();
  HL_ASSIGN(db_, sqlite::Connection::Open("content", sqlite::OpenMode::kCreate, content_->name()));
  return MakePrivate(&*db_);
}

sqlite::Connection& Copy::db() { return plain_ ? plain_->db() : *db_; }

PieceSource& Copy::pieces() {
  if (!plain_) return *packed_;
  if (!plain_pieces_) plain_pieces_ = PiecesOf(&plain_->db());
  return *plain_pieces_;
}

}  // namespace harmonylite::snapshot
