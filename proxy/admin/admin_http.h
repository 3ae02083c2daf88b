// proxy/admin/admin_http.h – The admin port: metrics, health, pools, and where a key lives.
//
// Purpose: routes of one table to functions that return a reply; the only door to evhttp.
// Threads: the control loop's. Lifetime: snapshot and stats outlive it; the loop does not turn after its end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backends/net/loop.h"
#include "backends/net/resolver.h"
#include "proxy/admin/metrics.h"

struct event_base;
struct evhttp;
struct evhttp_request;

namespace ringproxy::proxy {

struct AdminReply {
  int status = 200;
  std::string body;
  const char* type = "application/json";
};

AdminReply JsonReply(int status, const nlohmann::json& body);
AdminReply JsonError(int status, const std::string& text);

class AdminHttp {
 public:
  // `nodes`: what the process knows of all nodes; outlives it.
  AdminHttp(std::shared_ptr<const Snapshot> snapshot, const backends::NodeRegistry& nodes);
  // Of the same nodes.
  void Adopt(std::shared_ptr<const Snapshot> snapshot) { snapshot_ = std::move(snapshot); }
  ~AdminHttp();

  // What the pages show and change; before Listen.
  void Observe(AllStats workers, HealthMonitor& health, const SharedLimits& limits, const net::ProcessMemory& memory,
               const net::Resolver& resolver) {
    workers_ = workers;
    health_ = &health;
    limits_ = &limits;
    memory_ = &memory;
    resolver_ = &resolver;
  }
  // False, with the reason in `error`, when the address cannot be bound.
  bool Listen(event_base* base, std::string* error);
  uint16_t port() const { return port_; }
  // /readyz says no from now on.
  void SetDraining() { draining_ = true; }

  // What the port answers; apart from HTTP, for tests. `query`: decoded parameters.
  using Query = std::map<std::string, std::string>;
  AdminReply Get(const std::string& path, const Query& query) const;
  AdminReply Post(const std::string& path, const Query& query);

 private:
  struct Page;
  static const Page kPages[];

  AdminReply Metrics(const Query&) const;
  AdminReply Health(const Query&) const;
  AdminReply Ready(const Query&) const;
  AdminReply Pools(const Query&) const;
  AdminReply Locate(const Query& query) const;
  // admin_nodes.cc
  AdminReply Nodes(const Query& query) const;
  nlohmann::json NodeJson(uint32_t pool, uint32_t node) const;
  // The nodes called so, in all pools or in one.
  std::vector<std::shared_ptr<backends::NodeRecord>> FindNodes(const std::string& name, const Query& query) const;
  // admin_limits.cc
  AdminReply Limits(const Query& query) const;
  AdminReply ExplainLimits(const Query& query) const;
  // admin_commands.cc
  AdminReply Commands(const Query& query) const;
  // admin_skew.cc
  AdminReply Skew(const Query& query) const;
  AdminReply HotKeysPage(const Query& query) const;

  void Serve(evhttp_request* request);
  // None: it is answered. Whoever asks lacks the token, or may be a page of another site.
  std::optional<AdminReply> Refusal(evhttp_request* request, const Page* page, bool is_post) const;

  struct FreeHttp {
    void operator()(evhttp* http) const;
  };
  std::shared_ptr<const Snapshot> snapshot_;
  const backends::NodeRegistry& nodes_;
  AllStats workers_;
  HealthMonitor* health_ = nullptr;
  const SharedLimits* limits_ = nullptr;
  const net::ProcessMemory* memory_ = nullptr;
  const net::Resolver* resolver_ = nullptr;
  RingShares ring_shares_;
  std::unique_ptr<evhttp, FreeHttp> http_;
  uint16_t port_ = 0;
  bool draining_ = false;
};

}  // namespace ringproxy::proxy
