#include "adapters/nats/object_store.h"

#include <algorithm>
#include <utility>

#include "adapters/nats/incoming_object.h"
#include "adapters/nats/names.h"
#include "adapters/nats/object_meta.h"
#include "adapters/nats/publish_pipeline.h"
#include "adapters/nats/push_consumer.h"
#include "adapters/nats/session.h"
#include "base/sha256.h"

namespace harmonylite::nats {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t kChunkBytes = 128 << 10;  // size that the other clients use
// Bytes of a server's max_payload that are reserved for headers.
constexpr size_t kHeaderRoom = 1024;
// How long a reader waits without data before it checks that the object is still there.
constexpr milliseconds kIdle{250};
// Chunks without a description belong to a writer that died if they are this much older than the
// newest message of the bucket.
constexpr int64_t kOrphanAgeNs = 3600LL * 1'000'000'000;

jsOptions ApiOptions(milliseconds wait) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = wait.count();
  return options;
}

size_t ChunkBytes(const Session& session) {
  const int64_t limit = session.max_payload();
  if (limit <= 0) return kChunkBytes;
  const auto bytes = static_cast<size_t>(limit);
  return std::min(kChunkBytes, bytes > 2 * kHeaderRoom ? bytes - kHeaderRoom : bytes / 2);
}

// Cuts a source's bytes into chunks of one size.
class ChunkCutter {
 public:
  ChunkCutter(ports::ObjectSource* source, size_t chunk_bytes)
      : source_(source), chunk_bytes_(chunk_bytes) {}
  size_t chunk_bytes() const { return chunk_bytes_; }

  // Returns the next chunk, valid until the next call. Only the last chunk is shorter; after it an
  // empty one is returned.
  Result<std::string_view> Next() {
    while (!ended_ && buffer_.size() - given_ < chunk_bytes_) {
      buffer_.erase(0, std::exchange(given_, 0));
      HL_TRY(source_->Next(&piece_));
      ended_ = piece_.empty();
      buffer_ += piece_;
    }
    const std::string_view chunk = std::string_view(buffer_).substr(given_, chunk_bytes_);
    given_ += chunk.size();
    return chunk;
  }

 private:
  ports::ObjectSource* source_;  // not owned
  const size_t chunk_bytes_;
  std::string buffer_;
  std::string piece_;
  size_t given_ = 0;  // bytes at the front of the buffer that were already returned
  bool ended_ = false;
};

}  // namespace

