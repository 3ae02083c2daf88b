// proxy/session/proxy_greeting.h – The header by which a proxy before this one says who its client is: see
// wire/proxy_header.h.
//
// Threads: its worker's. Lifetime: io outlives it, and the stream that it leaves.
#pragma once

#include "backends/net/input_buffer.h"
#include "backends/worker_io.h"
#include "proxy/session/greeting.h"

namespace ringproxy::proxy {

class ProxyGreeting final : public Greeting {
 public:
  explicit ProxyGreeting(backends::WorkerIo& io) : io_(io), input_(io.blocks) {}

  std::string_view name() const override { return "the PROXY header"; }
  // From then on the client has the address that the header names.
  GreetingStatus Continue(std::unique_ptr<net::Stream>& stream, ClientState& client) override;

 private:
  backends::WorkerIo& io_;
  net::InputBuffer input_;
};

}  // namespace ringproxy::proxy
