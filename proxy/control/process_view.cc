#include "proxy/control/process_view.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "conf/option_table.h"
#include "conf/values.h"
#include "proxy/control/process_memory.h"
#include "proxy/control/worker.h"

namespace ringproxy::proxy {
namespace {

std::chrono::microseconds ToDuration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

void AddProcess(ProxyFacts* facts) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  facts->process_id = static_cast<int>(getpid());
  facts->cpu_user = ToDuration(usage.ru_utime);
  facts->cpu_system = ToDuration(usage.ru_stime);
  facts->resident_bytes = ResidentBytes();
}

void AddTotals(AllStats workers, ProxyFacts* facts) {
  for (const auto& worker : workers) {
    facts->clients += worker->clients.open.value();
    for (const ListenerStats& listener : worker->listeners) {
      facts->accepted_total += listener.accepted.value();
      facts->requests_total += listener.replies.value();
      facts->bytes_in_total += listener.bytes_in.value();
      facts->bytes_out_total += listener.bytes_out.value();
    }
    for (const backends::Counter& errors : worker->errors) facts->errors_total += errors.value();
  }
}

}  // namespace

ProcessView::ProcessView(AllStats workers, const net::Clock& clock)
    : workers_(workers), clock_(clock), started_(clock.now()) {}

ProxyFacts ProcessView::Facts() const {
  ProxyFacts facts;
  AddProcess(&facts);
  AddTotals(workers_, &facts);
  facts.workers = static_cast<uint32_t>(workers_.size());
  facts.uptime = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - started_);
  const Snapshot& snapshot = worker_->snapshot();
  const auto& listeners = snapshot.config.listeners;
  const auto tcp = std::ranges::find_if(listeners, [](const auto& listener) { return !listener.listen.is_unix(); });
  if (tcp != listeners.end()) facts.tcp_port = tcp->listen.port;
  for (const conf::Listener& listener : listeners) facts.max_clients += listener.max_connections;
  for (size_t p = 0; p < snapshot.pools.size(); ++p) facts.pools.push_back(PoolFacts(p));
  return facts;
}

FleetReleases ProcessView::ReleasesOf(uint32_t listener) const {
  FleetReleases releases;
  size_t nodes = 0;
  for (const uint32_t pool : worker_->snapshot().listeners[listener].pools) {
    for (const auto& node : worker_->snapshot().pools[pool].nodes) {
      ++nodes;
      const backends::ServerVersion version = node->version();
      releases.has_unknown |= !version.is_known();
      backends::ServerVersion& least = version.is_valkey() ? releases.valkey : releases.redis;
      if (version.is_known() && (!least.is_known() || version < least)) least = version;
    }
  }
  releases.has_one_node = nodes == 1;
  releases.admin_commands = worker_->snapshot().config.listeners[listener].admin_commands;
  return releases;
}

ListenerClients ProcessView::ClientsOf(uint32_t listener) const {
  ListenerClients clients;
  for (const auto& worker : workers_) {
    const ListenerStats& stats = worker->listeners[listener];
    // Read first, since a client may come and go in between.
    const uint64_t closed = stats.closed.value();
    clients.connected += std::max(stats.accepted.value(), closed) - closed;
    clients.blocked += stats.blocked.value();
  }
  return clients;
}

ProxyFacts::PoolFacts ProcessView::PoolFacts(size_t index) const {
  const conf::Pool& pool = worker_->snapshot().config.pools[index];
  ProxyFacts::PoolFacts facts{pool.name, conf::NameOf(pool.ring.algorithm), {}};
  for (uint32_t n = 0; n < pool.nodes.size(); ++n) {
    const backends::NodeRecord& node = *worker_->snapshot().pools[index].nodes[n];
    // IsConnected and not IsUp: a node's state belongs to the control loop, and this runs on a worker's thread.
    facts.nodes.push_back({.name = pool.nodes[n].name,
                           .address = pool.nodes[n].address.ToString(),
                           .up = node.IsConnected(),
                           .requests = node.Sum(&backends::NodeStats::requests),
                           .in_flight = node.Sum(&backends::NodeStats::in_flight)});
  }
  return facts;
}

}  // namespace ringproxy::proxy
