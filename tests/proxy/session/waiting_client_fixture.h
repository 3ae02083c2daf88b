// tests/proxy/session/waiting_client_fixture.h – Clients whose commands wait at a node, each over a link of its own.
#pragma once

#include <string>
#include <vector>

#include "tests/proxy/session/pinned_client_fixture.h"

namespace ringproxy::proxy {

class WaitingClientFixture : public PinnedClientFixture {
 protected:
  // The client waits over a link of its own, which is returned; it is number 77 at its node.
  test::FakeSocket& Wait(test::FakeSocket& client, const std::vector<std::string>& request) {
    EXPECT_EQ(Ask(client, {request}), "");
    test::FakeSocket& link = loop_.last_socket();
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive("+PONG\r\n");
    Settle();
    EXPECT_EQ(link.TakeWritten(), Encode({"CLIENT", "ID"}) + Encode(request));
    EXPECT_EQ(Answer(link, client, ":77\r\n"), "");
    return link;
  }
  // Likewise, but the client has ended its side before the node was asked, and the link is to be numbered yet.
  test::FakeSocket& WaitBehindItsEnd(test::FakeSocket& client) {
    client.Receive(Encode(Pop()));
    client.ReceiveEnd();
    Settle();
    client.observer->OnReadable();
    Settle();
    test::FakeSocket& link = loop_.last_socket();
    link.observer->OnConnected(0);
    link.Receive("+PONG\r\n");
    Settle();
    link.TakeWritten();
    return link;
  }
  // The control link of node 0, which has just been opened.
  test::FakeSocket& Control() {
    test::FakeSocket& link = loop_.last_socket();
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive("+PONG\r\n");
    Settle();
    return link;
  }
  std::vector<std::string> Pop(const std::string& seconds = "0") { return {"BLPOP", KeyOf(0), seconds}; }
  // The reply to it.
  std::string Popped(const std::string& element) { return Encode({KeyOf(0), element}); }
  // What puts it back.
  std::string Push(const std::string& element = "v") { return Encode({"LPUSH", KeyOf(0), element}); }
  void Say(test::FakeSocket& link, const std::string& reply) {
    link.Receive(reply);
    Settle();
  }
  // The client's connection breaks.
  void Lose(test::FakeSocket& client) {
    client.error = ECONNRESET;
    client.observer->OnReadable();
    Settle();
  }
  static std::string Unblock() { return Encode({"CLIENT", "UNBLOCK", "77", "TIMEOUT"}); }
  const backends::NodeStats& Stats() { return AllNodes(*snapshot_)[0]->stats(0); }
};

}  // namespace ringproxy::proxy
