#include "adapters/nats/object_store.h"

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "adapters/nats/object_meta.h"
#include "adapters/nats/push_consumer.h"
#include "support/nats_server.h"
#include "support/object_store_contract.h"
#include "support/tcp_proxy.h"

namespace harmonylite::test {
namespace {

nats::JetStreamObjectStoreOptions StoreOptions() {
  nats::JetStreamObjectStoreOptions out;
  out.bucket = "snaps";
  out.retry.attempts = 3;
  out.retry.first_wait = std::chrono::milliseconds(20);
  return out;
}

class NatsHolder final : public StoreHolder {
 public:
  NatsHolder() { EXPECT_OK(server_.Start()); }
  std::unique_ptr<ports::ObjectStore> Open() override {
    return std::make_unique<nats::JetStreamObjectStore>(
        std::make_shared<Connection>(server_.Client()), StoreOptions());
  }

 private:
  TestServer server_;
};

INSTANTIATE_TEST_SUITE_P(Nats, ObjectStoreContract,
                         ::testing::Values(StoreKind{
                             "Nats", [] { return std::make_unique<NatsHolder>(); }}),
                         StoreKindName);

}  // namespace
}  // namespace harmonylite::test

namespace harmonylite::nats {
namespace {

using test::TestServer;

class NatsObjectStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(server_.Start());
    ASSERT_VALUE(connection_, Connection::Open(server_.Client()));
    store_ = std::make_unique<JetStreamObjectStore>(connection_, test::StoreOptions());
  }
  Spool Filled(std::string_view bytes) const {
    Spool spool(server_.dir().path());
    EXPECT_OK(spool.Append(bytes));
    return spool;
  }
  std::shared_ptr<Session> session() { return connection_->Acquire().value(); }
  // Returns the messages on a subject, as any client reads them.
  std::vector<std::string> Raw(const std::string& filter, size_t count) {
    PushConsumer::Options options;
    options.stream = "OBJ_snaps";
    options.filter = filter;
    auto consumer = PushConsumer::Open(session(), options);
    EXPECT_OK(consumer);
    std::vector<std::string> out;
    while (out.size() < count) {
      auto pushed = (*consumer)->Next(test::kPatience);
      EXPECT_OK(pushed);
      if (!pushed.ok() || !pushed->message) break;
      out.emplace_back(natsMsg_GetData(pushed->message.get()),
                       natsMsg_GetDataLength(pushed->message.get()));
    }
    return out;
  }
  uint64_t Messages() {
    auto info = GetStreamInfo(*session(), "OBJ_snaps", 2000);
    EXPECT_OK(info);
    return info.ok() ? (*info)->State.Msgs : 0;
  }
  void Publish(const std::string& subject, const std::string& text, bool rollup = false) {
    natsMsg* raw = nullptr;
    ASSERT_EQ(natsMsg_Create(&raw, subject.c_str(), nullptr, text.data(), int(text.size())),
              NATS_OK);
    const MsgPtr message(raw);
    if (rollup) natsMsgHeader_Set(raw, "Nats-Rollup", "sub");
    ASSERT_EQ(js_PublishMsg(nullptr, session()->js(), raw, nullptr, nullptr), NATS_OK);
  }
  Status Get(const std::string& name, std::string* bytes) {
    Spool out(server_.dir().path());
    HL_TRY(store_->Get(name, &out, nullptr));
    return out.ReadAt(0, out.size(), bytes);
  }

  TestServer server_;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<JetStreamObjectStore> store_;
};

