#include "node/verify/verify_replies.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/text_fields.h"

namespace harmonylite::node {

namespace {

// The parts of a key that belongs to a reply.
struct ReplyKey {
  std::string id;
  NodeId node;
  bool working = false;
  size_t piece = 0;
};

std::optional<ReplyKey> ParseReplyKey(std::string_view key) {
  if (NextField(&key, '.') != "verify" || NextField(&key, '.') != "answer") return std::nullopt;
  ReplyKey out;
  out.id = NextField(&key, '.');
  if (!Number(NextField(&key, '.'), &out.node.value)) return std::nullopt;
  out.working = key == "working";
  if (!out.working && !Number(key, &out.piece)) return std::nullopt;
  return out;
}

// True if `pieces` are all pieces of an answer: the last one ends with the line `end`.
bool IsWholeAnswer(const std::vector<std::string_view>& pieces) {
  return !pieces.empty() && pieces.back().ends_with("end\n");
}

}  // namespace

std::string VerifyRequestKey(const std::string& id) {
  return fmt::format("{}request.{}", kVerifyPrefix, id);
}
std::string VerifyWorkingKey(const std::string& id, NodeId node) {
  return fmt::format("{}answer.{}.{}.working", kVerifyPrefix, id, node.value);
}
std::string VerifyAnswerKey(const std::string& id, NodeId node, size_t piece) {
  return fmt::format("{}answer.{}.{}.{}", kVerifyPrefix, id, node.value, piece);
}

VerifyReplies CollectReplies(const std::map<std::string, ports::MetaEntry>& entries,
                             const VerifyRequest& request) {
  VerifyReplies out;
  std::map<NodeId, std::map<size_t, std::string_view>> pieces;
  for (const auto& [key, entry] : entries) {
    const auto parsed = ParseReplyKey(key);
    if (!parsed || parsed->id != request.id) continue;
    if (parsed->working)
      out.working.push_back(parsed->node);
    else
      pieces[parsed->node][parsed->piece] = entry.value;
  }
  for (const auto& [node, by_number] : pieces) {
    std::vector<std::string_view> in_order;
    for (const auto& [number, piece] : by_number)
      if (number == in_order.size()) in_order.push_back(piece);
    if (!IsWholeAnswer(in_order)) continue;
    auto answer = DecodeVerifyAnswer(request, in_order);
    if (answer.ok()) out.answers[node] = std::move(*answer);
  }
  return out;
}

}  // namespace harmonylite::node
