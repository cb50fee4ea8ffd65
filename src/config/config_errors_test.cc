// Tests which configurations are refused, at which place, and with which words.
#include <gtest/gtest.h>

#include <algorithm>

#include "config/config.h"
#include "support/result_matchers.h"

namespace harmonylite::config {
namespace {

// Parses `text` behind a first line with db_path, so that the lines of a case begin at line 2.
// Returns the error, or "accepted".
std::string ErrorOf(const std::string& text) {
  const auto result = ParseConfig("db_path = \"app.db\"\n" + text, "c.toml");
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  return result.error().message();
}

struct Case {
  const char* text;
  const char* error;
};

void Check(std::initializer_list<Case> cases) {
  for (const auto& c : cases) EXPECT_EQ(ErrorOf(c.text), c.error) << c.text;
}

TEST(ConfigErrors, UnknownKeys) {
  Check({
      {"node_ids = 1",
       "c.toml:2:1: unknown key \"node_ids\" in the top level; did you mean \"node_id\"?"},
      {"  dbpath = 1",
       "c.toml:2:3: unknown key \"dbpath\" in the top level; did you mean \"db_path\"?"},
      {"[nats]\nulrs = []", "c.toml:3:1: unknown key \"ulrs\" in [nats]; did you mean \"urls\"?"},
      {"[nats]\n\"xyzzy\" = 1", "c.toml:3:1: unknown key \"xyzzy\" in [nats]"},
      {"urls = []", "c.toml:2:1: unknown key \"urls\" in the top level; it belongs to [nats]"},
      {"[nats]\npublish = true",
       "c.toml:3:1: unknown key \"publish\" in [nats]; it belongs to the top level"},
      {"[snapshot]\nenable = true",
       "c.toml:3:1: unknown key \"enable\" in [snapshot]; did you mean "
       "\"enabled\", or \"enable\" of [health_check] or [prometheus]?"},
      {"[logging]\nmax_entrys = 1",
       "c.toml:3:1: unknown key \"max_entrys\" in [logging]; did you mean "
       "\"max_entries\" of [replication_log]?"},
      {"[nat]\nurls = []", "c.toml:2:2: unknown table [nat]; did you mean [nats]?"},
      {"[s3]\nbucket = 1", "c.toml:2:2: unknown table [s3]; did you mean [snapshot.s3]?"},
      {"[snapshot.s4]", "c.toml:2:11: unknown table [snapshot.s4]; did you mean [snapshot.s3]?"},
      {"[something]", "c.toml:2:2: unknown table [something]"},
      {"snapshot.stor = 1",
       "c.toml:2:10: unknown key \"stor\" in [snapshot]; did you mean \"store\"?"},
      {"DB_PATH = 1", "c.toml:2:1: unknown key \"DB_PATH\" in the top level"},
  });
}

TEST(ConfigErrors, Hooks) {
  const std::string does = "command = [\"reload\"]\n";
  Check({
      {"[[hooks]]\ntables = [\"t\"]\ncommand = [\"reload\", \"\"]", "accepted"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"reload\"", "accepted"},
      {"hooks = []", "accepted"},
      {"[hooks]\ntables = [\"t\"]",
       "c.toml:2:1: hooks: expected an array of tables, [[hooks]], found a table"},
      {"hooks = [1]",
       "c.toml:2:10: hooks: expected an array of tables, [[hooks]], found an integer"},
      {"[[hook]]\ntables = [\"t\"]", "c.toml:2:3: unknown table [hook]; did you mean [hooks]?"},
      {"[[hooks]]\ntables = [\"t\"]\ncommand = [\"x\"]\ncomand = 1",
       "c.toml:5:1: unknown key \"comand\" in [hooks]; did you mean \"command\"?"},
      {"[[hooks]]\ncommand = [\"x\"]",
       "c.toml:2:1: hooks[1]: tables names no table: give those whose rows it is about, as in "
       "tables = [\"notes\", \"zone_*\"]"},
      {"[[hooks]]\ncommand = [\"x\"]\ntables = []",
       "c.toml:4:10: hooks[1]: tables names no table: give those whose rows it is about, as in "
       "tables = [\"notes\", \"zone_*\"]"},
      {"[[hooks]]\ncommand = [\"x\"]\ntables = \"t\"",
       "c.toml:4:10: hooks[1].tables: expected an array, found a string"},
      {"[[hooks]]\ncommand = [\"x\"]\ntables = [\"\"]",
       "c.toml:4:11: hooks[1].tables: an entry is empty"},
      {"[[hooks]]\ntables = [\"t\"]\ncommand = \"systemctl reload app\"",
       "c.toml:4:11: hooks[1].command: expected an array, found a string"},
      {"[[hooks]]\ntables = [\"t\"]\ncommand = []",
       "c.toml:4:11: hooks[1]: command is empty: it begins with a program"},
      {"[[hooks]]\ntables = [\"t\"]\ncommand = [\"\", \"x\"]",
       "c.toml:4:11: hooks[1].command: the program is empty"},
      {"[[hooks]]\ntables = [\"t\"]\ncommand = [\"a\\u0000b\"]",
       "c.toml:4:12: hooks[1].command: a NUL character"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"\"",
       "c.toml:4:9: hooks[1]: touch is empty: it is the path of a file"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\ncommand = [\"x\"]",
       "c.toml:4:9: hooks[1]: command and touch are both given: remove one, and write another "
       "[[hooks]] for it"},
      {"[[hooks]]\ntables = [\"t\"]",
       "c.toml:2:1: hooks[1]: neither command nor touch is given: say what to do, as in command = "
       "[\"/usr/bin/systemctl\", \"reload\", \"app\"]"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\nevery = 0",
       "c.toml:5:9: hooks[1].every is 0, but must be 1 to 4294967295"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\nevery = \"1s\"",
       "c.toml:5:9: hooks[1].every: expected an integer, found a string"},
      // The second hook's mistakes are found at their own places.
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\n[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\n"
       "timeout = -1",
       "c.toml:8:11: hooks[2].timeout is -1, but must be 1 to 4294967295"},
  });
  std::string many;
  for (int i = 0; i < 65; ++i) many += "[[hooks]]\ntables = [\"t\"]\n" + does;
  EXPECT_EQ(ErrorOf(many), "c.toml:2:1: hooks has more than 64 entries");
}

TEST(ConfigErrors, WrongTypes) {
  Check({
      {"node_id = 1.5",
       "c.toml:2:11: node_id: expected an integer, found a number with a fraction"},
      {"node_id = \"x\"",
       "c.toml:2:11: node_id: expected a whole number from 1 to 18446744073709551615"},
      {"node_id = \"1 \"",
       "c.toml:2:11: node_id: expected a whole number from 1 to 18446744073709551615"},
      {"publish = \"true\"", "c.toml:2:11: publish: expected a boolean, found a string"},
      {"publish = 1", "c.toml:2:11: publish: expected a boolean, found an integer"},
      {"scan_max_changes = true",
       "c.toml:2:20: scan_max_changes: expected an integer, found a boolean"},
      {"seq_map_path = 2020-01-01",
       "c.toml:2:16: seq_map_path: expected a string, found a date or time"},
      {"[tables]\ninclude = \"a\"",
       "c.toml:3:11: tables.include: expected an array, found a string"},
      {"[tables]\ninclude = [\"a\", 1]",
       "c.toml:3:17: tables.include: expected an array of strings, found an integer"},
      {"[nats]\nurls = [\n\"h\",\n[]]",
       "c.toml:5:1: nats.urls: expected an array of strings, found an array"},
      {"[nats]\nuser_password = 1234",
       "c.toml:3:17: nats.user_password: expected a string, found an integer"},
      {"[nats.urls]", "c.toml:2:1: nats.urls: expected an array, found a table"},
      {"nats = 1", "c.toml:2:8: nats: expected a table, found an integer"},
      {"[[nats]]", "c.toml:2:1: nats: expected a table, found an array"},
      {"snapshot.s3 = \"x\"", "c.toml:2:15: snapshot.s3: expected a table, found a string"},
      {"[snapshot]\nstore = 1", "c.toml:3:9: snapshot.store: expected a string, found an integer"},
      {"[health_check]\nbind = 8090",
       "c.toml:3:8: health_check.bind: expected a string, found an integer"},
  });
}

TEST(ConfigErrors, ImpossibleValues) {
  Check({
      {"node_id = -1", "c.toml:2:11: node_id is -1, but must be 1 to 18446744073709551615"},
      {"scan_max_changes = 0", "c.toml:2:20: scan_max_changes is 0, but must be 1 to 4294967295"},
      {"cleanup_interval = -5", "c.toml:2:20: cleanup_interval is -5, but must be 1 to 4294967295"},
      {"max_clock_skew = 86400001",
       "c.toml:2:18: max_clock_skew is 86400001, but must be 1 to 86400000"},
      {"[replication_log]\nreplicas = 6",
       "c.toml:3:12: replication_log.replicas is 6, but must be 1 to 5"},
      {"[replication_log]\nreplicas = 4294967297",
       "c.toml:3:12: replication_log.replicas is 4294967297, but must be 1 to 5"},
      {"[replication_log]\nshards = 0",
       "c.toml:3:10: replication_log.shards is 0, but must be 1 to 1024"},
      {"[snapshot]\nleader_ttl = 999",
       "c.toml:3:14: snapshot.leader_ttl is 999, but must be 1000 to 4294967295"},
      {"[snapshot]\nstore = \"ftp\"",
       "c.toml:3:9: snapshot.store is \"ftp\", but must be \"nats\", \"s3\", "
       "\"webdav\", \"sftp\" or \"file\""},
      {"[logging]\nformat = \"JSON\"",
       "c.toml:3:10: logging.format is \"JSON\", but must be \"console\" or \"json\""},
      {"[conflicts]\nforeign_keys = \"a\\nb\"",
       "c.toml:3:16: conflicts.foreign_keys is \"a\\u000ab\", but must be \"report\" or \"hide\""},
      {"[tables]\nexclude = [\"\"]", "c.toml:3:12: tables.exclude: an entry is empty"},
      {"[nats]\nbind_address = \"4222\"",
       "c.toml:3:16: nats.bind_address: expected host:port, as in 127.0.0.1:4222 or :4222"},
      {"[prometheus]\nbind = \":70000\"",
       "c.toml:3:8: prometheus.bind: the port must be -1 to 65535"},
      {"[nats]\nurls = [\"http://h\"]",
       "c.toml:3:9: nats.urls: a server's URL starts with nats:// or tls://"},
      {"[nats]\nurls = [\"h\", \"nats://:1\"]", "c.toml:3:14: nats.urls: the URL names no host"},
      {"[nats]\nsubject_prefix = \"a..b\"",
       "c.toml:3:18: nats.subject_prefix: expected letters, digits, '-', '_' and single dots "
       "inside"},
      {"[nats]\nstream_prefix = \"a.b\"",
       "c.toml:3:17: nats.stream_prefix: expected letters, digits, '-' and '_'"},
      {"[snapshot.nats]\nbucket = \"a b\"",
       "c.toml:3:10: snapshot.nats.bucket: expected letters, digits, '-' and '_'"},
      {"[prometheus]\nnamespace = \"1a\"",
       "c.toml:3:13: prometheus.namespace: expected letters, digits and '_', no digit at the "
       "start"},
      {"[health_check]\npath = \"health\"",
       "c.toml:3:8: health_check.path must start with '/' and hold no space, '?' or '#'"},
      {"[nats]\nserver_binary = \"\"", "c.toml:3:17: nats.server_binary is empty"},
      {"[nats]\ncert_file = \"c\"", "c.toml:3:13: nats.cert_file needs nats.key_file, too"},
      {"[nats]\nkey_file = \"k\"", "c.toml:3:12: nats.key_file needs nats.cert_file, too"},
      {"seq_map_path = \"a\\u0000b\"", "c.toml:2:16: seq_map_path: a NUL character"},
  });
}

TEST(ConfigErrors, StoresNeedTheirSettings) {
  Check({
      {"[snapshot]\nstore = \"webdav\"", "c.toml:3:9: this store needs snapshot.webdav.url"},
      {"[snapshot]\nstore = \"sftp\"", "c.toml:3:9: this store needs snapshot.sftp.url"},
      {"[snapshot]\nstore = \"file\"",
       "c.toml:3:9: this store needs snapshot.file.path, a directory"},
      {"[snapshot]\nstore = \"s3\"",
       "c.toml:3:9: this store needs snapshot.s3.endpoint\n"
       "c.toml:3:9: this store needs snapshot.s3.bucket"},
      {"[snapshot]\nstore = \"s3\"\n[snapshot.s3]\nbucket = \"b\"\nendpoint = \"https://e\"",
       "c.toml:6:12: snapshot.s3.endpoint: expected host or host:port alone; use_ssl chooses "
       "between https and http"},
      {"[snapshot]\nstore = \"s3\"\n[snapshot.s3]\nbucket = \"b\"\nendpoint = \"e\"\nsecret = "
       "\"s\"",
       "c.toml:7:10: snapshot.s3: access_key and secret are needed both, or neither (then they are "
       "taken from the environment)"},
      {"[snapshot]\nstore = \"webdav\"\nwebdav.url = \"ftp://h\"",
       "c.toml:4:14: snapshot.webdav.url: the URL must start with https:// or http://"},
      {"[snapshot]\nstore = \"sftp\"\nsftp.url = \"h\"",
       "c.toml:4:12: snapshot.sftp.url: the URL must start with sftp://"},
      // Only one mistake is reported for a value: a URL of the wrong type is not also missing.
      {"[snapshot]\nstore = \"sftp\"\nsftp.url = 1",
       "c.toml:4:12: snapshot.sftp.url: expected a string, found an integer"},
  });
  // Disabled snapshots need no store.
  EXPECT_EQ(ErrorOf("[snapshot]\nenabled = false\nstore = \"s3\""), "accepted");
}

TEST(ConfigErrors, DbPathIsRequired) {
  const auto none = ParseConfig("publish = true\n", "c.toml");
  ASSERT_FALSE(none.ok());
  EXPECT_TRUE(none.error().message().starts_with("c.toml:1:1: db_path is missing: "))
      << none.error().message();
  const auto empty = ParseConfig("\ndb_path = \"\"", "c.toml");
  ASSERT_FALSE(empty.ok());
  EXPECT_TRUE(empty.error().message().starts_with("c.toml:2:11: db_path is missing: "));
  const auto wrong = ParseConfig("db_path = 1", "c.toml");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message(), "c.toml:1:11: db_path: expected a string, found an integer");
  const auto unnamed = ParseConfig("", "");
  ASSERT_FALSE(unnamed.ok());
  EXPECT_TRUE(unnamed.error().message().starts_with("config:1:1: "));
}

TEST(ConfigErrors, AllAreReportedInTheOrderOfTheFile) {
  EXPECT_EQ(ErrorOf("[logging]\n"
                    "format = \"xml\"\n"
                    "colour = true\n"
                    "[replication_log]\n"
                    "replicas = 7\n"
                    "shards = \"one\"\n"
                    "[nats]\n"
                    "urls = [1, 2]\n"),
            "c.toml:3:10: logging.format is \"xml\", but must be \"console\" or \"json\"\n"
            "c.toml:4:1: unknown key \"colour\" in [logging]\n"
            "c.toml:6:12: replication_log.replicas is 7, but must be 1 to 5\n"
            "c.toml:7:10: replication_log.shards: expected an integer, found a string\n"
            "c.toml:9:9: nats.urls: expected an array of strings, found an integer\n"
            "c.toml:9:12: nats.urls: expected an array of strings, found an integer");
}

TEST(ConfigErrors, VeryManyAreCut) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += fmt::format("qqqqqqqq{} = 1\n", i);
  const std::string error = ErrorOf(text);
  EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 100);
  EXPECT_TRUE(error.ends_with("\nand 50 more"));
}

