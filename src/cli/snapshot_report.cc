#include "cli/snapshot_report.h"

#include "cli/json.h"
#include "cli/print.h"
#include "cli/time_text.h"

namespace harmonylite::cli {

using snapshot::Listed;

namespace {

Json ToJson(const Listed& one) {
  Json out;
  out["name"] = one.name;
  out["usable"] = one.problem.empty();
  out["problem"] = one.problem;
  if (!one.manifest) return out;
  const snapshot::Manifest& manifest = *one.manifest;
  out["made_ms"] = manifest.made_ms;
  out["node"] = NodeNumber(manifest.maker.node);
  out["incarnation"] = manifest.maker.incarnation.value;
  out["size"] = manifest.size;
  out["packed"] = manifest.packed;
  out["sha256"] = manifest.sha256;
  out["progress"] = Json::array();
  for (const auto& [origin, lseq] : manifest.progress.map())
    out["progress"].push_back({{"node", NodeNumber(origin.node)},
                               {"incarnation", origin.incarnation.value},
                               {"lseq", lseq.value}});
  return out;
}

}  // namespace

std::string JsonOf(const std::vector<Listed>& all) {
  Json out = Json::array();
  for (const Listed& one : all) out.push_back(ToJson(one));
  return JsonText(out);
}

void PrintSnapshots(const std::vector<Listed>& all) {
  constexpr const char* kLine = "{:<42}  {:<19}  {:>15}  {:>15}  {}\n";
  Print(kLine, "NAME", "MADE (UTC)", "DATABASE BYTES", "PACKED BYTES", "STATE");
  for (const Listed& one : all) {
    const bool known = one.manifest.has_value();
    Print(kLine, one.name, known ? TimeText(one.manifest->made_ms) : "-",
          known ? fmt::format("{}", one.manifest->size) : "-",
          known ? fmt::format("{}", one.manifest->packed) : "-",
          one.problem.empty() ? "complete" : one.problem);
  }
}

}  // namespace harmonylite::cli
