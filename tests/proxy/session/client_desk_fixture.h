// tests/proxy/session/client_desk_fixture.h – Clients of two listeners around a whole worker, which ask about each
// other.
#pragma once

#include "proxy/session/client_desk.h"
#include "tests/proxy/session/redis_front_fixture.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {

class ClientDeskTest : public RedisFrontTest {
 protected:
  // Two listeners; the clients of the first may do everything.
  static conf::Config TwoListeners() {
    conf::Config config = TwoNodes();
    config.listeners.push_back(config.listeners[0]);
    config.listeners[1].name = "other";
    config.listeners[0].admin_commands = true;
    return config;
  }
  // Its id is the number of those before it and 1.
  test::FakeSocket& Client(uint32_t listener = 0) {
    ++last_id_;
    ClientState client = proxy::NewClient(last_id_, "127.0.0.1:" + std::to_string(5000 + last_id_));
    worker_->AddClient(listener, std::move(client),
                       [&](net::StreamObserver& observer) { return loop_.NewStream(observer); });
    return loop_.last_socket();
  }
  std::string Do(test::FakeSocket& client, std::string_view line) {
    std::vector<std::string> words;
    for (const std::string_view word : test::TestRequest::Split(line)) words.emplace_back(word);
    client.Receive(Encode(words));
    Settle();
    return client.TakeWritten();
  }
  // The client waits at node 0 over a link of its own, which is returned and is number 77 there.
  test::FakeSocket& Wait(test::FakeSocket& client) {
    EXPECT_EQ(Do(client, "BLPOP " + KeyOf(0) + " 0"), "");
    test::FakeSocket& link = Greeted();
    link.TakeWritten();
    link.Receive(":77\r\n");
    Settle();
    return link;
  }
  // The link that was opened last.
  test::FakeSocket& Greeted() {
    test::FakeSocket& link = loop_.last_socket();
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive("+PONG\r\n");
    Settle();
    return link;
  }
  uint64_t last_id_ = 0;
};

}  // namespace ringproxy::proxy
