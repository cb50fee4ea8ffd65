#include "base/url.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace harmonylite {
namespace {

TEST(ServerUrl, Reads) {
  ASSERT_VALUE(const auto full, ParseServerUrl("NATS://us%40er:pa:ss@host.example:4222/x?y=1#z"));
  EXPECT_EQ(full.scheme, "nats");
  EXPECT_EQ(full.userinfo, "us%40er:pa:ss");
  EXPECT_EQ(full.host, "host.example");
  EXPECT_EQ(full.port, 4222);
  EXPECT_EQ(full.rest, "/x?y=1#z");
  ASSERT_VALUE(const auto bare, ParseServerUrl("host"));
  EXPECT_EQ(bare.scheme, "");
  EXPECT_EQ(bare.port, 0);
  ASSERT_VALUE(const auto v6, ParseServerUrl("tls://[::1]:4222"));
  EXPECT_EQ(v6.host, "::1");
  ASSERT_VALUE(const auto query, ParseServerUrl("https://h?dir=/x"));
  EXPECT_EQ(query.rest, "?dir=/x");
}

TEST(ServerUrl, RefusesWithoutRepeatingTheText) {
  for (const char* text : {"", "nats://", "nats://hidden@", "://hidden", "nats://hidden:hidden",
                           "nats://u:hidden/x@h:1", "nats://u:hid den@h", "hid\nden",
                           "a b://hidden", "nats://h:0", "nats://h:70000", "nats://h:1:2"}) {
    const auto url = ParseServerUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().message().find("hid"), std::string::npos) << url.error().message();
  }
}

TEST(RedactUrl, HidesUsersPasswordsAndQueries) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"nats://h:4222", "nats://h:4222"},
      {"h:4222", "h:4222"},
      {"nats://user:pw@h:4222", "nats://***@h:4222"},
      {"nats://token@h", "nats://***@h"},
      {"user:pw@h", "***@h"},
      {"sftp://u:p@w/o:rd@h:22/path", "sftp://***@h:22/path"},
      {"https://h/p?dir=/snap&login=me&secret=pw", "https://h/p?dir=/snap&login=***&secret=***"},
      {"https://h/p?pw", "https://h/p?***"},
      {"https://h/p#pw", "https://h/p#***"},
      // If a password contains an unencoded '?' or '#', or a query contains an '@', everything is
      // hidden.
      {"sftp://u:p?w@h/x", "sftp://***"},
      {"sftp://u:p#w@h/x", "sftp://***"},
      {"https://h/p?login=a@b&secret=pw", "https://***"},
      {"user:p://w@h", "***@h"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(RedactUrl(text), shown);
}

TEST(Url, CredentialsInside) {
  std::string url = "nats://us%40er:p%3Ass%zz@h:1";
  const UrlCredentials inside = TakeCredentials(&url);
  EXPECT_EQ(url, "nats://h:1");
  EXPECT_EQ(inside.user, "us@er");
  EXPECT_EQ(inside.password, "p:ss%zz");
  for (const char* plain : {"nats://h:1", "h:1", "nats://token@h:1"}) {
    std::string same = plain;
    EXPECT_TRUE(TakeCredentials(&same).user.empty());
    EXPECT_EQ(same, plain);
  }
}

TEST(Url, OnlyTheServerIsShown) {
  EXPECT_EQ(ServerOfUrl("nats://u:p@h:1"), "nats://h:1");
  EXPECT_EQ(ServerOfUrl("nats://u:p@ss/w@h:1/x?y=z"), "nats://h:1");
  EXPECT_EQ(ServerOfUrl("h:1"), "h:1");
  // It cannot be told whether the password is "p?w", or the query names a mail address.
  EXPECT_EQ(ServerOfUrl("nats://u:p?w@h:1"), "nats://***");
  EXPECT_EQ(ServersOfUrls({"nats://u:p@h:1", "tls://g:2"}), "nats://h:1, tls://g:2");
  EXPECT_EQ(UrlHost("tls://u:p@[::1]:4"), "::1");
  EXPECT_EQ(UrlHost("nats://h:1"), "h");
}

}  // namespace
}  // namespace harmonylite
