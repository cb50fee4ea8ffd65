// store_run: drives the store of snapshots that a configuration names, for the black-box tests of
// stores and for use by hand.
//
//   store_run CONFIG put NAME FILE | get NAME FILE | list [PREFIX] | delete NAME | fill COUNT |
//                    contract [gtest options]
//
// It prints an error as "CODE: message" and ends with status 1. `put` and `get` print their rate
// and how much memory the process has needed.
#include <chrono>
#include <fstream>

#include "cli/stores.h"
#include "cli/wiring.h"
#include "support/object_store_contract.h"

namespace harmonylite {
namespace {

constexpr size_t kChunk = 1 << 20;

Result<std::unique_ptr<ports::ObjectStore>> Open(const char* config_file) {
  HL_ASSIGN(const config::Config config, config::Load(config_file));
  std::shared_ptr<nats::Connection> connection;
  if (config.snapshot.store == config::SnapshotStore::kNats)
    connection = std::make_shared<nats::Connection>(cli::MakeConnectionOptions(config, NodeId(1)));
  return cli::OpenStore(config.snapshot, connection);
}

std::string config_file_of_contract;

class ConfiguredHolder final : public test::StoreHolder {
 public:
  std::unique_ptr<ports::ObjectStore> Open() override {
    auto store = harmonylite::Open(config_file_of_contract.c_str());
    EXPECT_OK(store);
    return store.ok() ? std::move(store).value() : nullptr;
  }
};

}  // namespace

namespace test {
INSTANTIATE_TEST_SUITE_P(Configured, ObjectStoreContract,
                         ::testing::Values(StoreKind{
                             "Configured", [] { return std::make_unique<ConfiguredHolder>(); }}),
                         StoreKindName);
}  // namespace test

namespace {

Status ReadFile(const std::string& path, Spool* out) {
  std::ifstream in(path, std::ios::binary);
  std::string chunk(kChunk, '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(kChunk)) || in.gcount() > 0)
    HL_TRY(out->Append(std::string_view(chunk.data(), static_cast<size_t>(in.gcount()))));
  return Ok();
}

Status WriteFile(const std::string& path, const Spool& content) {
  std::ofstream out(path, std::ios::binary);
  std::string chunk;
  for (uint64_t at = 0; at < content.size(); at += chunk.size()) {
    HL_TRY(content.ReadAt(at, kChunk, &chunk));
    out << chunk;
  }
  return Ok();
}

// The greatest resident size of this program, in MiB. It is read from /proc, because getrusage()
// also counts what the parent process had when it forked.
std::string PeakMemoryMib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::to_string(std::stoll(line.substr(6)) / 1024);
  }
  return "?";
}

void Report(uint64_t bytes, std::chrono::steady_clock::time_point start) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} bytes, {:.0f} MB/s, {} MiB of memory\n", bytes,
             static_cast<double>(bytes) / 1e6 / seconds, PeakMemoryMib());
}

Status Run(const std::vector<std::string>& words) {
  HL_ASSIGN(const auto store, Open(words.at(1).c_str()));
  const std::string& command = words.at(2);
  if (command == "list") {
    HL_ASSIGN(const auto list, store->List(words.size() > 3 ? words[3] : ""));
    for (const auto& object : list) fmt::print("{} {}\n", object.name, object.size);
    return Ok();
  }
  if (command == "delete") return store->Delete(words.at(3));
  if (command == "fill") {  // stores many small objects, n00000 and so on
    for (int i = 0; i < std::stoi(words.at(3)); ++i)
      HL_TRY(store->Put(fmt::format("n{:05}", i), Spool("/"), nullptr));
    return Ok();
  }
  Spool spool(std::filesystem::temp_directory_path().string());
  ports::Transfer transfer;
  if (command == "put") HL_TRY(ReadFile(words.at(4), &spool));
  const auto start = std::chrono::steady_clock::now();
  if (command == "put") {
    HL_TRY(store->Put(words.at(3), spool, &transfer));
  } else {
    HL_TRY(store->Get(words.at(3), &spool, &transfer));
  }
  Report(spool.size(), start);
  return command == "put" ? Ok() : WriteFile(words.at(4), spool);
}

}  // namespace
}  // namespace harmonylite

int main(int argc, char** argv) {
  std::vector<std::string> words(argv, argv + argc);
  if (words.size() < 3) {
    fmt::print(stderr, "usage: store_run CONFIG put|get|list|delete|contract …\n");
    return 2;
  }
  if (words[2] == "contract") {
    harmonylite::config_file_of_contract = words[1];
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
  }
  const harmonylite::Status status = harmonylite::Run(words);
  if (status.ok()) return 0;
  fmt::print(stderr, "{}: {}\n", harmonylite::ErrorCodeName(status.error().code()),
             status.error().message());
  return 1;
}
