// Private to src/adapters/stores: what an S3 server says and is told in XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace harmonylite::stores {

struct S3Failure {
  std::string code;  // "NoSuchBucket"; empty: the text is no failure
  std::string message;
};
S3Failure ParseS3Failure(std::string_view xml);

struct S3Listing {
  std::vector<ports::ObjectInfo> objects;  // whole keys
  std::string next;                      // token for the next page; empty: this is the last
};
// kRetryLater: it is none.
Result<S3Listing> ParseS3Listing(std::string_view xml);

// kRetryLater: there is none.
Result<std::string> ParseS3UploadId(std::string_view xml);

// `tags`: of part 1, 2 and so on, as the server sent them.
std::string S3CompleteXml(const std::vector<std::string>& tags);
std::string S3LocationXml(const std::string& region);

}  // namespace harmonylite::stores