JetStreamObjectStore::JetStreamObjectStore(std::shared_ptr<Connection> connection,
                                           JetStreamObjectStoreOptions options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      stream_("OBJ_" + options_.bucket) {}

std::string JetStreamObjectStore::MetaSubject(const std::string& name) const {
  return fmt::format("$O.{}.M.{}", options_.bucket, Base64Url(name));
}

std::string JetStreamObjectStore::ChunkSubject(const std::string& nuid) const {
  return fmt::format("$O.{}.C.{}", options_.bucket, nuid);
}

Result<std::shared_ptr<Session>> JetStreamObjectStore::Connect() {
  HL_TRY(connection_->EnsureConnected());
  return connection_->Acquire();
}

Status JetStreamObjectStore::Retry(const std::string& what, ports::Transfer* transfer,
                                   const std::function<Status()>& attempt) {
  Status status = ports::RetryTransfer(options_.retry, transfer, [&](bool*) { return attempt(); });
  if (status.ok()) return status;
  return std::move(status).error().Wrap(
      fmt::format("cannot {} the NATS bucket {}", what, options_.bucket));
}

Status JetStreamObjectStore::EnsureBucket(const Session& session) {
  HL_TRY(CheckStreamPrefix(options_.bucket));
  const auto info = GetStreamInfo(session, stream_, options_.api_timeout.count());
  if (info.ok()) return Ok();
  if (info.error().code() != ErrorCode::kNotFound) return info.error().Copy();
  const std::string chunks = ChunkSubject(">"), metas = fmt::format("$O.{}.M.>", options_.bucket);
  const char* subjects[] = {chunks.c_str(), metas.c_str()};
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  config.Name = stream_.c_str();
  config.Description = "HarmonyLite's snapshots";
  config.Subjects = subjects;
  config.SubjectsLen = 2;
  config.Discard = js_DiscardNew;
  config.Storage = js_FileStorage;
  config.Replicas = options_.replicas;
  config.AllowRollup = true;
  config.AllowDirect = true;
  jsOptions options = ApiOptions(options_.api_timeout);
  jsErrCode code{};
  const natsStatus status = js_AddStream(nullptr, session.js(), &config, &options, &code);
  if (status == NATS_OK) return Ok();
  Error error = ApiError(status, code, fmt::format("making the bucket {}", options_.bucket));
  // Another node may have made the bucket at the same time.
  if (GetStreamInfo(session, stream_, options_.api_timeout.count()).ok()) return Ok();
  return error;
}

Result<ObjectMeta> JetStreamObjectStore::LoadMeta(const Session& session,
                                                  const std::string& subject) {
  HL_ASSIGN(const LastMessage last,
            AskForLast(session, stream_, subject, options_.api_timeout.count()));
  if (last.status == NATS_NOT_FOUND && last.code == 0)
    return MakeError(ErrorCode::kNotFound, "no such object");
  if (last.status != NATS_OK) return ApiError(last.status, last.code, "asking for an object");
  natsMsg* raw = last.message.get();
  HL_ASSIGN(ObjectMeta meta, DecodeObjectMeta({natsMsg_GetData(raw),
                                               static_cast<size_t>(natsMsg_GetDataLength(raw))}));
  if (meta.deleted) return MakeError(ErrorCode::kNotFound, "no such object");
  return meta;
}

Result<std::vector<ObjectMeta>> JetStreamObjectStore::LoadMetas(const Session& session) {
  std::vector<ObjectMeta> out;
  auto info = GetStreamInfo(session, stream_, options_.api_timeout.count(),
                            fmt::format("$O.{}.M.>", options_.bucket));
  if (!info.ok() && info.error().code() == ErrorCode::kNotFound) return out;
  if (!info.ok()) return std::move(info).error();
  const jsStreamStateSubjects* subjects = (*info)->State.Subjects;
  for (int i = 0; subjects != nullptr && i < subjects->Count; ++i) {
    auto meta = LoadMeta(session, subjects->List[i].Subject);
    if (meta.ok()) {
      out.push_back(std::move(meta).value());
    } else if (meta.error().code() == ErrorCode::kRetryLater ||
               meta.error().code() == ErrorCode::kInvalidArgument) {
      return std::move(meta).error();
      // Otherwise the object was deleted meanwhile, or no client can read it.
    }
  }
  return out;
}

Status JetStreamObjectStore::StoreMeta(const Session& session, const ObjectMeta& meta) {
  const std::string text = EncodeObjectMeta(meta, kChunkBytes);
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, MetaSubject(meta.name).c_str(), nullptr, text.data(),
                                     static_cast<int>(text.size()));
  const MsgPtr message(raw);
  if (status == NATS_OK) status = natsMsgHeader_Set(raw, "Nats-Rollup", "sub");
  if (status != NATS_OK) return LibraryError(status, "describing an object");
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MaxWait = options_.api_timeout.count();
  jsPubAck* ack = nullptr;
  jsErrCode code{};
  status = js_PublishMsg(&ack, session.js(), raw, &options, &code);
  const PubAckPtr ack_owner(ack);
  if (status == NATS_OK) return Ok();
  return ApiError(status, code, "describing an object");
}

Status JetStreamObjectStore::Put(const std::string& name, const Spool& content,
                                 ports::Transfer* transfer) {
  ports::SpoolSource source(&content);
  return PutFrom(name, &source, transfer);
}

Status JetStreamObjectStore::PutFrom(const std::string& name, ports::ObjectSource* source,
                                     ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  return Retry("put " + name + " into", transfer, [&] { return PutOnce(name, source, transfer); });
}

// Sends the chunks, then stores the description, then purges the chunks of the object that was
// replaced. Until the description is stored, readers see the former object; after that they see the
// new one, and never a part of it.
Status JetStreamObjectStore::PutOnce(const std::string& name, ports::ObjectSource* source,
                                     ports::Transfer* transfer) {
  HL_ASSIGN(const auto session, Connect());
  HL_TRY(EnsureBucket(*session));
  const auto before = LoadMeta(*session, MetaSubject(name));
  if (!before.ok() && before.error().code() != ErrorCode::kNotFound &&
      before.error().code() != ErrorCode::kCorruption)
    return before.error().Copy();

  ObjectMeta meta;
  meta.name = name;
  meta.bucket = options_.bucket;
  meta.nuid = NewNuid();
  if (Status sent = SendChunks(session, source, transfer, &meta); !sent.ok()) {
    if (Status purged = Purge(*session, ChunkSubject(meta.nuid)); !purged.ok())
      return MakeError(sent.error().code(), "{} (its parts stay for an hour or more: {})",
                       sent.error().message(), purged.error().message());
    return sent;
  }
  if (Status stored = StoreMeta(*session, meta); !stored.ok()) {
    // The description may have been stored although the call failed; then its chunks must stay.
    const auto now = LoadMeta(*session, MetaSubject(name));
    if (!now.ok() || now->nuid != meta.nuid) return stored;
  }
  // The new object is complete. Chunks of the old one that cannot be purged now are orphans, which
  // a later Put removes.
  if (before.ok() && Purge(*session, ChunkSubject(before->nuid)).ok()) PurgeOrphans(*session);
  if (!before.ok()) PurgeOrphans(*session);
  return Ok();
}

