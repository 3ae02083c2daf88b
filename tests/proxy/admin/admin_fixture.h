// tests/proxy/admin/admin_fixture.h – The admin port's pages over a process of two workers that nobody drives.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/admin_http.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_names.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {

class AdminFixture : public testing::Test {
 protected:
  explicit AdminFixture(conf::Config config) : snapshot_(NewSnapshot(std::move(config))) {
    spdlog::set_level(spdlog::level::off);
    for (int w = 0; w < 2; ++w) stats_.push_back(std::make_unique<WorkerStats>(*snapshot_));
    admin_.Observe(stats_, monitor_, limits_, memory_, resolver_);
  }

  // A pool, a listener and a limit.
  static conf::Config TwoNodes() {
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"10.0.0.1", 7, ""}, 1}, {"r1", {"10.0.0.2", 7, ""}, 3}};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    conf::Limit& limit = config.limits.emplace_back();
    limit.name = "slow";
    limit.rate = {.amount = 10};
    return config;
  }

  // Of the nodes and limits that it has known before.
  std::shared_ptr<const Snapshot> NewSnapshot(conf::Config config) {
    auto snapshot = MakeSnapshot(std::move(config), nodes_);
    limits_.Compile(*snapshot);
    return snapshot;
  }
  std::string Metrics() { return admin_.Get("/metrics", {}).body; }
  // Of the sample with this name and these labels, without ringproxy_: requests_total{listener="web"}.
  std::string Metric(const std::string& sample) {
    const std::string text = "\n" + Metrics();
    const std::string start = "\nringproxy_" + sample + " ";
    const size_t at = text.find(start);
    if (at == std::string::npos) return "none";
    return text.substr(at + start.size(), text.find('\n', at + 1) - at - start.size());
  }
  backends::NodeStats& Stats(uint32_t worker, uint32_t node) { return AllNodes(*snapshot_)[node]->stats(worker); }

  static void Nothing(const std::shared_ptr<backends::NodeRecord>&) {}

  backends::NodeRegistry nodes_{2};
  SharedLimits limits_{2, 1};
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerStats>> stats_;
  test::FakeLoop loop_;
  HealthMonitor monitor_{loop_, *snapshot_, 1, {Nothing, Nothing, Nothing, Nothing}};
  net::ProcessMemory memory_{1 << 30, 2};
  test::FakeNames names_;
  net::Resolver resolver_{names_.LookUp(), {.fresh = net::Duration(0)}};  // Each question is looked up.
  AdminHttp admin_{snapshot_, nodes_};
};

}  // namespace ringproxy::proxy
