#include "node/verify/verifier.h"

#include <algorithm>

#include "node/verify/compare_rows.h"

namespace harmonylite::node {

namespace {

constexpr int64_t kLookMs = 200;
constexpr int64_t kHotLookMs = 50;
constexpr int64_t kHotMs = 5'000;
// Rows that one step looks at: a few milliseconds of work.
constexpr int64_t kRowsInStep = 4'096;
// A request that is older than this is deleted: nobody waits for its answers any more.
constexpr int64_t kForgetMs = 600'000;
// How long this node waits for answers to its background check.
constexpr int64_t kCheckMs = 30'000;
// Ids of background checks begin with this letter, those of other requests with other letters.
constexpr char kCheckLetter = 'b';

VerifyRequest CheckRequest(std::string id = {}) {
  return {.id = std::move(id), .what = VerifyQuestion{.kind = QuestionKind::kDigest}};
}

}  // namespace

Verifier::Verifier(const Dependencies& dependencies)
    : d_(dependencies), random_(dependencies.seed) {
  next_check_ms_ = d_.clock->MonotonicMs() + d_.options->verify_interval_ms;
}

StepResult Verifier::Fail(const Error& error, int64_t now) {
  next_look_ms_ = now + kLookMs;
  if (error.message() != said_) {
    said_ = error.message();
    d_.logger->Debug("comparing rows waits: {}", said_);
  }
  return StepResult::Blocked(said_);
}

StepResult Verifier::Step() {
  const int64_t now = d_.clock->MonotonicMs();
  if (current_) {
    auto worked = Work();
    if (worked.ok()) return *worked;
    if (!current_) return Fail(worked.error(), now);  // the answer could not be written
    Status told =
        PutAnswer({.origin = d_.shared->self(), .body = VerifyFailure{worked.error().message()}});
    return told.ok() ? StepResult::Progress() : Fail(told.error(), now);
  }
  if (now < next_look_ms_) return StepResult::Idle();
  next_look_ms_ = now + (now < hot_until_ms_ ? kHotLookMs : kLookMs);
  return Look(now);
}

std::chrono::milliseconds Verifier::until_next_look() const {
  if (current_) return std::chrono::milliseconds(kHotLookMs);
  return std::chrono::milliseconds(
      std::clamp<int64_t>(next_look_ms_ - d_.clock->MonotonicMs(), 1, kLookMs));
}

StepResult Verifier::Look(int64_t now) {
  auto entries = d_.store->Recent(kVerifyPrefix);
  if (!entries.ok()) return Fail(entries.error(), now);
  said_.clear();
  Forget(*entries, now);
  // The key tells a node that comes with rows of its own that there is a cluster to compare them
  // with.
  if (d_.shared->rows().joined() && !entries->contains(kSeedKey)) {
    auto put =
        d_.store->CompareAndSet(kSeedKey, fmt::format("{}", d_.shared->self().node.value), 0);
    if (!put.ok() && put.error().code() != ErrorCode::kConflict) return Fail(put.error(), now);
  }
  Evaluate(*entries);
  const std::string prefix = VerifyRequestKey("");
  for (const auto& [key, entry] : *entries) {
    if (!key.starts_with(prefix)) continue;
    const std::string id = key.substr(prefix.size());
    Seen& seen = seen_[id];
    if (seen.since_ms == 0) seen.since_ms = std::max<int64_t>(now, 1);
    if (seen.answered) continue;
    seen.answered = true;
    auto request = DecodeVerifyRequest(id, entry.value);
    if (!request.ok() || (request->to && *request->to != d_.shared->self().node)) continue;
    hot_until_ms_ = now + kHotMs;
    if (Status started = Start(*request); !started.ok()) {
      seen.answered = false;
      return Fail(started.error(), now);
    }
    return StepResult::Progress();
  }
  if (Status checked = StartCheck(now); !checked.ok()) return Fail(checked.error(), now);
  return StepResult::Idle();
}

// Deletes this node's answers to questions that are gone, and questions that have expired. A
// deletion that fails is tried again at the next look.
void Verifier::Forget(const Entries& entries, int64_t now) {
  for (auto it = seen_.begin(); it != seen_.end();) {
    const bool gone = !entries.contains(VerifyRequestKey(it->first));
    const bool old = now - it->second.since_ms > kForgetMs ||
                     (it->first == own_check_ && now > own_check_until_ms_);
    bool kept = false;
    if (gone)
      for (const std::string& key : it->second.keys) kept = !d_.store->Delete(key).ok() || kept;
    else if (old)
      kept = !d_.store->Delete(VerifyRequestKey(it->first)).ok();
    it = gone && !kept ? seen_.erase(it) : std::next(it);
  }
}

Status Verifier::Start(const VerifyRequest& request) {
  const std::string working = VerifyWorkingKey(request.id, d_.shared->self().node);
  HL_ASSIGN(const uint64_t revision, d_.store->Put(working, ""));
  (void)revision;
  seen_[request.id].keys.push_back(working);
  current_ = request;
  ordered_ = false;
  digest_.reset();
  return Ok();
}

// Finds the rows of an order that still have the versions it names. The publisher sends rows again,
// and the order is answered at once; everything else is written by the consumer, and answered in
// Work().
Status Verifier::StartOrder(const VerifyOrder& named) {
  HL_ASSIGN(NamedRows rows, FindRows(d_.db, *d_.options, named.table, named.rows));
  RowOrder order{named.kind, rows.table, std::move(rows.keys), std::move(rows.marks)};
  if (named.kind == OrderKind::kResend) {
    const auto sent = static_cast<int64_t>(order.keys.size());
    d_.shared->rows().OrderResend(std::move(order));
    return PutAnswer({.origin = d_.shared->self(), .body = RowsTouched{sent}});
  }
  RowOrders orders;
  orders.orders.push_back(std::move(order));
  d_.shared->rows().Order(std::move(orders));
  ordered_ = true;
  return Ok();
}

Result<StepResult> Verifier::Work() {
  if (ordered_) {
    auto result = d_.shared->rows().TakeResult();
    if (!result) return StepResult::Blocked("the rows are being written");
    if (!result->ok()) return std::move(*result).error();
    // Who ordered may wait until it has what was journaled.
    HL_ASSIGN(const Digest now, Digest::Begin(d_.db, *d_.options, {}));
    VerifyAnswer answer = now.answer();
    answer.body = RowsTouched{**result};
    HL_TRY(PutAnswer(answer));
    return StepResult::Progress();
  }
  if (const auto* order = std::get_if<VerifyOrder>(&current_->what)) {
    if (!d_.options->publish)
      return MakeError(ErrorCode::kInvalidArgument, "it sends nothing (publish = false)");
    HL_TRY(StartOrder(*order));
    return StepResult::Progress();
  }
  if (!digest_) {
    HL_ASSIGN(Digest begun,
              Digest::Begin(d_.db, *d_.options, std::get<VerifyQuestion>(current_->what)));
    digest_.emplace(std::move(begun));
  }
  HL_ASSIGN(const bool done, digest_->Advance(kRowsInStep));
  if (!done) return StepResult::Progress();
  const VerifyAnswer answer = digest_->answer();
  digest_.reset();
  if (current_->id[0] == kCheckLetter && std::holds_alternative<TableDigests>(answer.body)) {
    check_ = current_->id;
    check_answer_ = answer;
    compared_ = 0;
    next_check_ms_ = d_.clock->MonotonicMs() + d_.options->verify_interval_ms;
    HL_ASSIGN(data_version_, d_.db->DataVersion());
    Conclude({});
  }
  HL_TRY(PutAnswer(answer));
  return StepResult::Progress();
}

Status Verifier::PutAnswer(const VerifyAnswer& answer) {
  const VerifyRequest request = *current_;
  current_.reset();
  digest_.reset();
  ordered_ = false;
  hot_until_ms_ = d_.clock->MonotonicMs() + kHotMs;
  const std::vector<std::string> pieces = EncodeVerifyAnswer(answer);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string key = VerifyAnswerKey(request.id, d_.shared->self().node, i);
    seen_[request.id].keys.push_back(key);
    HL_ASSIGN(const uint64_t revision, d_.store->Put(key, pieces[i]));
    (void)revision;
  }
  return Ok();
}

