#include "adapters/stores/store_curl.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <mutex>

namespace harmonylite::stores {

namespace {

constexpr size_t kReadAhead = 1 << 20;
constexpr long kBufferBytes = 512 << 10;      // the most that libcurl takes for downloads
constexpr long kUploadBufferBytes = 2 << 20;  // the most that libcurl takes for uploads
// A transfer slower than this, in bytes per second, counts as silent.
constexpr long kSilentSpeed = 1;

void InitOnce() {
  static std::once_flag once;
  std::call_once(once, [] { HL_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

CURL* NewHandle() {
  InitOnce();
  CURL* curl = curl_easy_init();
  HL_CHECK(curl != nullptr);
  return curl;
}

// Blocks SIGPIPE in this thread while a transfer runs, because a broken connection must not end the
// program. OpenSSL writes to sockets without suppressing the signal. libcurl could ignore the
// signal, but does not do so with CURLOPT_NOSIGNAL, which it needs beside other threads; so it is
// left to us.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    const timespec now{};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace

SlistPtr MakeSlist(const std::vector<std::string>& lines) {
  SlistPtr out;
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(out.get(), line.c_str());
    HL_CHECK(longer != nullptr);
    (void)out.release();
    out.reset(longer);
  }
  return out;
}

UploadSource::UploadSource(const Spool* spool, uint64_t offset, uint64_t length)
    : spool_(spool), offset_(offset), length_(length) {}

UploadSource::UploadSource(std::string text)
    : spool_(nullptr), length_(text.size()), text_(std::move(text)) {}

void UploadSource::Attach(CURL* curl) {
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, &UploadSource::Read);
  curl_easy_setopt(curl, CURLOPT_READDATA, this);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, &UploadSource::Seek);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(length_));
}

size_t UploadSource::Read(char* buffer, size_t size, size_t count, void* self) {
  auto* source = static_cast<UploadSource*>(self);
  const auto want =
      static_cast<size_t>(std::min<uint64_t>(size * count, source->length_ - source->done_));
  if (want == 0) return 0;
  if (source->spool_ == nullptr) {
    std::copy_n(source->text_.data() + source->done_, want, buffer);
  } else {
    source->status_ = source->spool_->ReadAt(source->offset_ + source->done_,
                                             std::min(want, kReadAhead), &source->chunk_);
    if (!source->status_.ok()) return CURL_READFUNC_ABORT;
    std::copy_n(source->chunk_.data(), source->chunk_.size(), buffer);
    source->done_ += source->chunk_.size();
    return source->chunk_.size();
  }
  source->done_ += want;
  return want;
}

int UploadSource::Seek(void* self, curl_off_t offset, int origin) {
  auto* source = static_cast<UploadSource*>(self);
  if (origin != SEEK_SET || offset < 0 || static_cast<uint64_t>(offset) > source->length_)
    return CURL_SEEKFUNC_CANTSEEK;
  source->done_ = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

struct CurlHandle::Watch {
  ports::Transfer* transfer;
  uint64_t base;
};

CurlHandle::CurlHandle(const StoreLimits& limits, std::string ca_file)
    : limits_(limits), ca_file_(std::move(ca_file)), curl_(NewHandle()) {
  Reset();
}

CurlHandle::~CurlHandle() { curl_easy_cleanup(curl_); }

void CurlHandle::Reset() {
  curl_easy_reset(curl_);
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, text_);
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https,sftp");
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl_, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  curl_easy_setopt(curl_, CURLOPT_USERAGENT, "harmonylite");
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl_, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (!ca_file_.empty()) curl_easy_setopt(curl_, CURLOPT_CAINFO, ca_file_.c_str());
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(limits_.connect_timeout.count()));
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_LIMIT, kSilentSpeed);
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits_.silence.count()));
  curl_easy_setopt(curl_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl_, CURLOPT_BUFFERSIZE, kBufferBytes);
  curl_easy_setopt(curl_, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
}

int CurlHandle::OnProgress(void* data, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  const auto* watch = static_cast<Watch*>(data);
  watch->transfer->bytes = watch->base + static_cast<uint64_t>(std::max(down, up));
  return watch->transfer->cancelled ? 1 : 0;
}

Status CurlHandle::Perform(const std::string& place, ports::Transfer* transfer, uint64_t base,
                           bool* final) {
  HL_TRY(ports::CheckCancelled(transfer));
  Watch watch{transfer, base};
  if (transfer != nullptr) {
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, &CurlHandle::OnProgress);
    curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &watch);
  }
  text_[0] = '\0';
  const WithoutSigpipe guard;
  const CURLcode code = curl_easy_perform(curl_);
  if (code == CURLE_OK) return Ok();
  if (code == CURLE_REMOTE_DISK_FULL) *final = true;
  if (code == CURLE_ABORTED_BY_CALLBACK) HL_TRY(ports::CheckCancelled(transfer));
  return ErrorOf(code, place);
}

Error CurlHandle::ErrorOf(CURLcode code, const std::string& place) const {
  const char* why = text_[0] != '\0' ? text_ : curl_easy_strerror(code);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot verify the certificate of {}: {}: add the authority that signed its "
                       "certificate to the system's, or to the file that SSL_CERT_FILE names",
                       place, why);
    case CURLE_LOGIN_DENIED:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} refuses the login: {}: correct the user, password or key", place, why);
    case CURLE_REMOTE_ACCESS_DENIED:
      return MakeError(ErrorCode::kInvalidArgument, "{} refuses access: {}: let our user in there",
                       place, why);
    case CURLE_REMOTE_FILE_NOT_FOUND:
      return MakeError(ErrorCode::kNotFound, "{}: {}", place, why);
    case CURLE_REMOTE_DISK_FULL:
      return MakeError(ErrorCode::kRetryLater, "{}: its disk is full: make room there", place);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_NOT_BUILT_IN:
      return MakeError(ErrorCode::kInvalidArgument, "{}: {}: correct the address", place, why);
    default:
      return MakeError(ErrorCode::kRetryLater, "{}: {}", place, why);
  }
}

}  // namespace harmonylite::stores
