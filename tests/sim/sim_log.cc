#include "sim/sim_log.h"

#include <algorithm>

#include "change/codec.h"

namespace harmonylite::sim {

using ports::LogRecord;
using ports::LogSeq;
using ports::LogState;
using ports::PublishOutcome;
using ports::PublishReply;
using ports::PublishRequest;

namespace {

constexpr int64_t kDuplicateWindowMs = 120'000;

Error Disconnected() { return MakeError(ErrorCode::kRetryLater, "simulated: no connection"); }

}  // namespace

// --- The store ---

SimLog::SimLog(const World* world, Sometimes* sometimes, size_t max_payload)
    : world_(world),
      sometimes_(sometimes),
      max_payload_(max_payload),
      created_ns_(world->now_ms * 1'000'000) {
  Sync();
}

LogState SimLog::State() const {
  const uint64_t first = records_.empty() ? last_ + 1 : records_.front().seq.value;
  return {created_ns_, LogSeq(first), LogSeq(last_)};
}

std::optional<LogRecord> SimLog::LastOf(const Origin& subject) const {
  for (auto it = records_.rbegin(); it != records_.rend(); ++it)
    if (it->subject == subject) return *it;
  return std::nullopt;
}

const LogRecord* SimLog::At(LogSeq seq) const {
  const LogState state = State();
  if (seq < state.first || state.last < seq) return nullptr;
  return &records_[seq.value - state.first.value];
}

Lseq SimLog::HeldTo(const Origin& sender) const {
  const auto it = held_to_.find(sender);
  return it == held_to_.end() ? Lseq(0) : it->second;
}

PublishReply SimLog::Append(const PublishRequest& request) {
  const auto known = ids_.find(request.message_id);
  if (known != ids_.end() && world_->now_ms - known->second.at_ms < kDuplicateWindowMs) {
    sometimes_->Note("log: duplicate recognised");
    return {PublishOutcome::kStored, known->second.seq, {}};
  }
  const auto last = LastOf(request.subject);
  if ((last ? last->seq : LogSeq(0)) != request.expected_last) {
    sometimes_->Note("log: out of sequence");
    return {PublishOutcome::kOutOfSequence, {}, {}};
  }
  const LogSeq seq(++last_);
  records_.push_back({seq, request.subject, std::string(request.payload)});
  ids_[request.message_id] = {seq, world_->now_ms};
  if (const auto frame = change::DecodeFrame(request.payload); frame.ok()) {
    if (frame->header.index + 1 == frame->header.count) {
      if (frame->header.count > 1) sometimes_->Note("batch of several frames");
      Lseq& to = held_to_[frame->header.sender];
      to = std::max(to, frame->header.to);
    }
  }
  return {PublishOutcome::kStored, seq, {}};
}

void SimLog::Trim(size_t keep) {
  if (records_.size() <= keep) return;
  while (records_.size() > keep) records_.pop_front();
  sometimes_->Note("log: trimmed");
}

void SimLog::Wipe() {
  records_.clear();
  ids_.clear();
  copy_.reset();
  last_ = 0;
  created_ns_ = std::max(created_ns_ + 1, world_->now_ms * 1'000'000);
  DropReaders();
  Sync();
  sometimes_->Note("log: wiped");
}

SimLog::Content SimLog::Take() const { return {created_ns_, last_, records_, ids_}; }

void SimLog::Put(const Content& content) {
  created_ns_ = content.created_ns;
  last_ = content.last;
  records_ = content.records;
  ids_ = content.ids;
  DropReaders();
}

void SimLog::Remember() { copy_ = Take(); }

bool SimLog::PutBack() {
  if (!copy_) return false;
  if (copy_->last < last_) sometimes_->Note("log: older copy put back");
  Put(*copy_);
  Sync();
  return true;
}

void SimLog::Sync() { synced_ = Take(); }

void SimLog::LosePower() {
  if (synced_.last < last_) sometimes_->Note("log: lost what was not synced");
  Put(synced_);
}

void SimLog::StoreTwice(Random* random) {
  if (records_.empty()) return;
  const Origin subject = records_[random->Below(static_cast<int64_t>(records_.size()))].subject;
  LogRecord again = *LastOf(subject);
  again.seq = LogSeq(++last_);
  records_.push_back(std::move(again));
  sometimes_->Note("log: record stored twice");
}

bool SimLog::Damage(Random* random) {
  if (records_.empty()) return false;
  std::string& payload = records_[random->Below(static_cast<int64_t>(records_.size()))].payload;
  const int64_t how = random->Below(3);
  if (how == 0 && !payload.empty())
    payload[random->Below(static_cast<int64_t>(payload.size()))] ^=
        static_cast<char>(random->Between(1, 255));
  else if (how == 1)
    payload.resize(random->Below(static_cast<int64_t>(payload.size()) + 1));
  else
    payload = "not a frame at all";
  sometimes_->Note("log: record damaged");
  return true;
}

// --- A node's client ---

class ClientReader final : public ports::LogReader {
 public:
  ClientReader(LogClient* client, LogSeq from)
      : client_(client), generation_(client->store_->generation()), next_(from) {}

  Status Read(size_t max_records, std::chrono::milliseconds, std::vector<LogRecord>* out) override {
    SimLog* store = client_->store_;
    if (!client_->connected || generation_ != store->generation()) return Disconnected();
    if (client_->random_->Chance(client_->faults.lost_reader)) {
      client_->sometimes_->Note("reader lost");
      return MakeError(ErrorCode::kRetryLater, "simulated: the consumer is gone");
    }
    if (next_ < store->State().first) {
      client_->sometimes_->Note("log gap");
      return MakeError(ErrorCode::kLogGap, "simulated: record {} is gone", next_.value);
    }
    const size_t most = std::min<size_t>(max_records, client_->random_->Between(1, 8));
    for (size_t i = 0; i < most; ++i) {
      const LogRecord* record = store->At(next_);
      if (record == nullptr) break;
      out->push_back(*record);
      next_ = LogSeq(next_.value + 1);
    }
    return Ok();
  }

 private:
  LogClient* client_;
  const uint64_t generation_;
  LogSeq next_;
};

Status LogClient::EnsureReady() {
  if (!connected || random_->Chance(faults.not_ready)) return Disconnected();
  return Ok();
}

Result<LogState> LogClient::State() {
  if (!connected) return Disconnected();
  return store_->State();
}

Result<LogRecord> LogClient::LastOf(const Origin& subject) {
  if (!connected) return Disconnected();
  auto last = store_->LastOf(subject);
  if (!last) return MakeError(ErrorCode::kNotFound, "simulated: no record");
  return std::move(*last);
}

PublishReply LogClient::Publish(const PublishRequest& request) {
  if (request.payload.size() > store_->max_payload())
    return {PublishOutcome::kRefused, {}, "simulated: larger than max_payload"};
  if (!connected) return {PublishOutcome::kUnknown, {}, "simulated: no connection"};
  if (random_->Chance(faults.lost_publish)) {
    sometimes_->Note("publish lost");
    return {PublishOutcome::kUnknown, {}, "simulated: no answer"};
  }
  PublishReply reply = store_->Append(request);
  if (random_->Chance(faults.lost_ack)) {
    sometimes_->Note("ack lost");
    return {PublishOutcome::kUnknown, {}, "simulated: no answer"};
  }
  return reply;
}

Result<std::unique_ptr<ports::LogReader>> LogClient::OpenReader(LogSeq from) {
  if (!connected) return Disconnected();
  return std::unique_ptr<ports::LogReader>(new ClientReader(this, from));
}

}  // namespace harmonylite::sim
