// Tests where secrets come from, that they show up nowhere, and how the file itself is read.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "config/config.h"
#include "config/secret_source.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::config {
namespace {

constexpr char kDb[] = "db_path = \"app.db\"\n";

Result<Config> Parse(const std::string& text) { return ParseConfig(kDb + text, "c.toml"); }

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

void WriteFile(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path, std::ios::binary) << text;
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

TEST(Secrets, AreExpandedFromTheEnvironment) {
  const Variable a("HARMONYLITE_TEST_A", "va");
  // The value must not be expanded a second time.
  const Variable b("HARMONYLITE_TEST_B", "${HARMONYLITE_TEST_A}");
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"plain $ {x} $x", "plain $ {x} $x"},
      {"${HARMONYLITE_TEST_A}", "va"},
      {"1${HARMONYLITE_TEST_A}2${HARMONYLITE_TEST_A}", "1va2va"},
      {"${HARMONYLITE_TEST_B}", "${HARMONYLITE_TEST_A}"},
      {"$${HARMONYLITE_TEST_A}", "${HARMONYLITE_TEST_A}"},
      {"$", "$"},
      {"$$", "$$"},
  };
  for (const auto& [text, expected] : cases) {
    ASSERT_VALUE(const auto expanded, ExpandEnvironment(text));
    EXPECT_EQ(expanded.text, expected);
  }
  for (const char* text : {"${", "${}", "${a b}", "${1a}", "${HARMONYLITE_TEST_A", "${a-b}"}) {
    EXPECT_FALSE(ExpandEnvironment(text).ok()) << text;
  }
}

TEST(Secrets, EveryPlaceThatMayHoldOneIsExpanded) {
  const Variable pw("HARMONYLITE_TEST_A", "va");
  ASSERT_VALUE(const Config c, Parse(R"(
[nats]
urls = ["nats://u:${HARMONYLITE_TEST_A}@h"]
user_name = "u"
user_password = "${HARMONYLITE_TEST_A}"
[snapshot.s3]
access_key = "${HARMONYLITE_TEST_A}1"
secret = "${HARMONYLITE_TEST_A}2"
session_token = "${HARMONYLITE_TEST_A}3"
[snapshot.webdav]
url = "https://h/?secret=${HARMONYLITE_TEST_A}"
[snapshot.sftp]
url = "sftp://u:${HARMONYLITE_TEST_A}@h/"
)"));
  EXPECT_EQ(c.nats.urls[0].reveal(), "nats://u:va@h");
  EXPECT_EQ(c.nats.user_password.reveal(), "va");
  EXPECT_EQ(c.snapshot.s3.access_key.reveal(), "va1");
  EXPECT_EQ(c.snapshot.s3.secret.reveal(), "va2");
  EXPECT_EQ(c.snapshot.s3.session_token.reveal(), "va3");
  EXPECT_EQ(c.snapshot.webdav.url.reveal(), "https://h/?secret=va");
  EXPECT_EQ(c.snapshot.sftp.url.reveal(), "sftp://u:va@h/");
  EXPECT_TRUE(c.literal_secrets.empty());
}

TEST(Secrets, OtherTextsAreLeftAsTheyAre) {
  ASSERT_VALUE(const Config c,
               ParseConfig("db_path = \"${HOME}/x\"\nnats.user_name = \"${U}\"", ""));
  EXPECT_EQ(c.db_path, "${HOME}/x");
  EXPECT_EQ(c.nats.user_name, "${U}");
}

TEST(Secrets, AMissingVariableIsNamed) {
  const auto result = Parse("[nats]\nuser_password = \"${HARMONYLITE_TEST_NOT_SET}\"");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message(),
            "c.toml:3:17: nats.user_password: the environment variable HARMONYLITE_TEST_NOT_SET is "
            "not set");
}

