// Tests what stores parse: answers of servers, and URLs of the configuration.
#include <gtest/gtest.h>

#include <ctime>

#include "adapters/stores/store_s3_xml.h"
#include "adapters/stores/store_sftp.h"
#include "adapters/stores/store_sftp_listing.h"
#include "adapters/stores/store_url.h"
#include "adapters/stores/store_webdav.h"
#include "adapters/stores/store_webdav_xml.h"
#include "support/result_matchers.h"

namespace harmonylite::stores {
namespace {

TEST(StoreUrl, IsTakenApart) {
  ASSERT_VALUE(
      const StoreUrl url,
      ParseStoreUrl("https://a%40b:p%2Fw@host:8443/x/y%20z?dir=%2Fd+e&login=l&secret=s%26t"));
  EXPECT_EQ(url.server, "https://host:8443");
  EXPECT_EQ(url.user, "a@b");
  EXPECT_EQ(url.password, "p/w");
  EXPECT_EQ(url.path, "/x/y z");
  EXPECT_EQ(url.query.at("dir"), "/d e");
  EXPECT_EQ(url.query.at("login"), "l");
  EXPECT_EQ(url.query.at("secret"), "s&t");
  ASSERT_VALUE(const StoreUrl six, ParseStoreUrl("sftp://u@[::1]:22/"));
  EXPECT_EQ(six.server, "sftp://[::1]:22");
  EXPECT_EQ(six.password, "");
}

TEST(StoreUrl, MessagesHoldNothingOfIt) {
  for (const char* text :
       {"https://u:geheim@ho st/", "geheim", "", "https://u:geheim@h:99999999/"}) {
    const auto url = ParseStoreUrl(text);
    if (url.ok()) continue;  // libcurl takes a single word for a host
    EXPECT_EQ(url.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(url.error().message().find("geheim"), std::string::npos) << url.error().message();
  }
  WebdavOptions options;
  options.url = "https://u:geheim@ho st/?secret=geheim";
  const auto store = WebdavStore::Make(options);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().message().find("geheim"), std::string::npos) << store.error().message();
}

TEST(StoreUrl, SftpNeedsAUser) {
  SftpOptions options;
  options.url = "sftp://host/path";
  const auto store = SftpStore::Make(options);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code(), ErrorCode::kInvalidArgument);
}

TEST(StoreUrl, PathsAreEncoded) {
  EXPECT_EQ(EncodedPath(PathParts("//a/b c/ä?#/")), "/a/b%20c/%C3%A4%3F%23");
  EXPECT_EQ(EncodedPath(PathParts("/")), "");
  EXPECT_EQ(UrlDecode(UrlEncode("a/b?c&d=e f+%")), "a/b?c&d=e f+%");
}

TEST(StoreParts, OnlyOldOnesAreStale) {
  EXPECT_FALSE(IsStalePart(NewPartName()));
  EXPECT_NE(NewPartName(), NewPartName());
  EXPECT_FALSE(ports::IsObjectName(NewPartName()));
  EXPECT_TRUE(IsStalePart("~harmonylite-part-1000000000-0123"));
  const auto future = std::time(nullptr) + 1'000'000;
  EXPECT_FALSE(IsStalePart(fmt::format("~harmonylite-part-{}-0123", future)));
  for (const char* other : {"", "x", "~harmonylite-part-", "~harmonylite-part-1000000000",
                            "~harmonylite-part-x-1", "harmonylite-part-1000000000-1"})
    EXPECT_FALSE(IsStalePart(other)) << other;
}

TEST(SftpListing, ReadsRegularFilesOnly) {
  const auto file =
      ParseSftpLine("-rw-r--r--    1 root     root         1374 Nov 27 15:30 a.db.zst");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->name, "a.db.zst");
  EXPECT_EQ(file->size, 1374u);
  const auto spaced = ParseSftpLine("-rw-rw-rw- 1 me domain users 9999999999 Jan  1  2024 b\r");
  ASSERT_TRUE(spaced);
  EXPECT_EQ(spaced->name, "b");
  EXPECT_EQ(spaced->size, 9'999'999'999u);
  for (const char* other :
       {"", "-", "drwxr-xr-x 2 root root 4096 Nov 27 15:30 folder", "total 12",
        "lrwxrwxrwx 1 root root 4 Nov 27 15:30 link", "-rw-r--r-- 1 root root x Nov 27 15:30 a",
        "-rw-r--r-- 1 root root -5 Nov 27 15:30 a"})
    EXPECT_FALSE(ParseSftpLine(other)) << other;
}

TEST(WebdavListing, AnyPrefixAndPropertiesThatAreMissing) {
  ASSERT_VALUE(const auto list, ParseWebdavListing(R"(<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response><D:href>/x/y%20z/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop>
 <D:status>HTTP/1.1 200 OK</D:status></D:propstat>
 <D:propstat><D:prop><D:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<ns0:response><ns0:href>http://host/x/y%20z/a%2Eb</ns0:href><ns0:propstat>
 <ns0:prop><ns0:resourcetype/><ns0:getcontentlength> 12 </ns0:getcontentlength></ns0:prop>
 <ns0:status>HTTP/1.1 200 OK</ns0:status></ns0:propstat></ns0:response>
</D:multistatus>)"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name, "a.b");
  EXPECT_EQ(list[0].size, 12u);
}

TEST(WebdavListing, OtherAnswersAreRefused) {
  for (const char* text : {"", "<html><body>Hello</body></html>", "<multistatus><response>", "{}"})
    EXPECT_EQ(ParseWebdavListing(text).error().code(), ErrorCode::kInvalidArgument) << text;
}

TEST(S3Xml, ListingsHavePages) {
  ASSERT_VALUE(const S3Listing page, ParseS3Listing(R"(<?xml version="1.0"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
<NextContinuationToken>a/b=</NextContinuationToken>
<Contents><Key>p/x &amp; y</Key><Size>5000000000</Size></Contents></ListBucketResult>)"));
  EXPECT_EQ(page.next, "a/b=");
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].name, "p/x & y");
  EXPECT_EQ(page.objects[0].size, 5'000'000'000u);
  ASSERT_VALUE(
      const S3Listing last,
      ParseS3Listing("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"));
  EXPECT_EQ(last.next, "");
  EXPECT_FALSE(ParseS3Listing("<html/>").ok());
  EXPECT_FALSE(ParseS3Listing("").ok());
}

TEST(S3Xml, FailuresAndUploads) {
  const S3Failure failure =
      ParseS3Failure("<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>");
  EXPECT_EQ(failure.code, "NoSuchBucket");
  EXPECT_EQ(failure.message, "no");
  EXPECT_EQ(ParseS3Failure("<Error/>").code, "Error");
  EXPECT_EQ(ParseS3Failure("<CompleteMultipartUploadResult/>").code, "");
  EXPECT_EQ(ParseS3Failure("oops").code, "");
  ASSERT_VALUE(const std::string id, ParseS3UploadId("<InitiateMultipartUploadResult><UploadId>i+d<"
                                                     "/UploadId></InitiateMultipartUploadResult>"));
  EXPECT_EQ(id, "i+d");
  EXPECT_FALSE(ParseS3UploadId("<x/>").ok());
  EXPECT_NE(S3CompleteXml({"\"a\"", "\"b\""})
                .find("<Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag></Part>"),
            std::string::npos)
      << S3CompleteXml({"\"a\"", "\"b\""});
}

}  // namespace
}  // namespace harmonylite::stores
