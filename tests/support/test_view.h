// tests/support/test_view.h – A ProxyView without a process around it.
#pragma once

#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

class TestView final : public ProxyView {
 public:
  net::TimePoint now() const override { return {}; }
  ProxyFacts Facts() const override { return {}; }
  FleetReleases ReleasesOf(uint32_t) const override { return {}; }
  ListenerClients ClientsOf(uint32_t) const override { return {}; }
};

inline ClientState TestClient() {
  return NewClient(1, "127.0.0.1:50000");
}

}  // namespace ringproxy::proxy