TEST(ConfigErrors, ColumnsCountCharacters) {
  Check({
      {"\"\u00e9\u00e9\" = 1", "c.toml:2:1: unknown key \"\u00e9\u00e9\" in the top level"},
      {"nats = { \"urls\" = [\"\u00e9\u00e9\"], x = 1 }",
       "c.toml:2:20: nats.urls: the host has a character that no host name has\n"
       "c.toml:2:27: unknown key \"x\" in [nats]"},
      {"\t\tnode_id = true", "c.toml:2:13: node_id: expected an integer, found a boolean"},
  });
}

TEST(ConfigErrors, Syntax) {
  const std::pair<const char*, const char*> cases[] = {
      {"publish = ", "c.toml:2:11: this is not TOML: "},
      {"publish == true", "c.toml:2:10: this is not TOML: "},
      {"[=nats]", "c.toml:2:2: this is not TOML: "},
      {"seq_map_path = \"\u00e9\" # \u00e9\n\u00e9 = 1", "c.toml:3:1: this is not TOML: "},
      {"publish =\u00a0true", "c.toml:2:10: this is not TOML: "},
      {"tables = [\"a\",-\"\u00e4?\"]", "c.toml:2:15: this is not TOML: "},
      {"[nats", "c.toml:2:6: this is not TOML: "},
      {"publish = true\npublish = true", "c.toml:3:11: this is not TOML: "},
      {"x = \"\xFF\"", "c.toml:2:5: this is not TOML: "},
      {"\xEF\xBB\xBFpublish = true", "c.toml:2:1: this is not TOML: "},
      {"node_id = 18446744073709551616", "c.toml:2:31: this is not TOML: "},
  };
  for (const auto& [text, start] : cases) {
    const std::string error = ErrorOf(text);
    EXPECT_TRUE(error.starts_with(start)) << error;
    EXPECT_GT(error.size(), std::string(start).size() + 10) << error;
  }
}