TEST(Secrets, ComeFromFiles) {
  const test::TempDir dir;
  const std::pair<const char*, std::string> keys[] = {
      {"nats.user_password", ""},        {"snapshot.s3.access_key", ""}, {"snapshot.s3.secret", ""},
      {"snapshot.s3.session_token", ""}, {"snapshot.webdav.url", ""},    {"snapshot.sftp.url", ""},
  };
  WriteFile(dir.File("s"), "from a file\r\n\n", 0600);
  std::string text;
  for (const auto& [key, unused] : keys)
    text += fmt::format("{}_file = \"{}\"\n", key, dir.File("s"));
  ASSERT_VALUE(const Config c, Parse(text + "nats.user_name = \"u\""));
  for (const Secret* secret :
       {&c.nats.user_password, &c.snapshot.s3.access_key, &c.snapshot.s3.secret,
        &c.snapshot.s3.session_token, &c.snapshot.webdav.url, &c.snapshot.sftp.url}) {
    EXPECT_EQ(secret->reveal(), "from a file");
  }
  EXPECT_TRUE(c.literal_secrets.empty());
}

TEST(Secrets, FilesThatCannotBeOneAreErrors) {
  const test::TempDir dir;
  WriteFile(dir.File("empty"), "\n", 0600);
  WriteFile(dir.File("large"), std::string((64 << 10) + 1, 'x'), 0600);
  ASSERT_EQ(mkfifo(dir.File("pipe").c_str(), 0600), 0);
  for (const char* name : {"missing", "empty", "large", "pipe", "."}) {
    const auto result = Parse(fmt::format("nats.user_password_file = \"{}\"", dir.File(name)));
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_TRUE(
        result.error().message().starts_with("c.toml:2:27: nats.user_password_file: cannot read "))
        << result.error().message();
  }
}

TEST(Secrets, TheTextAndTheFileOfOneSecretExcludeEachOther) {
  const auto result = Parse("[nats]\nuser_password = \"hidden\"\nuser_password_file = \"x\"");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(
      result.error().message(),
      "c.toml:4:22: nats.user_password and nats.user_password_file are both given: remove one");
}

constexpr char kAllSecrets[] = R"(
[nats]
urls = ["nats://topsecret1:topsecret2@h:4222"]
user_name = "u"
user_password = "topsecret3"
[snapshot]
store = "s3"
[snapshot.s3]
endpoint = "e"
bucket = "b"
access_key = "topsecret4"
secret = "topsecret5"
session_token = "topsecret6"
[snapshot.webdav]
url = "https://h/p?dir=/d&login=topsecret7&secret=topsecret8"
[snapshot.sftp]
url = "sftp://topsecret9:topsecret0@h:22/p"
[[hooks]]
tables = ["t"]
command = ["curl", "-H", "X-Token: topsecretA"]
)";

TEST(Secrets, AreNotRendered) {
  ASSERT_VALUE(const Config c, Parse(kAllSecrets));
  EXPECT_EQ(c.literal_secrets,
            (std::vector<std::string>{"snapshot.s3.access_key", "snapshot.s3.secret",
                                      "snapshot.s3.session_token", "snapshot.webdav.url",
                                      "snapshot.sftp.url", "nats.urls", "nats.user_password"}));
  const std::string shown = RenderRedacted(c);
  EXPECT_EQ(shown.find("topsecret"), std::string::npos) << shown;
  EXPECT_NE(shown.find("urls = [\"nats://***@h:4222\"]"), std::string::npos) << shown;
  EXPECT_NE(shown.find("user_password = \"***\""), std::string::npos);
  EXPECT_NE(shown.find("url = \"https://h/p?dir=/d&login=***&secret=***\""), std::string::npos);
  EXPECT_NE(shown.find("url = \"sftp://***@h:22/p\""), std::string::npos);
  EXPECT_NE(shown.find("command = [\"curl\", \"***\", \"***\"]"), std::string::npos);
}