// The clients in Go, JavaScript and Python expect this layout.
TEST_F(NatsObjectStoreTest, TheLayoutIsThatOfOtherClients) {
  const std::string bytes = test::NoiseBytes(300'000, 1);
  ASSERT_OK(store_->Put("one-1.zst", Filled(bytes), nullptr));
  const auto meta_text = Raw("$O.snaps.M.b25lLTEuenN0", 1);  // the name in base64
  ASSERT_EQ(meta_text.size(), 1u);
  const auto meta = nlohmann::json::parse(meta_text[0]);
  EXPECT_EQ(meta["name"], "one-1.zst");
  EXPECT_EQ(meta["bucket"], "snaps");
  EXPECT_EQ(meta["size"], 300'000);
  EXPECT_EQ(meta["chunks"], 3);
  EXPECT_EQ(meta["options"]["max_chunk_size"], 131'072);
  const std::string nuid = meta["nuid"];
  EXPECT_EQ(nuid.size(), 22u);
  const auto chunks = Raw("$O.snaps.C." + nuid, 3);
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0].size(), 131'072u);
  EXPECT_EQ(chunks[0] + chunks[1] + chunks[2], bytes);
  EXPECT_EQ(Messages(), 4u);

  ASSERT_OK(store_->Put("known", Filled("hello"), nullptr));
  const auto known = nlohmann::json::parse(Raw("$O.snaps.M.a25vd24=", 1).at(0));
  EXPECT_EQ(known["digest"], "SHA-256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");

  ASSERT_VALUE(const auto info, GetStreamInfo(*session(), "OBJ_snaps", 2000));
  EXPECT_TRUE(info->Config->AllowRollup);
  EXPECT_EQ(info->Config->Discard, js_DiscardNew);
  ASSERT_EQ(info->Config->SubjectsLen, 2);
  EXPECT_STREQ(info->Config->Subjects[0], "$O.snaps.C.>");
  EXPECT_STREQ(info->Config->Subjects[1], "$O.snaps.M.>");
}

// A source that yields "hello" and computes its own SHA-256.
class SummedSource final : public ports::ObjectSource {
 public:
  Status Begin() override { return Ok(); }
  Status Next(std::string* out) override {
    *out = std::exchange(left_, "");
    return Ok();
  }
  bool sums() const override { return true; }
  std::string Sha256() const override { return std::string(32, '\1'); }

 private:
  std::string left_ = "hello";
};

TEST_F(NatsObjectStoreTest, WhatIsSummedAlreadyIsNotSummedAgain) {
  SummedSource source;
  ASSERT_OK(store_->PutFrom("a", &source, nullptr));
  const auto meta = nlohmann::json::parse(Raw("$O.snaps.M.YQ==", 1).at(0));
  EXPECT_EQ(meta["digest"], "SHA-256=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
  std::string bytes;
  EXPECT_EQ(Get("a", &bytes).error().code(), ErrorCode::kCorruption) << "the sum is wrong";
}

TEST_F(NatsObjectStoreTest, WhatOtherClientsWriteIsRead) {
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  Publish("$O.snaps.C.NUID1", "hel");
  Publish("$O.snaps.C.NUID1", "lo");
  // This description is in the form that Go's client writes.
  Publish(
      "$O.snaps.M.a25vd24=",
      R"({"name":"known","options":{"max_chunk_size":131072},"bucket":"snaps","nuid":"NUID1","size":5,)"
      R"("mtime":"0001-01-01T00:00:00Z","chunks":2,)"
      R"("digest":"SHA-256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="})",
      true);
  std::string bytes;
  ASSERT_OK(Get("known", &bytes));
  EXPECT_EQ(bytes, "hello");
  EXPECT_EQ(store_->List("")->size(), 2u);
  // This is how the other clients mark a deleted object.
  Publish(
      "$O.snaps.M.a25vd24=",
      R"({"name":"known","bucket":"snaps","nuid":"NUID1","size":0,"chunks":0,"digest":"","deleted":true})",
      true);
  EXPECT_EQ(Get("known", &bytes).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_->List("")->size(), 1u);
}

TEST_F(NatsObjectStoreTest, NothingStaysOfWhatIsDeletedOrReplaced) {
  ASSERT_OK(store_->Put("a", Filled(test::NoiseBytes(500'000, 2)), nullptr));
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  EXPECT_EQ(Messages(), 2u);
  ASSERT_OK(store_->Delete("a"));
  EXPECT_EQ(Messages(), 0u);
}

TEST_F(NatsObjectStoreTest, AlteredAndLostPartsAreNoticed) {
  ASSERT_OK(store_->Put("a", Filled(test::NoiseBytes(500'000, 3)), nullptr));
  auto meta = nlohmann::json::parse(Raw("$O.snaps.M.YQ==", 1).at(0));
  std::string bytes;
  const std::string good = meta.dump();
  meta["digest"] = "SHA-256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
  Publish("$O.snaps.M.YQ==", meta.dump(), true);
  EXPECT_EQ(Get("a", &bytes).error().code(), ErrorCode::kCorruption);
  Publish("$O.snaps.M.YQ==", "not JSON", true);
  EXPECT_EQ(Get("a", &bytes).error().code(), ErrorCode::kCorruption);
  Publish("$O.snaps.M.YQ==", good, true);
  ASSERT_OK(Get("a", &bytes));
  ASSERT_EQ(js_DeleteMsg(session()->js(), "OBJ_snaps", 2, nullptr, nullptr), NATS_OK);
  const Status got = Get("a", &bytes);
  EXPECT_EQ(got.error().code(), ErrorCode::kCorruption) << got.error().message();
  // A damaged object can still be replaced.
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  ASSERT_OK(Get("a", &bytes));
  EXPECT_EQ(bytes, "x");
}

// A store whose first consumers read from a replica that has of the stream what lies at `from` and
// behind it alone: the server counts all parts, and delivers fewer. (They are told to begin there.)
class LaggingReplicaTest : public NatsObjectStoreTest {
 protected:
  void SetUp() override {
    NatsObjectStoreTest::SetUp();
    ASSERT_OK(store_->Put("a", Filled(content_), nullptr));  // at 1 to 4, its description at 5
    proxy_ = std::make_unique<test::TcpProxy>(server_.port(), [this](std::string* bytes) {
      const size_t at = bytes->find(kBegins);
      if (at == std::string::npos || ++consumers_ > lagging_) return;
      (*bytes)[at + kBegins.size() - 2] = from_;
    });
    auto options = test::StoreOptions();
    options.silence = std::chrono::milliseconds(100);
    ASSERT_VALUE(connection_, Connection::Open(TestServer::ClientOf(proxy_->nats_url())));
    store_ = std::make_unique<JetStreamObjectStore>(connection_, options);
  }
  // Cancels what does not end.
  Status GetToItsEnd(std::string* bytes) {
    Spool spool(server_.dir().path());
    ports::Transfer transfer;
    std::atomic<bool> done{false};
    Status got = Ok();
    std::thread thread([&] {
      got = store_->Get("a", &spool, &transfer);
      done = true;
    });
    EXPECT_TRUE(test::WaitUntil([&] { return done.load(); })) << "it waits for ever";
    transfer.cancelled = true;
    thread.join();
    EXPECT_OK(spool.ReadAt(0, spool.size(), bytes));
    return got;
  }

  static constexpr std::string_view kBegins = "\"opt_start_seq\":1,";
  const std::string content_ = test::NoiseBytes(500'000, 5);
  // Set before anything is read.
  char from_ = '9';
  int lagging_ = 1'000;
  std::atomic<int> consumers_{0};
  std::unique_ptr<test::TcpProxy> proxy_;
};

TEST_F(LaggingReplicaTest, PartsThatNeverComeAreForLater) {
  std::string bytes;
  const Status got = GetToItsEnd(&bytes);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(got.error().message().find("0 of its 4 parts came"), std::string::npos)
      << got.error().message();
  EXPECT_EQ(consumers_, 3);
}

TEST_F(LaggingReplicaTest, SoAreThoseOfWhichSomeCome) {
  from_ = '3';
  std::string bytes;
  const Status got = GetToItsEnd(&bytes);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(got.error().message().find("2 of its 4 parts came"), std::string::npos)
      << got.error().message();
}

TEST_F(LaggingReplicaTest, AnotherConsumerReadsFromAnotherReplica) {
  from_ = '3';
  lagging_ = 2;
  std::string bytes;
  EXPECT_OK(GetToItsEnd(&bytes));
  EXPECT_EQ(bytes, content_);
}

TEST_F(LaggingReplicaTest, WhatIsOnePartComesFromTheLeader) {
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  std::string bytes;
  EXPECT_OK(GetToItsEnd(&bytes));
  EXPECT_EQ(bytes, "x");
}

TEST_F(NatsObjectStoreTest, AServerThatIsAwayIsForLater) {
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  server_.Stop();
  std::string bytes;
  EXPECT_EQ(Get("a", &bytes).error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(store_->Put("a", Filled("y"), nullptr).error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(store_->List("").error().code(), ErrorCode::kRetryLater);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(test::WaitUntil([&] { return Get("a", &bytes).ok(); }));
  EXPECT_EQ(bytes, "x");
}

TEST_F(NatsObjectStoreTest, AFullStoreIsForLaterAndTheOldObjectStays) {
  ASSERT_OK(store_->Put("a", Filled("old"), nullptr));
  ASSERT_VALUE(const auto info, GetStreamInfo(*session(), "OBJ_snaps", 2000));
  info->Config->MaxBytes = 1 << 20;
  ASSERT_EQ(js_UpdateStream(nullptr, session()->js(), info->Config, nullptr, nullptr), NATS_OK);
  const Status put = store_->Put("a", Filled(test::NoiseBytes(3 << 20, 4)), nullptr);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(put.error().message().find("maximum bytes exceeded"), std::string::npos)
      << put.error().message();
  std::string bytes;
  ASSERT_OK(Get("a", &bytes));
  EXPECT_EQ(bytes, "old");
  EXPECT_EQ(Messages(), 2u);  // no part may stay behind
}

TEST_F(NatsObjectStoreTest, ABucketThatWasRemovedIsMadeAgain) {
  ASSERT_OK(store_->Put("a", Filled("x"), nullptr));
  ASSERT_OK(test::DeleteStreamForTest(connection_, "OBJ_snaps"));
  std::string bytes;
  EXPECT_EQ(Get("a", &bytes).error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(store_->List("")->empty());
  EXPECT_OK(store_->Delete("a"));
  ASSERT_OK(store_->Put("a", Filled("y"), nullptr));
  ASSERT_OK(Get("a", &bytes));
}

TEST_F(NatsObjectStoreTest, ReplicasThatCannotBeAreForTheOperator) {
  auto options = test::StoreOptions();
  options.replicas = 3;
  options.bucket = "other";
  JetStreamObjectStore store(connection_, options);
  EXPECT_EQ(store.Put("a", Filled("x"), nullptr).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace harmonylite::nats
