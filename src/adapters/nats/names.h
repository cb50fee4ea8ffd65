// Names on the shared NATS: derived from the operator's prefixes and the wire format's number, so
// that clusters, shards and formats never read each other's records.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace harmonylite::nats {

// "<prefix>-v<format>-<shard>"
std::string StreamName(const std::string& stream_prefix, int format, int shard);
// "<prefix>-v<format>-meta"
std::string BucketName(const std::string& stream_prefix, int format);
// "<prefix>.v<format>.<shard>"; records are on "<this>.<node>.<incarnation>".
std::string SubjectRoot(const std::string& subject_prefix, int format, int shard);
// The origin in a record's subject; nothing when it is not one of ours.
std::optional<Origin> OriginOfSubject(std::string_view subject, std::string_view root);

// kInvalidArgument: NATS would not take it. Letters, digits, '-' and '_' only.
Status CheckStreamPrefix(std::string_view prefix);
// Tokens with dots between them; no spaces, wildcards, control characters; not '$…'.
Status CheckSubjectPrefix(std::string_view prefix);
// Letters, digits, '.', '-', '_', '='; no dot at either end, no two in a row.
Status CheckKey(std::string_view key);

}  // namespace harmonylite::nats
