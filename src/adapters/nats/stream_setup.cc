#include "adapters/nats/stream_setup.h"

#include <vector>

namespace harmonylite::nats {

namespace {

constexpr int64_t kDuplicatesWindowNs = 120'000'000'000;

struct Difference {
  std::string text;     // "max_msgs is 10 and should be 20"
  bool fixable = true;  // whether an update of the stream can remove it
};

jsOptions ApiOptions(const StreamSetup& setup) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = setup.wait_ms;
  return options;
}

Status CreateStream(const Session& session, const StreamSetup& setup) {
  jsStreamConfig config;
  jsStreamConfig_Init(&config);
  const char* subjects[] = {setup.subject.c_str()};
  config.Name = setup.name.c_str();
  config.Description = "HarmonyLite's replication log";
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.Retention = js_LimitsPolicy;
  config.Discard = js_DiscardOld;
  config.Storage = js_FileStorage;
  config.MaxMsgs = setup.max_entries;
  config.Replicas = setup.replicas;
  config.Duplicates = kDuplicatesWindowNs;
  config.AllowDirect = true;
  jsOptions options = ApiOptions(setup);
  jsErrCode code{};
  const natsStatus status = js_AddStream(nullptr, session.js(), &config, &options, &code);
  // If the name exists, another node was faster; the caller examines the stream that it made.
  if (status == NATS_OK || code == JSStreamNameExistErr) return Ok();
  // The server checks the name and the subjects under two locks. If another node makes the stream
  // between the two checks, the server reports an overlap of subjects, with the very stream that
  // was to be made.
  if (code == JSStreamSubjectOverlapErr && GetStreamInfo(session, setup.name, setup.wait_ms).ok())
    return Ok();
  if (code == JSStreamSubjectOverlapErr)
    return MakeError(ErrorCode::kInvalidArgument,
                     "another stream already takes the subjects {}: choose another subject_prefix, "
                     "or remove that stream",
                     setup.subject);
  return ApiError(status, code, fmt::format("making stream {}", setup.name));
}

std::vector<Difference> Compare(const jsStreamConfig& is, const StreamSetup& setup) {
  std::vector<Difference> out;
  const auto number = [&](const char* name, int64_t has, int64_t wants) {
    if (has != wants) out.push_back({fmt::format("{} is {} and should be {}", name, has, wants)});
  };
  if (is.SubjectsLen != 1 || setup.subject != is.Subjects[0])
    out.push_back({fmt::format("its subjects are not just {}", setup.subject)});
  number("max_entries (max_msgs)", is.MaxMsgs, setup.max_entries);
  number("replicas", is.Replicas, setup.replicas);
  if (is.MaxAge != 0) out.push_back({"it drops records by age (max_age)"});
  if (is.MaxBytes > 0) out.push_back({"it drops records by size (max_bytes)"});
  if (is.MaxMsgsPerSubject > 0)
    out.push_back({"it drops records per subject (max_msgs_per_subject)"});
  if (is.MaxMsgSize > 0) out.push_back({"it limits a record's size (max_msg_size)"});
  if (is.Discard != js_DiscardOld) out.push_back({"it refuses new records when full (discard)"});
  if (is.Retention != js_LimitsPolicy)
    out.push_back({"its retention is not by limits", /*fixable=*/false});
  if (is.Storage != js_FileStorage)
    out.push_back({"its storage is not in files", /*fixable=*/false});
  if (is.NoAck) out.push_back({"it does not acknowledge", /*fixable=*/false});
  if (is.Sealed) out.push_back({"it is sealed", /*fixable=*/false});
  if (is.Mirror != nullptr || is.SourcesLen != 0)
    out.push_back({"it copies from other streams", /*fixable=*/false});
  return out;
}

Error DiffersError(const StreamSetup& setup, const std::vector<Difference>& differences) {
  std::string text;
  bool fixable = true;
  for (const Difference& difference : differences) {
    text += (text.empty() ? "" : "; ") + difference.text;
    fixable = fixable && difference.fixable;
  }
  return MakeError(ErrorCode::kInvalidArgument, "stream {} is configured otherwise: {}. {}",
                   setup.name, text,
                   fixable ? "Set update_existing = true in [replication_log] to change the "
                             "stream, or correct the settings here"
                           : "This cannot be changed on a stream: choose another stream_prefix, or "
                             "delete the stream (its records are made again from the databases)");
}

Status UpdateStream(const Session& session, const StreamSetup& setup, jsStreamConfig config) {
  const char* subjects[] = {setup.subject.c_str()};
  config.Subjects = subjects;
  config.SubjectsLen = 1;
  config.MaxMsgs = setup.max_entries;
  config.Replicas = setup.replicas;
  config.MaxAge = 0;
  config.MaxBytes = -1;
  config.MaxMsgsPerSubject = -1;
  config.MaxMsgSize = -1;
  config.Discard = js_DiscardOld;
  jsOptions options = ApiOptions(setup);
  jsErrCode code{};
  const natsStatus status = js_UpdateStream(nullptr, session.js(), &config, &options, &code);
  if (status == NATS_OK) return Ok();
  return ApiError(status, code, fmt::format("changing stream {}", setup.name));
}

}  // namespace

Status EnsureStream(const Session& session, const StreamSetup& setup) {
  auto info = GetStreamInfo(session, setup.name, setup.wait_ms);
  if (!info.ok()) {
    if (info.error().code() != ErrorCode::kNotFound) return std::move(info).error();
    HL_TRY(CreateStream(session, setup));
    info = GetStreamInfo(session, setup.name, setup.wait_ms);
    if (!info.ok()) return MakeError(ErrorCode::kRetryLater, "{}", info.error().message());
  }
  const jsStreamConfig& config = *(*info)->Config;
  const std::vector<Difference> differences = Compare(config, setup);
  if (differences.empty()) return Ok();
  bool fixable = setup.update_existing;
  for (const Difference& difference : differences) fixable = fixable && difference.fixable;
  if (!fixable) return DiffersError(setup, differences);
  return UpdateStream(session, setup, config);
}

}  // namespace harmonylite::nats