// --- The background check ---

// Asks all nodes, this one included, at the same time, because their progress is then likely to be
// equal. If nothing was committed since the last check, another one would find the same.
Status Verifier::StartCheck(int64_t now) {
  if (d_.options->verify_interval_ms <= 0 || now < next_check_ms_) return Ok();
  HL_ASSIGN(const int64_t version, d_.db->DataVersion());
  if (version == data_version_) return Ok();  // nothing was committed since the last check
  data_version_ = version;
  next_check_ms_ = now + d_.options->verify_interval_ms;
  own_check_ = fmt::format("{}{:016x}", kCheckLetter, random_());
  own_check_until_ms_ = now + kCheckMs;
  HL_ASSIGN(const uint64_t revision,
            d_.store->Put(VerifyRequestKey(own_check_), EncodeVerifyRequest(CheckRequest())));
  (void)revision;
  next_look_ms_ = now;
  return Ok();
}

// Compares this node's answer to the newest check with all answers of other nodes as soon as there
// are more of them than before.
void Verifier::Evaluate(const Entries& entries) {
  if (check_.empty()) return;
  const VerifyReplies replies = CollectReplies(entries, CheckRequest(check_));
  std::vector<const VerifyAnswer*> others;
  for (const auto& [node, answer] : replies.answers)
    if (node != check_answer_.origin.node && answer.failure() == nullptr) others.push_back(&answer);
  if (others.size() > compared_) {
    compared_ = others.size();
    Conclude(others);
  }
  if (!entries.contains(VerifyRequestKey(check_))) check_.clear();
}

