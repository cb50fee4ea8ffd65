#include "adapters/stores/store_url.h"

#include <curl/curl.h>

#include <charconv>
#include <cstdint>
#include <ctime>
#include <memory>
#include <random>

namespace harmonylite::stores {

namespace {

constexpr std::string_view kPartPrefix = "~harmonylite-part-";
// A day, because the age of a name is measured by our clock against that of the node that made it.
constexpr int64_t kStalePartSeconds = 24 * 3600;

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct CurlFree {
  void operator()(char* text) const { curl_free(text); }
};

// Returns a part of the URL, or "" if the URL does not have it.
std::string Part(CURLU* url, CURLUPart part, unsigned flags) {
  char* raw = nullptr;
  if (curl_url_get(url, part, &raw, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, CurlFree> text(raw);
  return text.get();
}

std::map<std::string, std::string> ParseQuery(std::string query) {
  std::map<std::string, std::string> out;
  // A '+' stands for a space, as in HTML forms; HarmonyLite 1.x read the query so, too.
  for (char& c : query) {
    if (c == '+') c = ' ';
  }
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    out[UrlDecode(pair.substr(0, equals))] =
        equals < pair.size() ? UrlDecode(pair.substr(equals + 1)) : "";
  }
  return out;
}

}  // namespace

Result<StoreUrl> ParseStoreUrl(const std::string& text) {
  const std::unique_ptr<CURLU, UrlFree> url(curl_url());
  HL_CHECK(url != nullptr);
  const CURLUcode code =
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the URL of the snapshot store cannot be read: {}", curl_url_strerror(code));
  StoreUrl out;
  const std::string port = Part(url.get(), CURLUPART_PORT, 0);
  out.server = Part(url.get(), CURLUPART_SCHEME, 0) + "://" + Part(url.get(), CURLUPART_HOST, 0) +
               (port.empty() ? "" : ":" + port);
  out.user = Part(url.get(), CURLUPART_USER, CURLU_URLDECODE);
  out.password = Part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  out.path = Part(url.get(), CURLUPART_PATH, CURLU_URLDECODE);
  out.query = ParseQuery(Part(url.get(), CURLUPART_QUERY, 0));
  return out;
}

std::string UrlEncode(std::string_view text) {
  // libcurl would take the length 0 as a request to measure the text.
  if (text.empty()) return {};
  const std::unique_ptr<char, CurlFree> out(
      curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())));
  HL_CHECK(out != nullptr);
  return out.get();
}

std::string UrlDecode(std::string_view text) {
  if (text.empty()) return {};
  int size = 0;
  const std::unique_ptr<char, CurlFree> out(
      curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &size));
  HL_CHECK(out != nullptr);
  return std::string(out.get(), static_cast<size_t>(size));
}

std::vector<std::string> PathParts(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

std::string EncodedPath(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += "/" + UrlEncode(part);
  return out;
}

std::string NewPartName() {
  std::random_device random;
  return fmt::format("{}{}-{:08x}{:08x}", kPartPrefix, std::time(nullptr), random(), random());
}

bool IsStalePart(std::string_view name) {
  if (!name.starts_with(kPartPrefix)) return false;
  name.remove_prefix(kPartPrefix.size());
  int64_t made = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), made);
  return error == std::errc() && end != name.data() + name.size() && *end == '-' &&
         std::time(nullptr) - made > kStalePartSeconds;
}

}  // namespace harmonylite::stores
