#include "backends/net/libevent_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "backends/net/listen_socket.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

// Stops the loop at the first event of its kind and remembers what was told.
struct Recorder final : StreamObserver {
  explicit Recorder(LibeventLoop& l) : loop(l) {}
  void OnConnected(int error) override {
    connected = error;
    if (stop_when_connected) loop.Stop();
  }
  void OnReadable() override {
    std::array<char, 100> buffer;
    const IoResult result = stream->Read(buffer.data(), buffer.size());
    received.append(buffer.data(), result.bytes);
    if (result.status != IoStatus::kOk) stream->WatchReads(false);
    if (received.size() >= wanted) loop.Stop();
  }
  void OnWritable() override {}

  LibeventLoop& loop;
  std::unique_ptr<Stream> stream;
  std::string received;
  size_t wanted = 5;
  int connected = -1;
  bool stop_when_connected = false;
};

void Write(Stream& stream, std::string text) {
  const iovec piece{text.data(), text.size()};
  EXPECT_EQ(stream.Write({&piece, 1}).bytes, text.size());
}

// A client connects (to the port that was bound), says hello, and the accepted side hears it.
void ExpectHello(Endpoint listen, Endpoint connect) {
  Resolver resolver;
  LibeventLoop loop(resolver);
  Recorder server(loop);
  Recorder client(loop);
  std::string error;
  const auto sockets = ListenSocket::Open(
      loop.base(), listen, [&](int fd, const std::string&) { server.stream = loop.Adopt(fd, server); }, [](int) {},
      &error);
  ASSERT_EQ(sockets.size(), 1U) << error;
  connect.port = sockets[0]->port();
  client.stream = loop.Connect(connect, client);
  loop.SetEndOfTurn([&, said = false]() mutable {
    if (client.connected == 0 && !said) {
      said = true;
      Write(*client.stream, "hello");
    }
    return NextTurn::kMayWait;
  });
  loop.Run();
  EXPECT_EQ(server.received, "hello");
}

TEST(LibeventLoop, ConnectsOverTcp) {
  ExpectHello({"127.0.0.1", 0, ""}, {"127.0.0.1", 0, ""});
}

TEST(LibeventLoop, ConnectsToAHostNameWithoutBlocking) {
  ExpectHello({"127.0.0.1", 0, ""}, {"localhost", 0, ""});
}

TEST(LibeventLoop, ConnectsOverAUnixSocketWhoseFileIsRemovedAfterwards) {
  const std::string path = testing::TempDir() + "ringproxy_loop_test.sock";
  ExpectHello({"", 0, path}, {"", 0, path});
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(LibeventLoop, TellsOfARefusedConnection) {
  Resolver resolver;
  LibeventLoop loop(resolver);
  Recorder client(loop);
  client.stop_when_connected = true;
  client.stream = loop.Connect({"", 0, testing::TempDir() + "nobody_listens.sock"}, client);
  EXPECT_EQ(client.connected, -1);  // Not before Connect returned.
  loop.Run();
  EXPECT_GT(client.connected, 0);
}

TEST(LibeventLoop, RunsTimersAndForgetsDisarmedOnes) {
  Resolver resolver;
  LibeventLoop loop(resolver);
  int fired = 0;
  const auto never = loop.NewTimer([&] { fired += 100; });
  never->Arm(1ms);
  never->Disarm();
  const auto timer = loop.NewTimer([&] {
    ++fired;
    loop.Stop();
  });
  const TimePoint before = loop.now();
  timer->Arm(3ms);
  EXPECT_TRUE(timer->armed());
  loop.Run();
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer->armed());
  EXPECT_LE(before, loop.now());
}

TEST(LibeventLoop, RunsPostedWorkInOrderOnItsOwnThread) {
  Resolver resolver;
  LibeventLoop loop(resolver);
  std::vector<int> order;
  std::thread::id ran_on;
  std::jthread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.Post([&, i] {
        order.push_back(i);
        ran_on = std::this_thread::get_id();
      });
    }
    loop.Stop();
  });
  loop.Run();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

// Measures turns of which each takes a time of its own, by spinning.
class TurnMeterTest : public testing::Test {
 protected:
  void Run() {
    loop_.SetTurnMeter([this](const TurnTimes& turn) { turns_.push_back(turn); });
    const auto before = std::chrono::steady_clock::now();
    loop_.Run();
    whole_ = std::chrono::ceil<Duration>(std::chrono::steady_clock::now() - before);
  }
  static void Spin(Duration time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
  }
  Duration Waited() const {
    Duration sum{0};
    for (const TurnTimes& turn : turns_) sum += turn.waited;
    return sum;
  }
  Duration Took() const {
    Duration sum{0};
    for (const TurnTimes& turn : turns_) sum += turn.took;
    return sum;
  }

  Resolver resolver_;
  LibeventLoop loop_{resolver_};
  std::vector<TurnTimes> turns_;
  Duration whole_{0};
};

TEST_F(TurnMeterTest, TellsSleepFromTheWorkOfTimersAndOfTheEndOfTheTurn) {
  const auto timer = loop_.NewTimer([&] {
    Spin(10ms);
    loop_.Stop();
  });
  timer->Arm(50ms);
  bool is_first = true;
  loop_.SetEndOfTurn([&] {
    if (std::exchange(is_first, false)) Spin(5ms);
    return NextTurn::kMayWait;
  });
  Run();
  ASSERT_GE(turns_.size(), 2U);  // The timer's, and Stop's.
  // libevent's own clock is a coarse one: a timer may come some milliseconds early.
  EXPECT_GE(turns_[0].waited, 30ms);
  EXPECT_GE(turns_[0].took, 15ms);
  EXPECT_LE(Waited() + Took(), whole_);
}

TEST_F(TurnMeterTest, CountsWorkPostedByOthers) {
  loop_.Post([] { Spin(10ms); });
  loop_.Stop();
  Run();
  EXPECT_GE(Took(), 10ms);
}

TEST_F(TurnMeterTest, CountsATurnThatOnlyLooksAsWork) {
  const auto far = loop_.NewTimer([] {});
  far->Arm(1h);
  int turns = 0;
  loop_.SetEndOfTurn([&] {
    Spin(1ms);
    if (++turns == 5) loop_.Stop();
    return NextTurn::kAtOnce;
  });
  loop_.Post([] {});
  Run();
  ASSERT_GE(turns_.size(), 5U);
  for (size_t i = 1; i < turns_.size(); ++i) EXPECT_EQ(turns_[i].waited, Duration(0)) << i;
  EXPECT_GE(Took(), 5ms);
  EXPECT_LE(Waited() + Took(), whole_);
}

}  // namespace
}  // namespace ringproxy::net