// Breaks the file at every place, in several ways, and searches the messages for secrets.
TEST(Secrets, AreInNoErrorMessage) {
  const std::string text = std::string(kDb) + kAllSecrets;
  int errors = 0;
  const auto look = [&](const std::string& broken) {
    const auto result = ParseConfig(broken, "c.toml");
    if (result.ok()) return;
    ++errors;
    ASSERT_EQ(result.error().message().find("topsecret"), std::string::npos)
        << result.error().message() << "\nof\n"
        << broken;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    look(text.substr(0, i));
    for (const char c : {'"', '\'', ' ', '=', '\n', '0', 't', '[', '}', ','}) {
      std::string broken = text;
      broken[i] = c;
      look(broken);
      broken = text;
      broken.erase(i, 1);
      look(broken);
    }
  }
  EXPECT_GT(errors, 1000);
}

TEST(Render, CanBeReadAgainAndSaysEveryKey) {
  ASSERT_VALUE(const Config c,
               Parse("node_id = \"18446744073709551615\"\ntables.include = [\"a\\\"\\n\"]\n"
                     "[[hooks]]\ntables = [\"t\"]\ncommand = [\"a\\\"\"]\n"
                     "[[hooks]]\ntables = [\"t\"]\ntouch = \"b\""));
  const std::string once = RenderRedacted(c);
  ASSERT_VALUE(const Config again, ParseConfig(once, "again"));
  EXPECT_EQ(RenderRedacted(again), once);
  std::string table;
  for (const auto& key : KnownKeys()) {
    const bool source_of_secret = key.ends_with("_file") && key != "nats.seed_file" &&
                                  key != "nats.ca_file" && key != "nats.cert_file" &&
                                  key != "nats.key_file" && key != "nats.creds_file" &&
                                  !key.starts_with("snapshot.sftp.k");
    if (source_of_secret) continue;
    const size_t dot = key.rfind('.');
    const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
    EXPECT_NE(("\n" + once).find("\n" + name + " = "), std::string::npos) << key;
  }
}

TEST(Load, ReadsAFile) {
  const test::TempDir dir;
  WriteFile(dir.File("c.toml"), "db_path = \"relative/app.db\"\n", 0644);
  ASSERT_VALUE(const Config c, Load(dir.File("c.toml")));
  EXPECT_EQ(c.db_path, "relative/app.db");
  EXPECT_TRUE(c.warnings.empty());
}

TEST(Load, SaysWhatItCannotRead) {
  const test::TempDir dir;
  const auto missing = Load(dir.File("no.toml"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(missing.error().message().find(dir.File("no.toml")), std::string::npos);
  EXPECT_FALSE(Load(dir.path()).ok());
  const auto none = Load("");
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message().find("-config"), std::string::npos);
  WriteFile(dir.File("large.toml"), std::string((1 << 20) + 1, '\n'), 0600);
  EXPECT_FALSE(Load(dir.File("large.toml")).ok());
}

TEST(Load, WarnsOfSecretsThatOthersCanRead) {
  const test::TempDir dir;
  const std::string path = dir.File("c.toml");
  const std::string text =
      std::string(kDb) + "nats.user_name = \"u\"\nnats.user_password = \"topsecret\"\n";
  for (const mode_t mode : {0644, 0640, 0604}) {
    WriteFile(path, text, mode);
    ASSERT_VALUE(const Config c, Load(path));
    ASSERT_EQ(c.warnings.size(), 1u) << mode;
    EXPECT_NE(c.warnings[0].find("nats.user_password"), std::string::npos);
    EXPECT_NE(c.warnings[0].find("chmod 600"), std::string::npos);
    EXPECT_EQ(c.warnings[0].find("topsecret"), std::string::npos);
  }
  WriteFile(path, text, 0600);
  ASSERT_VALUE(const Config own, Load(path));
  EXPECT_TRUE(own.warnings.empty());
  const Variable pw("HARMONYLITE_TEST_A", "va");
  WriteFile(path, std::string(kDb) + "nats.urls = [\"nats://u:${HARMONYLITE_TEST_A}@h\"]\n", 0644);
  ASSERT_VALUE(const Config expanded, Load(path));
  EXPECT_TRUE(expanded.warnings.empty());
}

}  // namespace
}  // namespace harmonylite::config
