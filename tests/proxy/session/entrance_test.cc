#include "proxy/session/entrance.h"

#include <gmock/gmock.h>

#include "tests/proxy/control/limited_worker_fixture.h"
#include "tests/support/log_capture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kHeader = "PROXY TCP4 192.168.0.7 10.0.0.1 4711 6380\r\n";

class EntranceTest : public LimitedWorkerFixture {
 protected:
  // Proxies are those of 10.0.0.0/8.
  static conf::Config WithProxies(conf::Config config = TwoNodes()) {
    config.listeners[0].proxy_protocol = {"10.0.0.0/8"};
    return config;
  }
  test::FakeSocket& NewPeer(const std::string& address) {
    worker_->AddClient(0, proxy::NewClient(++last_id_, address),
                       [&](net::StreamObserver& observer) { return loop_.NewStream(observer); });
    return loop_.last_socket();
  }
  test::FakeSocket& NewProxied() { return NewPeer("10.1.2.3:999"); }
  std::string Do(test::FakeSocket& client, const std::string& bytes) {
    client.Receive(bytes);
    loop_.Advance(net::Duration(0));
    Settle();
    return client.TakeWritten();
  }
  const ListenerStats& Counts() const { return stats_->listeners[0]; }
  // So many ticks.
  void Pass(int seconds) {
    for (int i = 0; i < seconds; ++i) loop_.Advance(1s);
    Settle();
  }

  uint64_t last_id_ = 0;
};

TEST_F(EntranceTest, AClientBehindAProxyHasTheAddressThatTheProxyNames) {
  Start(WithProxies());
  test::FakeSocket& client = NewProxied();
  EXPECT_EQ(worker_->session_count(), 0U);
  EXPECT_THAT(Do(client, kHeader + Encode({"CLIENT", "INFO"})), HasSubstr("id=1 addr=192.168.0.7:4711 "));
  EXPECT_THAT(Do(client, Encode({"CLIENT", "LIST"})), HasSubstr("addr=192.168.0.7:4711 "));
  EXPECT_EQ(worker_->session_count(), 1U);
  EXPECT_EQ(Counts().accepted.value(), 1U);
}

