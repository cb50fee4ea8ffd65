#include "adapters/nats/kv_meta_store.h"

#include <optional>

#include "adapters/nats/bucket_mirror.h"
#include "adapters/nats/names.h"
#include "adapters/nats/session.h"

namespace harmonylite::nats {

struct KvMetaStore::Write {
  std::string_view value;
  std::optional<uint64_t> expected;  // revision that the key must have; 0: the key must not exist
  bool is_delete = false;
};

struct KvMetaStore::Stored {
  ports::MetaEntry entry;
  bool deleted = false;
};

KvMetaStore::KvMetaStore(std::shared_ptr<Connection> connection, KvMetaStoreOptions options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      bucket_(BucketName(options_.stream_prefix, options_.format)),
      stream_("KV_" + bucket_),
      subject_root_("$KV." + bucket_ + ".") {}

KvMetaStore::~KvMetaStore() = default;

Status KvMetaStore::EnsureBucket(Session& session) {
  HL_TRY(CheckStreamPrefix(options_.stream_prefix));
  const auto info = GetStreamInfo(session, stream_, options_.timeout.count());
  if (info.ok()) return Ok();
  if (info.error().code() != ErrorCode::kNotFound) return info.error().Copy();
  kvConfig config;
  kvConfig_Init(&config);
  config.Bucket = bucket_.c_str();
  config.Description = "HarmonyLite's registry";
  config.History = 1;
  config.StorageType = js_FileStorage;
  config.Replicas = options_.replicas;
  kvStore* store = nullptr;
  const natsStatus status = js_CreateKeyValue(&store, session.js(), &config);
  if (status == NATS_OK) {
    kvStore_Destroy(store);
    return Ok();
  }
  // Another node may have made the bucket at the same time.
  Error error = LibraryError(status, fmt::format("making bucket {}", bucket_));
  if (GetStreamInfo(session, stream_, options_.timeout.count()).ok()) return Ok();
  return error;
}

Result<uint64_t> KvMetaStore::Send(const std::string& key, const Write& write) {
  HL_TRY(CheckKey(key));
  HL_ASSIGN(const auto session, connection_->Acquire());
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, (subject_root_ + key).c_str(), nullptr,
                                     write.value.data(), static_cast<int>(write.value.size()));
  const MsgPtr message(raw);
  if (status == NATS_OK && write.is_delete) status = natsMsgHeader_Set(raw, "KV-Operation", "DEL");
  if (status != NATS_OK) return LibraryError(status, "writing " + key);
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MaxWait = options_.timeout.count();
  if (write.expected) {
    options.ExpectLastSubjectSeq = *write.expected;
    options.ExpectNoMessage = *write.expected == 0;
  }
  jsErrCode code{};
  for (int round = 0;; ++round) {
    jsPubAck* ack = nullptr;
    status = js_PublishMsg(&ack, session->js(), raw, &options, &code);
    const PubAckPtr ack_owner(ack);
    if (status == NATS_OK) return ack->Sequence;
    // No stream takes the subject, so the bucket is missing. If only its leader is missing,
    // EnsureBucket() changes nothing.
    if (status != NATS_NO_RESPONDERS || round > 0) break;
    HL_TRY(EnsureBucket(*session));
  }
  if (code == JSStreamWrongLastSequenceErr)
    return MakeError(ErrorCode::kConflict, "{} is at another revision", key);
  return ApiError(status, code, "writing " + key);
}

Result<uint64_t> KvMetaStore::Put(const std::string& key, std::string_view value) {
  return Send(key, {.value = value, .expected = std::nullopt});
}

Result<uint64_t> KvMetaStore::CompareAndSet(const std::string& key, std::string_view value,
                                            uint64_t revision) {
  auto sent = Send(key, {.value = value, .expected = revision});
  if (sent.ok() || revision != 0 || sent.error().code() != ErrorCode::kConflict) return sent;
  // A deleted key leaves a marker that has a revision of its own, so revision 0 does not match it.
  const auto now = Load(key);
  if (!now.ok() || !now->deleted) return sent;
  return Send(key, {.value = value, .expected = now->entry.revision});
}

Result<KvMetaStore::Stored> KvMetaStore::Load(const std::string& key) {
  HL_TRY(CheckKey(key));
  HL_ASSIGN(const auto session, connection_->Acquire());
  HL_ASSIGN(const LastMessage last,
            AskForLast(*session, stream_, subject_root_ + key, options_.timeout.count()));
  if (last.status != NATS_OK) return ApiError(last.status, last.code, "reading " + key);
  natsMsg* raw = last.message.get();
  Stored out;
  out.deleted = IsDeleteMarker(raw);
  out.entry.revision = natsMsg_GetSequence(raw);
  out.entry.value.assign(natsMsg_GetData(raw), static_cast<size_t>(natsMsg_GetDataLength(raw)));
  return out;
}

Result<ports::MetaEntry> KvMetaStore::Get(const std::string& key) {
  HL_ASSIGN(Stored stored, Load(key));
  if (stored.deleted) return MakeError(ErrorCode::kNotFound, "no entry {}", key);
  return std::move(stored.entry);
}

Status KvMetaStore::Delete(const std::string& key) {
  const auto sent = Send(key, {.value = {}, .expected = std::nullopt, .is_delete = true});
  if (!sent.ok()) return sent.error().Copy();
  return Ok();
}

Result<KvMetaStore::Entries> KvMetaStore::List(const std::string& prefix) {
  return FromMirror(prefix, &BucketMirror::Refresh);
}

Result<KvMetaStore::Entries> KvMetaStore::Recent(const std::string& prefix) {
  return FromMirror(prefix, &BucketMirror::Drain);
}

Result<KvMetaStore::Entries> KvMetaStore::FromMirror(
    const std::string& prefix, Status (BucketMirror::*update)(const std::shared_ptr<Session>&)) {
  HL_ASSIGN(const auto session, connection_->Acquire());
  const std::lock_guard lock(mirror_mutex_);
  if (!mirror_)
    mirror_ = std::make_unique<BucketMirror>(stream_, subject_root_, options_.timeout.count());
  Entries out;
  Status status = ((*mirror_).*update)(session);
  if (!status.ok() && status.error().code() == ErrorCode::kNotFound) {
    HL_TRY(EnsureBucket(*session));
    return out;
  }
  HL_TRY(std::move(status));
  const auto& entries = mirror_->entries();
  for (auto it = entries.lower_bound(prefix); it != entries.end() && it->first.starts_with(prefix);
       ++it)
    out.insert(*it);
  return out;
}

}  // namespace harmonylite::nats
