// Stores objects in NATS' own object store, in the layout that every NATS client reads and writes.
//
// A bucket is the stream "OBJ_<bucket>". An object's bytes are chunks of 128 KiB on
// "$O.<bucket>.C.<nuid>". Its description is on "$O.<bucket>.M.<name in base64url>", where only the
// newest message is kept. The description is written last, and the chunks of the object that it
// replaces are purged after that. Deleting leaves no marker behind, so that the bucket does not
// grow with every name that was ever used.
//
// Threads: one call at a time, as ports::ObjectStore demands.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/nats/connection.h"
#include "ports/object_store.h"
#include "ports/retry.h"

namespace harmonylite::nats {

class IncomingObject;  // private, adapters/nats/incoming_object.h
struct ObjectMeta;     // private, adapters/nats/object_meta.h

struct JetStreamObjectStoreOptions {
  std::string bucket;  // letters, digits, '-' and '_'
  int replicas = 1;    // used when the bucket is made; an existing bucket keeps its own
  std::chrono::milliseconds api_timeout{5000};
  // A consumer that lives and delivers nothing for so long reads from a replica which lacks parts;
  // another consumer may read from another replica. With `retry` as it is, that is tried three
  // times within half a minute.
  std::chrono::milliseconds silence{6000};
  ports::RetryPolicy retry;
};

class JetStreamObjectStore final : public ports::ObjectStore {
 public:
  JetStreamObjectStore(std::shared_ptr<Connection> connection, JetStreamObjectStoreOptions options);

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  bool streams() const override { return true; }
  Status PutFrom(const std::string& name, ports::ObjectSource* source,
                 ports::Transfer* transfer) override;
  Status GetInto(const std::string& name, ports::ObjectSink* sink,
                 ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

 private:
  Result<std::shared_ptr<Session>> Connect();
  // `what` is the beginning of the error message, as in "get x from".
  Status Retry(const std::string& what, ports::Transfer* transfer,
               const std::function<Status()>& attempt);
  Status EnsureBucket(const Session& session);
  std::string MetaSubject(const std::string& name) const;
  std::string ChunkSubject(const std::string& nuid) const;

  // kNotFound: the object or the bucket does not exist.
  Result<ObjectMeta> LoadMeta(const Session& session, const std::string& subject);
  // Returns the descriptions of all objects that are not deleted.
  Result<std::vector<ObjectMeta>> LoadMetas(const Session& session);
  Status StoreMeta(const Session& session, const ObjectMeta& meta);

  Status PutOnce(const std::string& name, ports::ObjectSource* source, ports::Transfer* transfer);
  // Sends the object's bytes, and fills in the size, chunks and digest of `meta`.
  Status SendChunks(const std::shared_ptr<Session>& session, ports::ObjectSource* source,
                    ports::Transfer* transfer, ObjectMeta* meta);
  Status GetOnce(const std::string& name, ports::ObjectSink* sink, ports::Transfer* transfer);
  // Of an object that is one chunk: from the replica that leads, which has counted it.
  Status ReceiveOne(const Session& session, const ObjectMeta& meta, IncomingObject* object);
  // kRetryLater: among others, the replica that was read from lacks some.
  Status ReceiveChunks(const std::shared_ptr<Session>& session, const ObjectMeta& meta,
                       IncomingObject* object, ports::Transfer* transfer);
  // Returns why chunks of `meta` do not arrive; ok means that they still may.
  Status CheckStillThere(const Session& session, const ObjectMeta& meta);
  Result<uint64_t> CountChunks(const Session& session, const std::string& nuid);

  // Removes all messages on `subject`. Succeeds if there are none.
  Status Purge(const Session& session, const std::string& subject);
  // Removes chunks without a description that are so old that their writer must be dead.
  void PurgeOrphans(const Session& session);

  const std::shared_ptr<Connection> connection_;
  const JetStreamObjectStoreOptions options_;
  const std::string stream_;
};

}  // namespace harmonylite::nats
