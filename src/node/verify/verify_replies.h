// Where requests and answers about rows lie in the registry, and how the answers to one request are
// put together from their pieces (docs/formats/verify.md).
//
// Threads: pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/verify/verify_wire.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

// Prefix of all keys in the registry that belong to comparing rows.
inline constexpr const char* kVerifyPrefix = "verify.";
// Key whose value is the node id whose rows from before HarmonyLite are the cluster's.
inline constexpr const char* kSeedKey = "verify.seed";

std::string VerifyRequestKey(const std::string& id);
// Key of the marker that a node is working on its answer.
std::string VerifyWorkingKey(const std::string& id, NodeId node);
std::string VerifyAnswerKey(const std::string& id, NodeId node, size_t piece);

// The replies to one request: the complete answers, and the nodes that are working on theirs.
struct VerifyReplies {
  std::map<NodeId, VerifyAnswer> answers;
  std::vector<NodeId> working;
};
// Finds the replies to `request` among the entries below kVerifyPrefix.
VerifyReplies CollectReplies(const std::map<std::string, ports::MetaEntry>& entries,
                             const VerifyRequest& request);

}  // namespace harmonylite::node
