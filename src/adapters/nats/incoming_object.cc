#include "adapters/nats/incoming_object.h"

namespace harmonylite::nats {

IncomingObject::IncomingObject(const ObjectMeta* meta, ports::ObjectSink* sink,
                               ports::Transfer* transfer)
    : meta_(meta), sink_(sink), transfer_(transfer) {}

Status IncomingObject::Take(std::string_view chunk) {
  if (!sink_->sums()) sum_.Add(chunk);
  HL_TRY(sink_->Append(chunk));
  ++chunks_;
  size_ += chunk.size();
  if (transfer_ != nullptr) transfer_->bytes = size_;
  return Ok();
}

Status IncomingObject::Finish() {
  if (size_ != meta_->size)
    return MakeError(ErrorCode::kCorruption, "it has {} bytes and should have {}", size_,
                     meta_->size);
  if (sink_->sums()) return Ok();
  if (!meta_->digest.empty() &&
      meta_->digest.substr(meta_->digest.find('=') + 1) != Base64Url(sum_.Finish()))
    return MakeError(ErrorCode::kCorruption, "its bytes are not those that were stored (SHA-256)");
  return Ok();
}

}  // namespace harmonylite::nats
