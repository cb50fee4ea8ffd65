// A database file to an object and back: zstd, with a checksum of both.
//
// Memory: some megabytes. Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"
#include "ports/object_stream.h"
#include "snapshot/activity.h"
#include "snapshot/manifest.h"
#include "snapshot/piece.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

// The object of a database, put together while it is given. Once all was given, size, packed, sha256 and hash of the manifest
// describe it. kRetryLater: cancelled, or the disk fails.
class Packer final : public ports::ObjectSource {
 public:
  // Begins `phase` with each attempt. Nothing is owned. Nobody writes to the database meanwhile.
  Packer(PieceSource* pieces, Phase phase, Activity* activity, Manifest* manifest);
  ~Packer() override;
  Status Begin() override;
  Status Next(std::string* out) override;
  bool sums() const override { return true; }
  std::string Sha256() const override;

 private:
  struct Attempt;
  void Describe();

  PieceSource* pieces_;
  const Phase phase_;
  Activity* activity_;
  Manifest* manifest_;
  std::unique_ptr<Attempt> attempt_;
};

// Appends the packed file to `out`, which is empty. As Packer, for stores that take whole objects only.
Status Pack(PieceSource* pieces, Activity* activity, Spool* out, Manifest* manifest);

// Writes what an object holds into a database's file, never more than manifest.size bytes. The file is worth
// something only after Finish. kCorruption: it is not the object that the manifest speaks of. kRetryLater:
// cancelled, or the disk is full.
class Unpacker final : public ports::ObjectSink {
 public:
  // Nothing is owned. Nobody has read from the database yet.
  Unpacker(const Manifest* manifest, Activity* activity, sqlite::Connection* db);
  ~Unpacker() override;
  Status Begin() override;
  Status Append(std::string_view bytes) override;
  bool sums() const override { return true; }
  // Once all was appended: whether sizes and checksums are those of the manifest.
  Status Finish();

 private:
  struct Attempt;
  Status Write(std::string_view bytes);

  const Manifest* manifest_;
  Activity* activity_;
  sqlite::Connection* db_;
  std::unique_ptr<Attempt> attempt_;
};

// Appends an object that lies here.
Status Unpack(const Spool& packed, Unpacker* unpacker);

}  // namespace harmonylite::snapshot