Status JetStreamObjectStore::SendChunks(const std::shared_ptr<Session>& session,
                                        ports::ObjectSource* source, ports::Transfer* transfer,
                                        ObjectMeta* meta) {
  PublishPipeline::Options options;
  options.stream = stream_;
  HL_ASSIGN(const auto pipeline, PublishPipeline::Open(session, options));
  HL_TRY(source->Begin());
  ChunkCutter cutter(source, ChunkBytes(*session));
  const std::string subject = ChunkSubject(meta->nuid);
  Sha256Sum sum;
  while (true) {
    HL_ASSIGN(const std::string_view chunk, cutter.Next());
    if (chunk.empty()) break;
    if (!source->sums()) sum.Add(chunk);
    HL_TRY(pipeline->Publish(subject, chunk, transfer));
    meta->size += chunk.size();
    ++meta->chunks;
    const uint64_t pending = static_cast<uint64_t>(pipeline->pending()) * cutter.chunk_bytes();
    if (transfer != nullptr) transfer->bytes = meta->size - std::min(meta->size, pending);
  }
  HL_TRY(pipeline->Drain(transfer));
  HL_TRY(ports::CheckCancelled(transfer));
  if (transfer != nullptr) transfer->bytes = meta->size;
  meta->digest = DigestText(source->sums() ? source->Sha256() : sum.Finish());
  return Ok();
}

Status JetStreamObjectStore::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  ports::SpoolSink sink(out);
  return GetInto(name, &sink, transfer);
}

Status JetStreamObjectStore::GetInto(const std::string& name, ports::ObjectSink* sink,
                                     ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  return Retry("get " + name + " from", transfer, [&] { return GetOnce(name, sink, transfer); });
}

Status JetStreamObjectStore::GetOnce(const std::string& name, ports::ObjectSink* sink,
                                     ports::Transfer* transfer) {
  HL_TRY(sink->Begin());
  HL_ASSIGN(const auto session, Connect());
  HL_ASSIGN(const ObjectMeta meta, LoadMeta(*session, MetaSubject(name)));
  if (meta.name != name)
    return MakeError(ErrorCode::kCorruption, "what is stored under its name describes another one");
  if (meta.chunks == 0 && meta.size == 0) return Ok();
  HL_TRY(CheckStillThere(*session, meta));
  IncomingObject object(&meta, sink, transfer);
  if (meta.chunks == 1)
    HL_TRY(ReceiveOne(*session, meta, &object));
  else
    HL_TRY(ReceiveChunks(session, meta, &object, transfer));
  return object.Finish();
}

Status JetStreamObjectStore::ReceiveOne(const Session& session, const ObjectMeta& meta,
                                        IncomingObject* object) {
  HL_ASSIGN(const LastMessage last,
            AskForLast(session, stream_, ChunkSubject(meta.nuid), options_.api_timeout.count()));
  if (last.status != NATS_OK) {
    HL_TRY(CheckStillThere(session, meta));
    return LibraryError(last.status, "asking for its only part");
  }
  return object->Take({natsMsg_GetData(last.message.get()),
                       static_cast<size_t>(natsMsg_GetDataLength(last.message.get()))});
}

Status JetStreamObjectStore::ReceiveChunks(const std::shared_ptr<Session>& session,
                                           const ObjectMeta& meta, IncomingObject* object,
                                           ports::Transfer* transfer) {
  PushConsumer::Options options;
  options.stream = stream_;
  options.filter = ChunkSubject(meta.nuid);
  options.wait_ms = options_.api_timeout.count();
  HL_ASSIGN(const auto consumer, PushConsumer::Open(session, options));
  auto moved = Clock::now();
  while (object->chunks() < meta.chunks) {
    HL_TRY(ports::CheckCancelled(transfer));
    HL_ASSIGN(const PushedMessage pushed, consumer->Next(kIdle));
    if (pushed.message) {
      HL_TRY(object->Take({natsMsg_GetData(pushed.message.get()),
                           static_cast<size_t>(natsMsg_GetDataLength(pushed.message.get()))}));
      moved = Clock::now();
      continue;
    }
    HL_TRY(CheckStillThere(*session, meta));
    if (Clock::now() - moved >= options_.silence)
      return MakeError(
          ErrorCode::kRetryLater,
          "{} of its {} parts came and nothing more, though the stream's leader has all "
          "of them: a replica of stream {} lacks some; compare its replicas ('nats stream "
          "info {}'), and restart or remove the nats-server whose replica differs",
          object->chunks(), meta.chunks, stream_, stream_);
  }
  return Ok();
}

