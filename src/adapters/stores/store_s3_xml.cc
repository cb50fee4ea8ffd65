#include "adapters/stores/store_s3_xml.h"

#include <pugixml.hpp>
#include <sstream>

namespace harmonylite::stores {

namespace {

constexpr const char* kNamespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// Returns the root element, or an empty node if `xml` cannot be parsed.
pugi::xml_node Load(std::string_view xml, pugi::xml_document* document) {
  if (!document->load_buffer(xml.data(), xml.size())) return {};
  return document->document_element();
}

std::string Render(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw);
  return out.str();
}

}  // namespace

S3Failure ParseS3Failure(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node root = Load(xml, &document);
  if (std::string_view(root.name()) != "Error") return {};
  S3Failure out{root.child_value("Code"), root.child_value("Message")};
  if (out.code.empty()) out.code = "Error";
  return out;
}

Result<S3Listing> ParseS3Listing(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node root = Load(xml, &document);
  if (std::string_view(root.name()) != "ListBucketResult")
    return MakeError(ErrorCode::kRetryLater, "the server's answer is not a listing of a bucket");
  S3Listing out;
  for (const pugi::xml_node object : root.children("Contents"))
    out.objects.push_back({object.child_value("Key"), object.child("Size").text().as_ullong()});
  if (root.child("IsTruncated").text().as_bool())
    out.next = root.child_value("NextContinuationToken");
  return out;
}

Result<std::string> ParseS3UploadId(std::string_view xml) {
  pugi::xml_document document;
  std::string id = Load(xml, &document).child_value("UploadId");
  if (id.empty())
    return MakeError(ErrorCode::kRetryLater, "the server began an upload and did not name it");
  return id;
}

std::string S3CompleteXml(const std::vector<std::string>& tags) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  root.append_attribute("xmlns") = kNamespace;
  for (size_t i = 0; i < tags.size(); ++i) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text() = static_cast<unsigned long long>(i + 1);
    part.append_child("ETag").text() = tags[i].c_str();
  }
  return Render(document);
}

std::string S3LocationXml(const std::string& region) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CreateBucketConfiguration");
  root.append_attribute("xmlns") = kNamespace;
  root.append_child("LocationConstraint").text() = region.c_str();
  return Render(document);
}

}  // namespace harmonylite::stores