TEST(ConfigErrors, NestingIsBounded) {
  EXPECT_NE(ErrorOf("[" + std::string(60000, 'a') + "]").find("unknown table"), std::string::npos);
  std::string deep = "[a";
  for (int i = 0; i < 30000; ++i) deep += ".a";
  EXPECT_NE(ErrorOf(deep + "]").find("too many dots"), std::string::npos);
  EXPECT_NE(ErrorOf("a = " + std::string(20, '[') + std::string(20, ']')).find("too deeply"),
            std::string::npos);
  EXPECT_NE(ErrorOf("a = " + std::string(5000, '[')).find("not TOML"), std::string::npos);
  EXPECT_EQ(ErrorOf("seq_map_path = \"\"\"\\\n \u00e9\"\"\""), "accepted");
  // Dots in strings and comments do not count as nesting.
  const std::string dots(5000, '.');
  EXPECT_EQ(ErrorOf("seq_map_path = \"\\\"" + dots + "\" # '" + dots), "accepted");
  EXPECT_EQ(ErrorOf("seq_map_path = '''\n'" + dots + "'''\n#" + dots), "accepted");
  EXPECT_EQ(ErrorOf("seq_map_path = '\\'\n#" + dots), "accepted");
}

}  // namespace
}  // namespace harmonylite::config
