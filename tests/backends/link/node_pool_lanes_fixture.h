// tests/backends/link/node_pool_lanes_fixture.h – One node of a pool, with several connections that lanes of clients
// share.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/backends/link/node_pool_fixture.h"

namespace ringproxy::backends {

class NodePoolLanesTest : public NodePoolTest {
 protected:
  using Bytes = std::map<size_t, std::string>;  // By connection, as they were opened.

  // One node with so many connections, of which none is open yet.
  void MakeOne(uint32_t connections) {
    pool_conf_.nodes.resize(1);
    pool_conf_.connections_per_node = connections;
    Make();
    first_ = loop_.sockets();
    pool_->Connect();
  }
  // All of them ready: the first one, and those that follow.
  void MakeOneReady(uint32_t connections) {
    MakeOne(connections);
    ReadyAll();
    ASSERT_EQ(health_.stats(0).ready_connections.value(), connections);
  }
  void ReadyAll() {
    loop_.VisitOpen([this](size_t number, test::FakeSocket& socket) {
      if (number >= first_ && seen_.insert(number).second) Ready(socket);
    });
  }
  // All connections break, and so do the attempts that follow at once.
  void CloseAll() {
    const size_t before = loop_.sockets();
    for (size_t i = first_; i < before; ++i) loop_.socket(i).ReceiveEnd();
  }
  void RefuseAll() {
    for (size_t i = first_; i < loop_.sockets(); ++i) {
      if (loop_.socket(i).closed() || seen_.contains(i)) continue;
      loop_.socket(i).observer->OnConnected(ECONNREFUSED);
    }
  }
  void SendOn(uint32_t lane, const std::string& word) {
    pool_->Send(0, lane, std::string_view(word), {0, 0, lane, Ticket::Kind::kSession});
  }
  // The sockets of those connections that have written since the last call, with what they wrote.
  std::map<size_t, std::string> Written() {
    FlushAll();
    std::map<size_t, std::string> result;
    loop_.VisitOpen([&](size_t number, test::FakeSocket& socket) {
      if (number < first_) return;
      if (std::string bytes = socket.TakeWritten(); !bytes.empty()) result[number - first_] = bytes;
    });
    return result;
  }
  std::set<size_t> seen_;
};

}  // namespace ringproxy::backends
