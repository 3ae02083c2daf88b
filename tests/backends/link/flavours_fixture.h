// tests/backends/link/flavours_fixture.h – One node of a pool, and lanes of clients that take links of several
// flavours.
#pragma once

#include <string>
#include <vector>

#include "tests/backends/link/node_pool_fixture.h"
#include "tests/backends/link/recording_sink.h"

namespace ringproxy::backends {

inline constexpr Flavour kResp3Flavour{.database = 0, .protocol = 3};

inline Flavour Database(uint16_t number) {
  return {.database = number, .protocol = 2};
}

class FlavoursTest : public NodePoolTest {
 protected:
  static constexpr const char* kGreeting3 = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n";
  static constexpr const char* kHello3 = "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n";

  FlavoursTest() {
    pool_conf_.nodes.resize(1);
    // The first attempts of a test wait for nobody.
    pool_conf_.reconnect.rate = {1000, 1s};
  }

  // Its plain links are ready.
  void Start(uint32_t connections = 1) {
    pool_conf_.connections_per_node = connections;
    ring_ = conf::MakePoolRing(pool_conf_);
    pool_.emplace(flavour_parts_, pool_conf_, *ring_, health_.records);
    pool_->Connect();
    for (size_t i = 0; i < loop_.sockets(); ++i) Ready(loop_.socket(i));
    ASSERT_EQ(ReadyLinks(), connections);
  }
  void SendIn(Flavour flavour, uint32_t slot, uint32_t lane = 0) {
    const std::string request = std::to_string(slot) + ";";
    pool_->Send(0, {lane, flavour}, std::string_view(request), {0, 0, slot, Ticket::Kind::kSession});
  }
  // Answers the whole greeting of a link.
  void Greet(test::FakeSocket& socket, Flavour flavour) {
    socket.observer->OnConnected(0);
    socket.TakeWritten();
    const std::string hello = flavour.protocol == 3 ? kHello3 : "";
    socket.Receive(hello + (flavour.database != 0 ? "+OK\r\n" : "") + "+PONG\r\n");
    FlushAll();
  }
  // The newest socket becomes a link that has written nothing yet.
  test::FakeSocket& GreetNewest(Flavour flavour) {
    Greet(loop_.last_socket(), flavour);
    return loop_.last_socket();
  }
  // A link of the flavour that is ready and idle.
  test::FakeSocket& Open(Flavour flavour, uint32_t slot = 0) {
    SendIn(flavour, slot);
    test::FakeSocket& socket = GreetNewest(flavour);
    socket.TakeWritten();
    socket.Receive("+opened\r\n");
    recorder_.outcomes.clear();
    return socket;
  }
  uint64_t ReadyLinks() { return health_.stats(0).ready_connections.value(); }
  Outcomes TakeOutcomes() { return std::exchange(recorder_.outcomes, {}); }

  RecordingSink recorder_;
  const PoolNode::PoolNodeParts flavour_parts_{io_, recorder_, flush_list_, health_.observer, 0};
};

}  // namespace ringproxy::backends
