#include "proxy/session/proxy_greeting.h"

#include <gtest/gtest.h>

#include "backends/wire/proxy_header.h"
#include "tests/support/fake_loop.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {
namespace {

using namespace std::string_literals;
using GreetingStatus = Greeting::GreetingStatus;

const std::string kText = "PROXY TCP4 192.168.0.7 10.0.0.1 4711 6380\r\n";
const std::string kBinary = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\xa8\0\x07\x0a\0\0\x01\x12\x67\x18\xec"s;
const std::string kLocal = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s;
const std::string kPing = "*1\r\n$4\r\nPING\r\n";

class ProxyGreetingTest : public testing::Test {
 protected:
  struct RestObserver final : net::StreamObserver {
    void OnConnected(int) override {}
    void OnReadable() override { ++told; }
    void OnWritable() override {}
    int told = 0;
  };

  ProxyGreetingTest() { Begin(); }
  ~ProxyGreetingTest() override {
    greeting_.reset();
    stream_.reset();
    EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
  }
  void Begin() {
    greeting_ = std::make_unique<ProxyGreeting>(io_);
    stream_ = loop_.NewStream(observer_);
    client_ = TestClient();
    client_.flavour.protocol = 3;
  }
  // Comes, and is looked at until nothing is left in the socket.
  GreetingStatus Come(const std::string& bytes) {
    std::string& incoming = loop_.last_socket().incoming;
    incoming += bytes;
    GreetingStatus status = GreetingStatus::kUnderWay;
    while (!incoming.empty() && status == GreetingStatus::kUnderWay) status = greeting_->Continue(stream_, client_);
    return status;
  }
  // What the session will read.
  std::string Rest() {
    std::string rest(10'000, '\0');
    const net::IoResult result = stream_->Read(rest.data(), rest.size());
    rest.resize(result.bytes);
    return rest;
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = {}};
  RestObserver observer_;
  ClientState client_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<ProxyGreeting> greeting_;
};

TEST_F(ProxyGreetingTest, NamesTheClientAndLeavesWhatFollowsWhereverItIsCut) {
  for (const std::string& header : {kText, kBinary}) {
    const std::string all = header + kPing;
    for (size_t cut = 0; cut <= all.size(); ++cut) {
      Begin();
      const GreetingStatus first = Come(all.substr(0, cut));
      EXPECT_EQ(first, cut < header.size() ? GreetingStatus::kUnderWay : GreetingStatus::kWhole) << cut;
      EXPECT_EQ(client_.address, cut < header.size() ? "127.0.0.1:50000" : "192.168.0.7:4711") << cut;
      if (first == GreetingStatus::kUnderWay) {
        EXPECT_EQ(Come(all.substr(cut)), GreetingStatus::kWhole) << cut;
        EXPECT_EQ(Rest(), kPing) << cut;
      }
      EXPECT_EQ(client_.address, "192.168.0.7:4711");
      EXPECT_EQ(client_.ip, conf::ParseIp("192.168.0.7"));
      EXPECT_EQ(client_.id, 1U);
      EXPECT_EQ(client_.flavour.protocol, 3) << "all else is as it was";
    }
  }
}

TEST_F(ProxyGreetingTest, TakesItByteByByte) {
  for (const char byte : kBinary.substr(0, kBinary.size() - 1)) {
    ASSERT_EQ(Come({byte}), GreetingStatus::kUnderWay);
  }
  EXPECT_LE(io_.blocks.bytes_in_use(), 256U) << "no more is held than has come";
  EXPECT_EQ(Come(kBinary.substr(kBinary.size() - 1)), GreetingStatus::kWhole);
  EXPECT_FALSE(stream_->has_more());
}

TEST_F(ProxyGreetingTest, WhatIsBehindItIsToldThoughNoByteArrives) {
  ASSERT_EQ(Come(kText + kPing), GreetingStatus::kWhole);
  EXPECT_TRUE(stream_->has_more());
  RestObserver session;
  stream_->SetObserver(session);
  loop_.Advance(net::Duration(0));
  EXPECT_EQ(session.told, 1);
  EXPECT_EQ(Rest(), kPing);
  EXPECT_EQ(observer_.told, 0);
}

TEST_F(ProxyGreetingTest, ReadsNoFurtherThanAHeaderMayBeLong) {
  const std::string much(100'000, 'x');
  ASSERT_EQ(Come(kText + much), GreetingStatus::kWhole);
  EXPECT_EQ(Rest().size(), wire::kMostProxyHeader - kText.size());
}

TEST_F(ProxyGreetingTest, AConnectionOfTheProxysOwnHasItsSocketsAddress) {
  for (const std::string& header : {kLocal, "PROXY UNKNOWN\r\n"s}) {
    Begin();
    EXPECT_EQ(Come(header + kPing), GreetingStatus::kWhole);
    EXPECT_EQ(client_.address, "127.0.0.1:50000");
    EXPECT_EQ(Rest(), kPing);
  }
}

TEST_F(ProxyGreetingTest, KnowsTheAddressOfIpv6) {
  EXPECT_EQ(Come("PROXY TCP6 2001:db8::7 ::1 4711 6380\r\n"), GreetingStatus::kWhole);
  EXPECT_EQ(client_.address, "[2001:db8::7]:4711");
  EXPECT_EQ(client_.ip, conf::ParseIp("2001:db8::7"));
}

TEST_F(ProxyGreetingTest, ARequestWithoutAHeaderIsWrong) {
  for (const std::string& bytes :
       {kPing, "PING\r\n"s, "get k\r\n"s, kText.substr(0, 30) + "\r\n", std::string(107, 'P')}) {
    Begin();
    EXPECT_EQ(Come(bytes), GreetingStatus::kWrong) << bytes;
  }
}

TEST_F(ProxyGreetingTest, KnowsWhoHasLeft) {
  EXPECT_EQ(Come(kText.substr(0, 20)), GreetingStatus::kUnderWay);
  EXPECT_EQ(greeting_->Continue(stream_, client_), GreetingStatus::kUnderWay) << "nothing has come";
  loop_.last_socket().end_of_stream = true;
  EXPECT_EQ(greeting_->Continue(stream_, client_), GreetingStatus::kLeft);
  Begin();
  loop_.last_socket().error = ECONNRESET;
  EXPECT_EQ(greeting_->Continue(stream_, client_), GreetingStatus::kLeft);
}

}  // namespace
}  // namespace ringproxy::proxy
