// proxy/control/process_view.h – What a worker's local commands may see of the whole process.
//
// Threads: its worker's; reads the counters of all. Lifetime: stats, loop and worker outlive its use.
#pragma once

#include <memory>

#include "proxy/control/worker_stats.h"
#include "proxy/local/local_commands.h"

namespace ringproxy::proxy {

class Worker;

class ProcessView final : public ProxyView {
 public:
  ProcessView(AllStats workers, const net::Clock& clock);
  void Attach(const Worker& worker) { worker_ = &worker; }

  ProxyFacts Facts() const override;
  FleetReleases ReleasesOf(uint32_t listener) const override;
  ListenerClients ClientsOf(uint32_t listener) const override;
  net::TimePoint now() const override { return clock_.now(); }

 private:
  ProxyFacts::PoolFacts PoolFacts(size_t index) const;

  AllStats workers_;
  const net::Clock& clock_;
  net::TimePoint started_;
  const Worker* worker_ = nullptr;
};

}  // namespace ringproxy::proxy
