#include "adapters/stores/store_sftp.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "adapters/stores/store_curl.h"
#include "adapters/stores/store_sftp_listing.h"
#include "base/sha256.h"

namespace harmonylite::stores {

namespace {

constexpr size_t kMaxListing = 32 << 20;
constexpr std::string_view kOldPrefix = "~old-";

// Quotes a path for a command: libcurl splits a command at spaces outside quotes.
std::string Quoted(const std::string& path) {
  std::string out = "\"";
  for (const char c : path) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// Returns a key's fingerprint in the form that `ssh-keygen -l` shows. `key` is base64 text if
// `size` is 0, otherwise raw bytes.
std::string Fingerprint(const char* key, size_t size) {
  std::string raw(key, size);
  if (size == 0) {
    const size_t length = std::strlen(key);
    raw.resize(length);
    const int decoded =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                        reinterpret_cast<const unsigned char*>(key), static_cast<int>(length));
    if (decoded < 0) return "unknown";
    size_t padding = 0;
    while (padding < 2 && padding < length && key[length - 1 - padding] == '=') ++padding;
    raw.resize(static_cast<size_t>(decoded) - padding);
  }
  const std::string sum = Sha256Of(raw);
  std::string text(4 * ((sum.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(sum.data()), static_cast<int>(sum.size()));
  while (!text.empty() && text.back() == '=') text.pop_back();
  return "SHA256:" + text;
}

int OnHostKey(CURL*, const curl_khkey*, const curl_khkey* found, curl_khmatch match, void* self) {
  auto* key = static_cast<SftpStore::HostKey*>(self);
  key->accepted = match == CURLKHMATCH_OK;
  key->differs = match == CURLKHMATCH_MISMATCH;
  key->fingerprint = Fingerprint(found->key, found->len);
  return key->accepted ? CURLKHSTAT_FINE : CURLKHSTAT_REJECT;
}

struct Receiver {
  Spool* spool = nullptr;
  std::string* text = nullptr;
  Status status = Ok();
};

size_t OnBytes(char* data, size_t size, size_t count, void* self) {
  auto* receiver = static_cast<Receiver*>(self);
  const std::string_view bytes(data, size * count);
  if (receiver->spool != nullptr) {
    receiver->status = receiver->spool->Append(bytes);
    return receiver->status.ok() ? bytes.size() : 0;
  }
  if (receiver->text->size() + bytes.size() > kMaxListing) {
    receiver->status =
        MakeError(ErrorCode::kInvalidArgument,
                  "the directory holds too many files: give the snapshots one of their own");
    return 0;
  }
  receiver->text->append(bytes);
  return bytes.size();
}

}  // namespace

struct SftpStore::Request {
  std::string url;
  UploadSource* upload = nullptr;
  Spool* sink = nullptr;
  std::string* listing = nullptr;
  std::vector<std::string> before;  // run before the transfer; one that starts with '*' may fail
  std::vector<std::string> after;
  ports::Transfer* transfer = nullptr;
};

Result<std::unique_ptr<SftpStore>> SftpStore::Make(const SftpOptions& options) {
  HL_ASSIGN(StoreUrl url, ParseStoreUrl(options.url));
  if (url.user.empty())
    return MakeError(ErrorCode::kInvalidArgument,
                     "the URL of the SFTP store names no user: sftp://user@host/path");
  if (!options.key_file.empty() && ::access(options.key_file.c_str(), R_OK) != 0)
    return MakeError(ErrorCode::kInvalidArgument, "cannot read the SSH key {}: {}",
                     options.key_file, std::strerror(errno));
  return std::unique_ptr<SftpStore>(new SftpStore(options, std::move(url)));
}

SftpStore::SftpStore(const SftpOptions& options, StoreUrl url)
    : options_(options),
      url_(std::move(url)),
      folders_(PathParts(url_.path)),
      place_(url_.server + EncodedPath(folders_)),
      curl_(std::make_unique<CurlHandle>(options_.limits, "")) {}

SftpStore::~SftpStore() = default;

std::string SftpStore::PathOf(const std::string& name) const {
  std::string out;
  for (const std::string& folder : folders_) out += "/" + folder;
  return out + "/" + name;
}

void SftpStore::Prepare() {
  curl_->Reset();
  CURL* curl = curl_->get();
  curl_easy_setopt(curl, CURLOPT_USERNAME, url_.user.c_str());
  if (!options_.key_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES, long{CURLSSH_AUTH_PUBLICKEY});
    curl_easy_setopt(curl, CURLOPT_SSH_PRIVATE_KEYFILE, options_.key_file.c_str());
  } else {
    curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES,
                     long{CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD});
    curl_easy_setopt(curl, CURLOPT_PASSWORD, url_.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_SSH_KNOWNHOSTS, options_.known_hosts_file.c_str());
  curl_easy_setopt(curl, CURLOPT_SSH_KEYFUNCTION, &OnHostKey);
  curl_easy_setopt(curl, CURLOPT_SSH_KEYDATA, &host_key_);
}

Error SftpStore::HostKeyError() const {
  if (host_key_.differs)
    return MakeError(
        ErrorCode::kInvalidArgument,
        "the host key of {} is {} and another one is in {}: somebody may be in between. If "
        "the server was set up anew, replace its line there",
        url_.server, host_key_.fingerprint, options_.known_hosts_file);
  return MakeError(ErrorCode::kInvalidArgument,
                   "the host key of {} is not in {}: it is {}; when that is right, add it with "
                   "ssh-keyscan -p PORT HOST",
                   url_.server, options_.known_hosts_file, host_key_.fingerprint);
}

Status SftpStore::Perform(const Request& request, bool* final) {
  Prepare();
  CURL* curl = curl_->get();
  host_key_ = {};
  Receiver receiver{request.sink, request.listing};
  std::string ignored;
  if (receiver.text == nullptr) receiver.text = &ignored;
  const SlistPtr before = MakeSlist(request.before), after = MakeSlist(request.after);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_QUOTE, before.get());
  curl_easy_setopt(curl, CURLOPT_POSTQUOTE, after.get());
  if (request.upload != nullptr) {
    request.upload->Attach(curl);
    curl_easy_setopt(curl, CURLOPT_FTP_CREATE_MISSING_DIRS, 1L);
    curl_easy_setopt(curl, CURLOPT_NEW_FILE_PERMS, 0600L);
    curl_easy_setopt(curl, CURLOPT_NEW_DIRECTORY_PERMS, 0700L);
  } else if (request.sink == nullptr && request.listing == nullptr) {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  }
  Status status = curl_->Perform(place_, request.transfer, 0, final);
  if (!host_key_.accepted) return HostKeyError();
  if (!receiver.status.ok()) {
    *final = true;  // the failure is in our own spool, so a retry is of no use
    return std::move(receiver.status).error();
  }
  return status;
}

Status SftpStore::RunCommands(const std::vector<std::string>& commands, bool* final) {
  Request request;
  request.url = url_.server + "/";
  request.before = commands;
  return Perform(request, final);
}

Error SftpStore::WithPlace(Error error, const std::string& what) const {
  return std::move(error).Wrap("cannot " + what);
}

Status SftpStore::PutOnce(const std::string& name, const Spool& content, ports::Transfer* transfer,
                          bool* final) {
  const std::string part_name = NewPartName();
  const std::string part = Quoted(PathOf(part_name)), path = Quoted(PathOf(name)),
                    old = Quoted(PathOf(std::string(kOldPrefix) + name));
  UploadSource upload(&content, 0, content.size());
  Request request;
  request.url = url_.server + EncodedPath(folders_) + "/" + part_name;
  request.upload = &upload;
  request.transfer = transfer;
  // The commands replace `path` by `part`. Each is one step on the server, and the connection may
  // break between any two of them.
  //
  // An earlier Put() may have been cut off after it moved `path` to `old`, so that the object
  // exists only there. The first command moves it back in that case. It fails if `path` exists;
  // then the newer object is in place and `old` is of no use, so the second command may remove it.
  request.after = {"*rename " + old + " " + path, "*rm " + old, "*rename " + path + " " + old,
                   "rename " + part + " " + path, "*rm " + old};
  Status status = Perform(request, final);
  if (status.ok()) return status;
  bool ignored = false;
  (void)RunCommands({"*rm " + part, "*rename " + old + " " + path}, &ignored);
  if (!upload.status().ok()) return upload.status().error().Copy();
  return status;
}

Status SftpStore::Put(const std::string& name, const Spool& content, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(options_.limits.retry, transfer, [&](bool* final) {
    return PutOnce(name, content, transfer, final);
  });
  if (!status.ok()) return WithPlace(std::move(status).error(), "put " + name);
  if (transfer != nullptr) transfer->bytes = content.size();
  bool ignored = false;
  std::vector<std::string> commands;
  if (const auto all = ListAll(&ignored); all.ok()) {
    for (const ports::ObjectInfo& file : *all) {
      if (IsStalePart(file.name)) commands.push_back("*rm " + Quoted(PathOf(file.name)));
    }
  }
  if (!commands.empty()) (void)RunCommands(commands, &ignored);
  return Ok();
}

Status SftpStore::GetFile(const std::string& name, Spool* out, ports::Transfer* transfer,
                          bool* final) {
  out->Clear();
  // libcurl opens the file, and then asks for the size of the file that has this name by then. If a
  // shorter file was put in its place in between, libcurl reads only a part of the open file and
  // reports success. So the size is compared with the listing.
  HL_ASSIGN(const auto before, ListAll(final));
  Request request;
  request.url = url_.server + EncodedPath(folders_) + "/" + name;
  request.sink = out;
  request.transfer = transfer;
  HL_TRY(Perform(request, final));
  const bool whole = std::any_of(before.begin(), before.end(), [&](const ports::ObjectInfo& file) {
    return file.name == name && file.size == out->size();
  });
  if (whole) return Ok();
  return MakeError(ErrorCode::kRetryLater, "{} was replaced while it was read", name);
}

Status SftpStore::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(options_.limits.retry, transfer, [&](bool* final) -> Status {
    // The own name is tried again at the end, because a Put() may have renamed the file between the
    // looks at the two names.
    for (const std::string& file : {name, std::string(kOldPrefix) + name}) {
      Status got = GetFile(file, out, transfer, final);
      if (got.ok() || got.error().code() != ErrorCode::kNotFound) return got;
    }
    return GetFile(name, out, transfer, final);
  });
  if (!status.ok()) return WithPlace(std::move(status).error(), "get " + name);
  if (transfer != nullptr) transfer->bytes = out->size();
  return Ok();
}

