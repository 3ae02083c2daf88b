// Clients that subscribe over links to two nodes.
#pragma once

#include <string>
#include <vector>

#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {

class RedisFrontPubSubTest : public RedisFrontTest {
 protected:
  void Start(conf::OnGap on_gap = conf::OnGap::kKeep,
             conf::SubscriptionLinks links = conf::SubscriptionLinks::kShared) {
    conf::Config config = TwoNodes();
    config.pools[0].reconnect.rate = {1000, std::chrono::seconds(1)};
    config.pools[0].on_gap = on_gap;
    config.pools[0].subscriptions = links;
    WorkerFixture::Start(std::move(config));
  }
  // The first subscription opens a link to each node; they become links_[0] and [1].
  void OpenLinks(test::FakeSocket& client, const std::string& channel) {
    const size_t before = loop_.sockets();
    client.Receive(Encode({"SUBSCRIBE", channel}));
    ASSERT_EQ(loop_.sockets(), before + 2);
    for (size_t i = 0; i < 2; ++i) links_[i] = &loop_.socket(before + i);
    for (size_t i = 0; i < 2; ++i) Greet(i);
    Confirm("subscribe", channel);
    EXPECT_EQ(Replies(client), std::vector<std::string>{Ack("subscribe", channel, 1)});
  }
  void Greet(size_t node) {
    links_[node]->observer->OnConnected(0);
    links_[node]->TakeWritten();
    links_[node]->Receive("+PONG\r\n");
    Settle();
  }
  static std::string Ack(const std::string& word, const std::string& name, int count, char type = '*') {
    return type + ("3\r\n$" + std::to_string(word.size()) + "\r\n" + word + "\r\n$" + std::to_string(name.size()) +
                   "\r\n" + name + "\r\n:" + std::to_string(count) + "\r\n");
  }
  static std::string Message(const std::string& channel, const std::string& text, char type = '*') {
    return type + Encode({"message", channel, text}).substr(1);
  }
  // Both nodes have been told so, and confirm it.
  void Confirm(const std::string& word, const std::string& name) {
    Settle();
    for (test::FakeSocket* link : links_) {
      EXPECT_EQ(link->TakeWritten(), Encode({word, name}));
      link->Receive(Ack(word, name, 1));
    }
    Settle();
  }
  uint64_t Gaps(uint32_t node) { return snapshot_->pools[0].nodes[node]->stats(0).subscription_gaps.value(); }

  test::FakeSocket* links_[2] = {};
};

}  // namespace ringproxy::proxy
