#include "adapters/nats/client_options.h"

#include <algorithm>

#include "adapters/nats/nkey.h"
#include "base/logger.h"
#include "base/url.h"

namespace harmonylite::nats {

namespace {

// A peer that stopped answering is noticed after about three ping intervals.
constexpr int64_t kPingIntervalMs = 3000;
constexpr int kMaxPingsOut = 2;
constexpr int64_t kWriteDeadlineMs = 5000;

Status Check(natsStatus status, std::string_view what) {
  if (status == NATS_OK) return Ok();
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  return MakeError(ErrorCode::kInvalidArgument, "{}: {}", what,
                   detail != nullptr && *detail != '\0' ? detail : natsStatus_GetText(status));
}

// libnats 3.4.1 copies these texts into JSON without escaping, so a quote would end the text early.
std::string ForJson(const std::string& text) { return JsonEscape(text); }

Status SetCredentials(const ConnectionOptions& options, natsOptions* out) {
  if (!options.user_name.empty())
    HL_TRY(Check(natsOptions_SetUserInfo(out, ForJson(options.user_name).c_str(),
                                         ForJson(options.user_password).c_str()),
                 "[nats] user_name"));
  if (!options.creds_file.empty())
    HL_TRY(Check(natsOptions_SetUserCredentialsFromFiles(out, options.creds_file.c_str(), nullptr),
                 "[nats] creds_file"));
  if (!options.seed_file.empty()) {
    HL_ASSIGN(const std::string key, PublicNkeyOfFile(options.seed_file));
    HL_TRY(Check(natsOptions_SetNKeyFromSeed(out, key.c_str(), options.seed_file.c_str()),
                 "[nats] seed_file"));
  }
  return Ok();
}

bool WantsTls(const ConnectionOptions& options, const std::vector<std::string>& urls) {
  return !options.ca_file.empty() || !options.cert_file.empty() ||
         std::any_of(urls.begin(), urls.end(), IsTlsUrl);
}

// The library verifies certificate and host name by default, for each server; nothing here turns
// that off.
Status SetTls(const ConnectionOptions& options, const std::vector<std::string>& urls,
              natsOptions* out) {
  if (WantsTls(options, urls)) HL_TRY(Check(natsOptions_SetSecure(out, true), "TLS"));
  if (!options.ca_file.empty())
    HL_TRY(Check(natsOptions_LoadCATrustedCertificates(out, options.ca_file.c_str()),
                 "[nats] ca_file"));
  if (options.cert_file.empty() != options.key_file.empty())
    return MakeError(ErrorCode::kInvalidArgument,
                     "[nats] cert_file and key_file belong together: set both or none");
  if (!options.cert_file.empty())
    HL_TRY(Check(
        natsOptions_LoadCertificatesChain(out, options.cert_file.c_str(), options.key_file.c_str()),
        "[nats] cert_file, key_file"));
  return Ok();
}

Status SetBehaviour(const ConnectionOptions& options, natsOptions* out) {
  const struct {
    natsStatus status;
    const char* what;
  } calls[] = {
      {natsOptions_SetName(out, ForJson(options.client_name).c_str()), "client name"},
      {natsOptions_SetTimeout(out, options.connect_timeout.count()), "connect timeout"},
      {natsOptions_SetAllowReconnect(out, false), "reconnect"},
      {natsOptions_SetReconnectBufSize(out, 0), "reconnect buffer"},
      {natsOptions_SetRetryOnFailedConnect(out, false, nullptr, nullptr), "retry"},
      {natsOptions_SetFailRequestsOnDisconnect(out, true), "requests"},
      {natsOptions_SetPingInterval(out, kPingIntervalMs), "ping interval"},
      {natsOptions_SetMaxPingsOut(out, kMaxPingsOut), "pings"},
      {natsOptions_SetWriteDeadline(out, kWriteDeadlineMs), "write deadline"},
  };
  for (const auto& call : calls) HL_TRY(Check(call.status, call.what));
  return Ok();
}

}  // namespace

Result<OptionsPtr> MakeClientOptions(const ConnectionOptions& options,
                                     const std::vector<std::string>& urls) {
  natsOptions* raw = nullptr;
  HL_TRY(Check(natsOptions_Create(&raw), "NATS client"));
  OptionsPtr out(raw);
  std::vector<const char*> pointers;
  for (const std::string& url : urls) pointers.push_back(url.c_str());
  HL_TRY(Check(natsOptions_SetServers(raw, pointers.data(), static_cast<int>(pointers.size())),
               "[nats] urls"));
  HL_TRY(SetBehaviour(options, raw));
  HL_TRY(SetCredentials(options, raw));
  HL_TRY(SetTls(options, urls, raw));
  return out;
}

}  // namespace harmonylite::nats
