// proxy/local/client_facts.h – A client as CLIENT LIST shows it.
//
// Threads: its worker's; what it refers to is looked at, and not kept. Pure but for the socket's own address.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "backends/net/loop.h"
#include "backends/net/stream.h"
#include "proxy/local/local_commands.h"
#include "proxy/state/subscription_counts.h"

namespace ringproxy::proxy {

struct ClientFacts {
  bool listens() const { return subscriptions != TopicCounts{}; }
  bool is_blocked() const { return waits || is_held; }
  bool is_unix() const { return client.ip == conf::IpAddress{}; }
  std::chrono::seconds AgeAt(net::TimePoint now) const;

  const ClientState& client;
  uint32_t listener;  // In the snapshot.
  const net::Stream& stream;
  TopicCounts subscriptions{};
  size_t request_bytes = 0;   // That it has sent and that are not taken yet.
  size_t request_memory = 0;  // That these take.
  size_t reply_bytes = 0;     // That it has not read yet.
  bool waits = false;         // For what others do, at a node.
  bool is_held = false;       // By CLIENT PAUSE.
  bool may_change = false;    // What is under way may leave it in another state.
  bool is_leaving = false;    // It closes when it has its replies.
};

// Redis' fields in Redis' order, and a line end; without those that have no meaning here. The sizes that are not
// counted per client stand there as zeros: clients read them as numbers, and some fail without them.
void AppendClientLine(const ClientFacts& facts, net::TimePoint now, std::string* text);

}  // namespace ringproxy::proxy