Result<std::vector<ports::ObjectInfo>> SftpStore::ListAll(bool* final) {
  std::string text;
  Request request;
  request.url = url_.server + EncodedPath(folders_) + "/";
  request.listing = &text;
  HL_TRY(Perform(request, final));
  std::vector<ports::ObjectInfo> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (auto file = ParseSftpLine(line)) out.push_back(*std::move(file));
  }
  return out;
}

Result<std::vector<ports::ObjectInfo>> SftpStore::List(const std::string& prefix) {
  std::map<std::string, uint64_t> found;
  Status status = ports::RetryTransfer(options_.limits.retry, nullptr, [&](bool* final) -> Status {
    found.clear();
    auto all = ListAll(final);
    if (!all.ok() && all.error().code() == ErrorCode::kNotFound) return Ok();
    if (!all.ok()) return std::move(all).error();
    for (const ports::ObjectInfo& file : *all) {
      if (ports::IsObjectName(file.name)) found[file.name] = file.size;
    }
    // An object that is being replaced at this moment exists only under its old name.
    for (const ports::ObjectInfo& file : *all) {
      if (!file.name.starts_with(kOldPrefix)) continue;
      const std::string name = file.name.substr(kOldPrefix.size());
      if (ports::IsObjectName(name)) found.emplace(name, file.size);
    }
    return Ok();
  });
  if (!status.ok()) return WithPlace(std::move(status).error(), "list the snapshots");
  std::vector<ports::ObjectInfo> out;
  for (const auto& [name, size] : found) {
    if (name.starts_with(prefix)) out.push_back({name, size});
  }
  return out;
}

Status SftpStore::Delete(const std::string& name) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(options_.limits.retry, nullptr, [&](bool* final) -> Status {
    return RunCommands(
        {"*rm " + Quoted(PathOf(std::string(kOldPrefix) + name)), "*rm " + Quoted(PathOf(name))},
        final);
  });
  if (!status.ok()) return WithPlace(std::move(status).error(), "delete " + name);
  // A command that may fail does not report how it ended, so the listing must show it.
  bool ignored = false;
  const auto all = ListAll(&ignored);
  if (!all.ok() && all.error().code() == ErrorCode::kNotFound) return Ok();
  if (!all.ok()) return all.error().Copy();
  for (const ports::ObjectInfo& file : *all) {
    if (file.name == name)
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot delete {} at {}: let our user delete files there", name, place_);
  }
  return Ok();
}

}  // namespace harmonylite::stores
