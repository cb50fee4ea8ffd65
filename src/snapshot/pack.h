// Turns a database file into a snapshot's object and back: zstd frames, with a checksum over the
// packed bytes and one over the database (docs/formats/snapshot.md).
//
// Memory: a few megabytes. Threads: one owner at a time.
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

// Produces the object of a database while a store takes it. At the end it fills size, packed,
// sha256 and hash of the manifest. kRetryLater: cancelled, or the disk fails.
class Packer final : public ports::ObjectSource {
 public:
  // The pointers are not owned. Nothing may write to the database while the packer is used. `phase`
  // begins again with every attempt of the store.
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

// Appends the whole object to `out`, which is empty: for stores that take no stream. See Packer.
Status Pack(PieceSource* pieces, Activity* activity, Spool* out, Manifest* manifest);

// Unpacks an object into a database's file, never more than manifest.size bytes. The file is worth
// something only after Finish has succeeded. kCorruption: it is not the object that the manifest
// describes. kRetryLater: cancelled, or the disk is full.
class Unpacker final : public ports::ObjectSink {
 public:
  // The pointers are not owned. Nothing has been read from the database yet.
  Unpacker(const Manifest* manifest, Activity* activity, sqlite::Connection* db);
  ~Unpacker() override;
  Status Begin() override;
  Status Append(std::string_view bytes) override;
  bool sums() const override { return true; }
  // Called after the last Append: checks sizes and checksums against the manifest.
  Status Finish();

 private:
  struct Attempt;
  Status Write(std::string_view bytes);

  const Manifest* manifest_;
  Activity* activity_;
  sqlite::Connection* db_;
  std::unique_ptr<Attempt> attempt_;
};

// Feeds an object that is in a local spool to `unpacker`.
Status Unpack(const Spool& packed, Unpacker* unpacker);

}  // namespace harmonylite::snapshot