// Publishes the results of the newest check so far as the current divergence, for health and
// metrics.
//
// Only an answer with equal progress and an equal schema says anything: rows may differ while a
// change is on its way. A check that meets no such answer neither confirms nor refutes what an
// earlier check found, so the earlier result stands, and the check is repeated even if nothing is
// committed.
void Verifier::Conclude(const std::vector<const VerifyAnswer*>& others) {
  Divergence found;
  const Divergence before = d_.shared->rows().divergence();
  std::set<std::string> tables;
  bool met = false;
  std::string who;
  for (const VerifyAnswer* other : others) {
    if (other->progress != check_answer_.progress || other->schema != check_answer_.schema)
      continue;
    met = true;
    const std::set<std::string> differ = DifferingTables(check_answer_, *other);
    if (!differ.empty())
      who += fmt::format("{}{}", who.empty() ? "" : ", ", other->origin.node.value);
    tables.insert(differ.begin(), differ.end());
  }
  // The next check is due even if nothing is committed until then.
  if (!met && (!others.empty() || before.tables > 0)) data_version_ = -1;
  for (const TableDigest& table : check_answer_.As<TableDigests>().tables)
    found.damaged_rows += table.damaged;
  found.tables = static_cast<int64_t>(tables.size());
  found.checked_wall_ms = d_.clock->WallMs();
  // Without an answer at equal progress the earlier result stands.
  if (!met) {
    found.tables = before.tables;
    found.tables_text = before.tables_text;
  }
  if (!tables.empty()) {
    std::string names;
    for (const std::string& table : tables) names += (names.empty() ? "" : ", ") + table;
    found.tables_text = fmt::format(
        "this node and node {} have the same changes but not the same rows in {}", who, names);
  }
  found.text = found.tables_text;
  if (tables.empty() && found.damaged_rows > 0)
    found.text = fmt::format("{} rows are not what they were written as", found.damaged_rows);
  if (!found.text.empty() && found.text != before.text)
    d_.logger->Error(
        "{}: run 'harmonylite verify -config …' to list them, or with --repair to repair them",
        found.text);
  if (found.text.empty() && !before.text.empty())
    d_.logger->Info("rows are equal again on the nodes that were compared");
  d_.shared->rows().SetDivergence(std::move(found));
}

}  // namespace harmonylite::node
