// Names of our streams, buckets and subjects on the shared NATS. They are derived from the
// operator's prefixes and the number of the wire format, so that clusters, shards and formats never
// read each other's records.
//
// Threads: any; pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace harmonylite::nats {

// Returns "<prefix>-v<format>-<shard>".
std::string StreamName(const std::string& stream_prefix, int format, int shard);
// Returns "<prefix>-v<format>-meta".
std::string BucketName(const std::string& stream_prefix, int format);
// Returns "<prefix>.v<format>.<shard>"; records are on "<root>.<node>.<incarnation>".
std::string SubjectRoot(const std::string& subject_prefix, int format, int shard);
// Returns the origin in a record's subject, or nothing if the subject is not one of ours.
std::optional<Origin> OriginOfSubject(std::string_view subject, std::string_view root);

// A stream prefix consists of letters, digits, '-' and '_'. kInvalidArgument: NATS would not accept
// it.
Status CheckStreamPrefix(std::string_view prefix);
// A subject prefix consists of tokens with dots between them, without spaces, wildcards or control
// characters, and does not start with '$'. kInvalidArgument: NATS would not accept it.
Status CheckSubjectPrefix(std::string_view prefix);
// A key consists of letters, digits, '.', '-', '_' and '='. A dot may not stand at either end or
// beside another one. kInvalidArgument: NATS would not accept it.
Status CheckKey(std::string_view key);

}  // namespace harmonylite::nats