TEST_F(EntranceTest, APipelineRightBehindTheHeaderIsAnsweredInOrder) {
  conf::Config config = WithProxies();
  config.listeners[0].limits.requests_in_flight = 2;
  Start(std::move(config));
  test::FakeSocket& client = NewProxied();
  std::string requests;
  for (int i = 0; i < 5; ++i) requests += Encode({"GET", KeyOf(0)});
  EXPECT_EQ(Do(client, kHeader + requests), "");
  EXPECT_FALSE(client.watches_reads) << "its queue is full, and bytes are left";
  for (int i = 0; i < 5; ++i) {
    Node(0).Receive("$1\r\n" + std::to_string(i) + "\r\n");
    Settle();
  }
  EXPECT_EQ(client.TakeWritten(), "$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
  EXPECT_TRUE(client.watches_reads);
}

TEST_F(EntranceTest, WhatCameWithTheHeaderIsAnsweredThoughTheClientHasEndedItsSide) {
  Start(WithProxies());
  test::FakeSocket& client = NewProxied();
  client.Receive(kHeader + Encode({"PING"}));
  client.ReceiveEnd();
  loop_.Advance(net::Duration(0));
  client.ReceiveEnd();
  Settle();
  EXPECT_EQ(client.written, "+PONG\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(EntranceTest, OthersAreServedAsTheyAre) {
  Start(WithProxies());
  test::FakeSocket& client = NewPeer("11.0.0.1:999");
  EXPECT_THAT(Do(client, Encode({"CLIENT", "INFO"})), HasSubstr("addr=11.0.0.1:999 "));
  EXPECT_THAT(Do(client, kHeader), HasSubstr("-ERR unknown command 'PROXY'")) << "nobody else may name his client";
}

TEST_F(EntranceTest, WhoMayNameItsClientHasTo) {
  spdlog::set_level(spdlog::level::info);
  Start(WithProxies());
  spdlog::set_level(spdlog::level::warn);
  loop_.Advance(600s);  // The lines of the tests before it count no more.
  const test::LogCapture log;
  test::FakeSocket& client = NewProxied();
  EXPECT_EQ(Do(client, Encode({"PING"})), "");
  EXPECT_TRUE(client.closed());
  EXPECT_THAT(log.text(), HasSubstr("client 10.1.2.3:999 of listener web is closed: the PROXY header is wrong"));
  EXPECT_EQ(Counts().accepted.value(), 1U);
  EXPECT_EQ(Counts().closed.value(), 1U);
  EXPECT_EQ(Counts().greeting_failures.value(), 1U);
}

TEST_F(EntranceTest, WhoSendsItTooSlowlyIsClosedAtTheDeadline) {
  Start(WithProxies());
  test::FakeSocket& slow = NewProxied();
  test::FakeSocket& silent = NewProxied();
  for (int i = 0; i < 4; ++i) {
    Do(slow, kHeader.substr(static_cast<size_t>(i), 1));
    Pass(1);
  }
  EXPECT_FALSE(slow.closed());
  EXPECT_FALSE(silent.closed());
  Pass(2);
  EXPECT_TRUE(slow.closed());
  EXPECT_TRUE(silent.closed());
  EXPECT_EQ(slow.written + silent.written, "");
}

TEST_F(EntranceTest, LimitsAndLoginsSeeTheClientThatIsNamed) {
  conf::Config config = WithProxies();
  config.listeners[0].password = "secret";
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "clients";
  limit.per = {"client_ip"};
  limit.rate = {1, std::chrono::hours(1)};
  limit.burst = 1;
  Start(std::move(config));
  const auto header_of = [](int host) { return "PROXY TCP4 192.168.0." + std::to_string(host) + " 10.0.0.1 1 2\r\n"; };
  const std::string login = Encode({"AUTH", "secret"});
  const std::string get = Encode({"GET", KeyOf(0)});
  for (const int host : {1, 2}) {
    Do(NewProxied(), header_of(host) + login + get);
    EXPECT_EQ(Node(0).TakeWritten(), get);
    Node(0).Receive("$-1\r\n");
    Settle();
    EXPECT_THAT(Do(NewProxied(), header_of(host) + login + get), HasSubstr("-RATELIMITED "));
  }
  for (uint32_t i = 0; i <= PasswordGate::kFreeTries; ++i) {
    Do(NewProxied(), header_of(3) + Encode({"AUTH", "wrong" + std::to_string(i)}));
  }
  EXPECT_THAT(Do(NewProxied(), header_of(3) + login), Not(HasSubstr("+OK")));
  EXPECT_THAT(Do(NewProxied(), header_of(4) + login), HasSubstr("+OK")) << "others of the same proxy may come in";
}

TEST_F(EntranceTest, AClientOfMemcachedIsNamedTheSameWay) {
  Start(WithProxies(TwoMemcachedNodes()));
  test::FakeSocket& client = NewProxied();
  EXPECT_EQ(Do(client, kHeader + "mn\r\nget " + KeyOf(0) + "\r\n"), "MN\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "get " + KeyOf(0) + "\r\n");
}

TEST_F(EntranceTest, ADrainClosesWhoHasNotBegunAndWhoComesLater) {
  Start(WithProxies());
  test::FakeSocket& early = NewProxied();
  early.Receive(kHeader.substr(0, 10));
  int drained = 0;
  worker_->Drain({.number = 1, .time = 20s, .endpoint = ""}, [&] { ++drained; });
  EXPECT_TRUE(early.closed());
  Settle();
  EXPECT_EQ(drained, 1);
  test::FakeSocket& late = NewProxied();
  EXPECT_TRUE(late.closed());
  EXPECT_EQ(Counts().closed.value(), 2U) << "the control loop counts them as its clients";
  EXPECT_EQ(Counts().greeting_failures.value(), 0U);
}

TEST_F(EntranceTest, AnotherConfigurationChangesWhoHasTo) {
  Start(WithProxies());
  test::FakeSocket& waits = NewProxied();
  worker_->Adopt(NewSnapshot(TwoNodes()));
  Settle();
  test::FakeSocket& plain = NewProxied();
  EXPECT_EQ(Do(plain, Encode({"PING"})), "+PONG\r\n");
  EXPECT_EQ(Do(waits, kHeader + Encode({"PING"})), "+PONG\r\n") << "it goes on as it began";
  worker_->Adopt(NewSnapshot(WithProxies()));
  Settle();
  EXPECT_EQ(Do(NewProxied(), Encode({"PING"})), "");
}

}  // namespace
}  // namespace ringproxy::proxy
