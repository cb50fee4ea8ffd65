// Private to src/adapters/stores: reads and writes the XML of the S3 protocol.
//
// Threads: any; pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace harmonylite::stores {

struct S3Failure {
  std::string code;  // for example "NoSuchBucket"; empty if the text reports no failure
  std::string message;
};
S3Failure ParseS3Failure(std::string_view xml);

struct S3Listing {
  std::vector<ports::ObjectInfo> objects;  // named by their whole keys
  std::string next;                        // token of the next page; empty on the last page
};
// kRetryLater: `xml` is not a listing.
Result<S3Listing> ParseS3Listing(std::string_view xml);

// kRetryLater: `xml` holds no upload id.
Result<std::string> ParseS3UploadId(std::string_view xml);

// Returns the request that completes an upload. `tags` belong to the parts 1, 2 and so on, as the
// server sent them.
std::string S3CompleteXml(const std::vector<std::string>& tags);
std::string S3LocationXml(const std::string& region);

}  // namespace harmonylite::stores
