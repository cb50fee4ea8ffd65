#include "config/command_line.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "base/url.h"
#include "config/address.h"
#include "config/flag_syntax.h"
#include "config/nearest.h"

namespace harmonylite::config {
namespace {

using Arguments = std::span<const std::string>;

Error Usage(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

Status SetText(std::string_view value, std::string* out) {
  if (value.empty()) return Usage("the value is empty");
  *out = value;
  return Ok();
}

Status SetNodeId(std::string_view value, CommandLine* out) {
  const bool hex = value.substr(0, 2) == "0x" || value.substr(0, 2) == "0X";
  const std::string_view digits = hex ? value.substr(2) : value;
  uint64_t id = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, id, hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || stop != end) {
    return Usage(fmt::format("expected a whole number from 1 to {}", UINT64_MAX));
  }
  // The value 0 means that no id is given, as in HarmonyLite 1.x.
  out->node_id = id == 0 ? std::nullopt : std::optional<uint64_t>(id);
  return Ok();
}

Status SetAddress(std::string_view value, bool any_port, std::optional<ListenAddress>* out) {
  HL_ASSIGN(*out, ParseListenAddress(value, any_port));
  return Ok();
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Reads a list such as "nats://a:4248/,nats://b:4248/". A server without a scheme gets nats://.
Status SetServers(std::string_view value, std::vector<std::string>* out) {
  out->clear();
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    const std::string_view one = Trim(value.substr(begin, end - begin));
    begin = end + 1;
    if (one.empty()) continue;
    HL_ASSIGN(const ServerUrl url, ParseServerUrl(one));
    if (!url.scheme.empty() && url.scheme != "nats" && url.scheme != "tls" && url.scheme != "dns") {
      return Usage("a server is written as nats://host:port (tls:// and dns:// work, too)");
    }
    if (url.port == 0) return Usage("a server has no port; it is written as nats://host:port");
    if (!url.rest.empty() && url.rest != "/") return Usage("after host:port a server has no path");
    out->push_back(url.scheme.empty() ? "nats://" + std::string(one) : std::string(one));
  }
  if (out->empty()) return Usage("the list of servers is empty");
  return Ok();
}

Status SetPath(std::string_view value, std::optional<std::string>* out) {
  if (value.empty() || value[0] != '/' || value.find_first_of(" ?#") != std::string_view::npos) {
    return Usage("expected a path as in /health");
  }
  *out = value;
  return Ok();
}

Status RefusePprof(std::string_view, CommandLine*) {
  return Usage(
      "this program is not written in Go and has no pprof server; profile it with "
      "\"perf record -g -p PID\" and \"perf report\" instead");
}

struct ValueFlag {
  const char* name;
  Status (*set)(std::string_view value, CommandLine* out);
};

const ValueFlag kValueFlags[] = {
    {"config", [](auto v, auto* out) { return SetText(v, &out->config_path); }},
    {"node-id", [](auto v, auto* out) { return SetNodeId(v, out); }},
    {"cluster-addr", [](auto v, auto* out) { return SetAddress(v, false, &out->cluster_addr); }},
    {"cluster-peers", [](auto v, auto* out) { return SetServers(v, &out->cluster_peers); }},
    {"leaf-servers", [](auto v, auto* out) { return SetServers(v, &out->leaf_servers); }},
    {"health-bind", [](auto v, auto* out) { return SetAddress(v, true, &out->health_bind); }},
    {"health-path", [](auto v, auto* out) { return SetPath(v, &out->health_path); }},
    {"pprof", RefusePprof},
};

// The switches that choose what the program does.
struct Switches {
  bool health_check = false;
  bool help = false;
  bool version = false;
  bool cleanup = false;
  bool save_snapshot = false;
  bool schema_status = false;
  bool schema_status_cluster = false;
};

struct SwitchFlag {
  const char* name;
  bool Switches::*field;
};

constexpr SwitchFlag kSwitchFlags[] = {
    {"cleanup", &Switches::cleanup},
    {"save-snapshot", &Switches::save_snapshot},
    {"schema-status", &Switches::schema_status},
    {"schema-status-cluster", &Switches::schema_status_cluster},
    {"health-check", &Switches::health_check},
    {"version", &Switches::version},
    {"help", &Switches::help},
    {"h", &Switches::help},
};

Error UnknownFlag(const std::string& name) {
  std::string message = fmt::format("unknown flag -{}", name);
  if (const auto near = Nearest(name, FlagNames()); !near.empty()) {
    message += fmt::format("; did you mean -{}?", near);
  }
  return Usage(message + " (-help lists all)");
}

// Reads the flag at arguments[*at], and its value if that is a word of its own. Moves *at behind
// them.
Status TakeFlag(Arguments arguments, size_t* at, Switches* switches, CommandLine* out) {
  const FlagWord flag = *AsFlag(arguments[(*at)++]);
  for (const auto& known : kSwitchFlags) {
    if (flag.name != known.name) continue;
    switches->*known.field = true;
    if (!flag.value) return Ok();
    auto value = ParseSwitch(*flag.value);
    if (!value.ok()) return std::move(value).error().Wrap("-" + flag.name);
    switches->*known.field = *value;
    return Ok();
  }
  for (const auto& known : kValueFlags) {
    if (flag.name != known.name) continue;
    std::string value;
    if (flag.value) {
      value = *flag.value;
    } else if (*at < arguments.size()) {
      value = arguments[(*at)++];
    } else if (known.set != RefusePprof) {
      return Usage(fmt::format("-{} needs a value", flag.name));
    }
    auto set = known.set(value, out);
    if (!set.ok()) return std::move(set).error().Wrap("-" + flag.name);
    return Ok();
  }
  return UnknownFlag(flag.name);
}

// Reads the words after a subcommand. All of them are the subcommand's own, except -config.
Status TakeSubcommand(Arguments arguments, CommandLine* out) {
  out->subcommand = arguments[0];
  bool flags_end = false;
  for (size_t i = 1; i < arguments.size(); ++i) {
    flags_end = flags_end || arguments[i] == "--";
    const auto flag = flags_end ? std::nullopt : AsFlag(arguments[i]);
    if (!flag || flag->name != "config") {
      out->arguments.push_back(arguments[i]);
    } else if (flag->value) {
      out->config_path = *flag->value;
    } else if (i + 1 < arguments.size()) {
      out->config_path = arguments[++i];
    } else {
      return Usage("-config needs a value");
    }
  }
  return Ok();
}

Status CheckSubcommand(const std::string& name, const std::vector<SubcommandInfo>& subcommands) {
  std::vector<std::string> names;
  for (const auto& known : subcommands) {
    if (known.name == name) return Ok();
    names.push_back(known.name);
  }
  if (names.empty()) return Ok();
  const auto near = Nearest(name, names);
  return Usage(fmt::format("unknown command {}{} (-help lists all)", name,
                           near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

Result<Mode> ChooseMode(const Switches& switches, bool has_subcommand) {
  if (switches.help) return Mode::kHelp;
  if (switches.version) return Mode::kVersion;
  const std::pair<bool, Mode> choices[] = {
      {switches.cleanup, Mode::kCleanup},
      {switches.save_snapshot, Mode::kSaveSnapshot},
      {switches.schema_status, Mode::kSchemaStatus},
      {switches.schema_status_cluster, Mode::kSchemaStatusCluster},
      {has_subcommand, Mode::kSubcommand},
  };
  Mode mode = Mode::kRun;
  for (const auto& [chosen, meaning] : choices) {
    if (!chosen) continue;
    if (mode != Mode::kRun) {
      return Usage(
          "only one of -cleanup, -save-snapshot, -schema-status, -schema-status-cluster and a "
          "command can be given");
    }
    mode = meaning;
  }
  return mode;
}

}  // namespace

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const auto& flag : kValueFlags) names.emplace_back(flag.name);
  for (const auto& flag : kSwitchFlags) names.emplace_back(flag.name);
  return names;
}

Result<CommandLine> ParseCommandLine(int argc, const char* const* argv,
                                     const std::vector<SubcommandInfo>& subcommands) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  const Arguments arguments(words);
  CommandLine out;
  Switches switches;
  size_t at = 0;
  while (at < arguments.size() && AsFlag(arguments[at])) {
    HL_TRY(TakeFlag(arguments, &at, &switches, &out));
  }
  if (at < arguments.size() && arguments[at] == "--") ++at;
  if (at < arguments.size()) {
    HL_TRY(CheckSubcommand(arguments[at], subcommands));
    HL_TRY(TakeSubcommand(arguments.subspan(at), &out));
  }
  HL_ASSIGN(out.mode, ChooseMode(switches, !out.subcommand.empty()));
  out.health_check = switches.health_check;
  return out;
}

void ApplyFlags(const CommandLine& command_line, Config* config) {
  if (command_line.node_id) config->node_id = command_line.node_id;
  if (command_line.health_check) config->health_check.enable = true;
  if (command_line.health_bind) config->health_check.bind = *command_line.health_bind;
  if (command_line.health_path) config->health_check.path = *command_line.health_path;
}

}  // namespace harmonylite::config
