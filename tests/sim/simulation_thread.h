// tests/sim/simulation_thread.h – One worker of a simulated proxy with everything that is its own.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/sim/simulation.h"

namespace ringproxy::sim {

struct Simulation::Thread final : private backends::BreakerObserver {
  Thread(Simulation& simulation, uint32_t thread_number, uint64_t seed)
      : owner(simulation),
        number(thread_number),
        loop(simulation.loop_, number),
        stats(*simulation.snapshot_),
        seen(kNodes),
        worker(std::make_unique<proxy::Worker>(proxy::Worker::WorkerParts{.loop = loop,
                                                                          .number = number,
                                                                          .stats = stats,
                                                                          .view = simulation.view_,
                                                                          .observer = *this,
                                                                          .limits = simulation.limits_,
                                                                          .subscriptions = simulation.subscriptions_,
                                                                          .hand_back = [this](auto) { ++handed_back; }},
                                               simulation.snapshot_, seed)) {}

  // As between threads: later.
  void OnBreaker(const backends::BreakerNews& news) override {
    for (uint32_t node = 0; node < kNodes; ++node) {
      if (news.node.get() == &owner.Record(node)) seen[node] = {};
    }
    loop.Post([this, news] { owner.monitor_->OnBreaker(number, news); });
  }
  void AddClient(uint32_t listener, std::shared_ptr<Wire> wire, backends::Flavour flavour, bool is_proxied = false) {
    proxy::ClientState client = proxy::TestClient();
    if (is_proxied) proxy::SetAddress("10.0.0.1:50000", &client);
    client.flavour = flavour;
    worker->AddClient(listener, std::move(client),
                      [&](net::StreamObserver& observer) { return owner.loop_.AdoptWire(std::move(wire), observer); });
  }

  Simulation& owner;
  uint32_t number;
  SimThread loop;
  proxy::WorkerStats stats;
  size_t handed_back = 0;  // Old snapshots.
  // What the node has failed in since it last answered or the breaker last changed.
  struct Failing {
    uint64_t replies = 0;
    uint64_t timeouts = 0;
    uint64_t connects = 0;
    uint64_t connect_failures = 0;
    bool some_ready = true;  // If only for a moment since the look before.
    bool unknown = false;    // That the breaker is open, to the process.
  };
  std::vector<std::optional<Failing>> seen;  // By node; none: look anew.
  std::unique_ptr<proxy::Worker> worker;
};

}  // namespace ringproxy::sim