Status JetStreamObjectStore::CheckStillThere(const Session& session, const ObjectMeta& meta) {
  HL_ASSIGN(const uint64_t count, CountChunks(session, meta.nuid));
  if (count == meta.chunks) return Ok();
  const auto now = LoadMeta(session, MetaSubject(meta.name));
  if (!now.ok() && now.error().code() != ErrorCode::kNotFound) return now.error().Copy();
  if (!now.ok() || now->nuid != meta.nuid)
    return MakeError(ErrorCode::kRetryLater, "it was replaced or deleted while it was read");
  return MakeError(ErrorCode::kCorruption, "the store holds {} of its {} parts", count,
                   meta.chunks);
}

Result<uint64_t> JetStreamObjectStore::CountChunks(const Session& session,
                                                   const std::string& nuid) {
  HL_ASSIGN(const auto info,
            GetStreamInfo(session, stream_, options_.api_timeout.count(), ChunkSubject(nuid)));
  const jsStreamStateSubjects* subjects = info->State.Subjects;
  return subjects != nullptr && subjects->Count > 0 ? subjects->List[0].Msgs : uint64_t{0};
}

Result<std::vector<ports::ObjectInfo>> JetStreamObjectStore::List(const std::string& prefix) {
  std::vector<ports::ObjectInfo> out;
  HL_TRY(Retry("list", nullptr, [&]() -> Status {
    out.clear();
    HL_ASSIGN(const auto session, Connect());
    HL_ASSIGN(const auto metas, LoadMetas(*session));
    for (const ObjectMeta& meta : metas) {
      if (meta.name.starts_with(prefix) && ports::IsObjectName(meta.name))
        out.push_back({meta.name, meta.size});
    }
    return Ok();
  }));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Status JetStreamObjectStore::Delete(const std::string& name) {
  HL_TRY(ports::CheckObjectName(name));
  return Retry("delete " + name + " in", nullptr, [&]() -> Status {
    HL_ASSIGN(const auto session, Connect());
    const auto meta = LoadMeta(*session, MetaSubject(name));
    if (!meta.ok() && meta.error().code() == ErrorCode::kNotFound) return Ok();
    if (!meta.ok() && meta.error().code() != ErrorCode::kCorruption) return meta.error().Copy();
    HL_TRY(Purge(*session, MetaSubject(name)));
    return meta.ok() ? Purge(*session, ChunkSubject(meta->nuid)) : Ok();
  });
}

Status JetStreamObjectStore::Purge(const Session& session, const std::string& subject) {
  jsOptions options = ApiOptions(options_.api_timeout);
  options.Stream.Purge.Subject = subject.c_str();
  jsErrCode code{};
  const natsStatus status = js_PurgeStream(session.js(), stream_.c_str(), &options, &code);
  if (status == NATS_OK || code == JSStreamNotFoundErr) return Ok();
  return ApiError(status, code, "removing what is no longer needed");
}

void JetStreamObjectStore::PurgeOrphans(const Session& session) {
  // The chunks are listed before the descriptions, so that an object that is put meanwhile is not
  // among the chunks and cannot be taken for an orphan.
  const auto chunks =
      GetStreamInfo(session, stream_, options_.api_timeout.count(), ChunkSubject(">"));
  if (!chunks.ok()) return;
  const auto metas = LoadMetas(session);
  if (!metas.ok()) return;
  std::set<std::string> used;
  for (const ObjectMeta& meta : *metas) used.insert(ChunkSubject(meta.nuid));
  const jsStreamState& state = (*chunks)->State;
  for (int i = 0; state.Subjects != nullptr && i < state.Subjects->Count; ++i) {
    const char* subject = state.Subjects->List[i].Subject;
    if (used.count(subject) != 0) continue;
    const auto last = AskForLast(session, stream_, subject, options_.api_timeout.count());
    if (!last.ok() || last->status != NATS_OK) continue;
    if (state.LastTime - natsMsg_GetTime(last->message.get()) < kOrphanAgeNs) continue;
    if (!Purge(session, subject).ok()) return;
  }
}

}  // namespace harmonylite::nats
