#include "adapters/stores/store_webdav_xml.h"

#include <pugixml.hpp>

#include "adapters/stores/store_url.h"

namespace harmonylite::stores {

namespace {

// Returns the name of a node without its namespace prefix. pugixml does not resolve namespaces, and
// servers choose any prefix for "DAV:".
std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node Child(const pugi::xml_node& node, std::string_view name) {
  return node.find_child([&](const pugi::xml_node& child) { return LocalName(child) == name; });
}

// Returns the properties that the server has; properties that it lacks are listed under another
// status.
pugi::xml_node FoundProperties(const pugi::xml_node& response) {
  for (const pugi::xml_node part : response.children()) {
    if (LocalName(part) != "propstat") continue;
    const std::string_view status = Child(part, "status").child_value();
    if (status.find(" 200") != std::string_view::npos) return Child(part, "prop");
  }
  return {};
}

// Returns the last part of a path or URL, decoded.
std::string NameOf(std::string_view href) {
  while (!href.empty() && href.back() == '/') href.remove_suffix(1);
  return UrlDecode(href.substr(href.rfind('/') + 1));
}

}  // namespace

Result<std::vector<ports::ObjectInfo>> ParseWebdavListing(std::string_view xml) {
  pugi::xml_document document;
  const bool loaded = static_cast<bool>(
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_trim_pcdata));
  const pugi::xml_node root = document.document_element();
  if (!loaded || LocalName(root) != "multistatus")
    return MakeError(ErrorCode::kInvalidArgument,
                     "the server's answer is not a WebDAV listing: correct the URL");
  std::vector<ports::ObjectInfo> out;
  for (const pugi::xml_node response : root.children()) {
    if (LocalName(response) != "response") continue;
    const pugi::xml_node properties = FoundProperties(response);
    if (!properties || Child(Child(properties, "resourcetype"), "collection")) continue;
    out.push_back({NameOf(Child(response, "href").child_value()),
                   Child(properties, "getcontentlength").text().as_ullong()});
  }
  return out;
}

}  // namespace harmonylite::stores
