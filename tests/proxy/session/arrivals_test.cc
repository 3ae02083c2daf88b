#include "proxy/session/arrivals.h"

#include <gmock/gmock.h>

#include <vector>

#include "backends/line_limit.h"
#include "tests/support/fake_loop.h"
#include "tests/support/log_capture.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using test::FakeSocket;
using testing::ElementsAre;
using testing::HasSubstr;

// Any three letters.
class ThreeLetters final : public Greeting {
 public:
  std::string_view name() const override { return "its word"; }
  GreetingStatus Continue(std::unique_ptr<net::Stream>& stream, ClientState& client) override {
    char letter;
    const net::IoResult result = stream->Read(&letter, 1);
    if (result.status == net::IoStatus::kWouldBlock) return GreetingStatus::kUnderWay;
    if (result.status != net::IoStatus::kOk) return GreetingStatus::kLeft;
    if (letter < 'a' || letter > 'z') return GreetingStatus::kWrong;
    word_ += letter;
    if (word_.size() < 3) return GreetingStatus::kUnderWay;
    client.address = word_;
    return GreetingStatus::kWhole;
  }

 private:
  std::string word_;
};

class ArrivalsTest : public testing::Test {
 protected:
  struct BegunSession final : net::StreamObserver {
    void OnConnected(int) override {}
    void OnReadable() override { ++told; }
    void OnWritable() override {}

    ClientState client;
    std::unique_ptr<net::Stream> stream;
    int told = 0;
  };

  ArrivalsTest() {
    listener_.conf.name = "web";
    // The lines of the tests before it count no more.
    static int tests = 0;
    loop_.Advance(++tests * 30s);
  }
  FakeSocket& Arrive() {
    arrivals_.Add(listener_, TestClient(), std::make_unique<ThreeLetters>(),
                  [&](net::StreamObserver& observer) { return loop_.NewStream(observer); });
    return loop_.last_socket();
  }
  std::vector<std::string> Begun() const {
    std::vector<std::string> addresses;
    for (const auto& session : sessions_) addresses.push_back(session->client.address);
    return addresses;
  }
  // After so many seconds, one tick a second.
  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      loop_.Advance(1s);
      arrivals_.Tick();
    }
  }

  test::LogCapture log_;
  test::FakeLoop loop_;
  ListenerStats stats_{0};
  ListenerContext listener_{0, {}, {}, stats_};
  std::vector<std::unique_ptr<BegunSession>> sessions_;
  Arrivals arrivals_{loop_, [this](ListenerContext& listener, ClientState client, const auto& make_stream) {
                       EXPECT_EQ(&listener, &listener_);
                       BegunSession& session = *sessions_.emplace_back(std::make_unique<BegunSession>());
                       session.client = std::move(client);
                       session.stream = make_stream(session);
                     }};
};

TEST_F(ArrivalsTest, ASessionBeginsOnceItsGreetingIsWhole) {
  FakeSocket& socket = Arrive();
  socket.Receive("ab");
  EXPECT_THAT(Begun(), ElementsAre());
  EXPECT_FALSE(socket.closed());
  socket.Receive("c");
  EXPECT_THAT(Begun(), ElementsAre("abc"));
  socket.observer->OnReadable();
  EXPECT_EQ(sessions_[0]->told, 1) << "the stream is the session's";
  EXPECT_EQ(stats_.closed.value() + stats_.accepted.value(), 0U) << "that is the session's to count";
  EXPECT_EQ(log_.text(), "");
}

TEST_F(ArrivalsTest, WhatIsWrongEndsWithoutWordsAndIsLogged) {
  spdlog::set_level(spdlog::level::info);
  FakeSocket& socket = Arrive();
  socket.Receive("aB");
  EXPECT_TRUE(socket.closed());
  EXPECT_EQ(socket.written, "");
  EXPECT_THAT(log_.Take(), HasSubstr("client 127.0.0.1:50000 of listener web is closed: its word is wrong"));
  FakeSocket& leaves = Arrive();
  leaves.ReceiveEnd();
  EXPECT_TRUE(leaves.closed());
  EXPECT_THAT(log_.Take(), HasSubstr("its word was not whole when it left"));
  EXPECT_EQ(stats_.accepted.value(), 2U);
  EXPECT_EQ(stats_.closed.value(), 2U) << "they make room for others";
  EXPECT_EQ(stats_.greeting_failures.value(), 2U);
}

TEST_F(ArrivalsTest, ALateOneEndsHoweverManyBytesItSends) {
  spdlog::set_level(spdlog::level::info);
  FakeSocket& first = Arrive();
  Pass(3);
  FakeSocket& second = Arrive();
  first.Receive("a");
  Pass(1);
  EXPECT_FALSE(first.closed());
  first.Receive("b");
  Pass(1);
  EXPECT_TRUE(first.closed());
  EXPECT_THAT(log_.Take(), HasSubstr("its word was not whole after 5s"));
  EXPECT_FALSE(second.closed());
  second.Receive("abc");
  Pass(10);
  EXPECT_THAT(Begun(), ElementsAre("abc")) << "whoever has begun is not late";
  EXPECT_EQ(stats_.greeting_failures.value(), 1U);
}

TEST_F(ArrivalsTest, AThousandOfThemKeepNobodyWaitingAndFillNoLog) {
  spdlog::set_level(spdlog::level::info);
  std::vector<FakeSocket*> slow;
  for (int i = 0; i < 1000; ++i) slow.push_back(&Arrive());
  for (FakeSocket* socket : slow) socket->Receive("a");
  Arrive().Receive("abc");
  EXPECT_THAT(Begun(), ElementsAre("abc"));
  Pass(6);
  for (FakeSocket* socket : slow) EXPECT_TRUE(socket->closed());
  EXPECT_EQ(stats_.closed.value(), 1000U);
  const std::string text = log_.Take();
  EXPECT_LE(std::ranges::count(text, '\n'), 1 + static_cast<int>(backends::LineLimit::kBurst));
}

TEST_F(ArrivalsTest, ADrainClosesAllOfThem) {
  FakeSocket& one = Arrive();
  FakeSocket& other = Arrive();
  one.Receive("ab");
  arrivals_.CloseAll();
  EXPECT_TRUE(one.closed());
  EXPECT_TRUE(other.closed());
  EXPECT_EQ(stats_.closed.value(), 2U);
  EXPECT_EQ(stats_.greeting_failures.value(), 0U) << "it is not their fault";
  EXPECT_EQ(log_.text(), "");
}

}  // namespace
}  // namespace ringproxy::proxy
