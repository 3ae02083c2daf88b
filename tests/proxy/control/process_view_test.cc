#include "proxy/control/process_view.h"

#include <unistd.h>

#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class ProcessViewTest : public WorkerFixture {
 protected:
  void View(conf::Config config = TwoNodes()) {
    Start(std::move(config));
    process_.emplace(AllStats(&stats_, 1), loop_);
    process_->Attach(*worker_);
  }

  std::optional<ProcessView> process_;
};

TEST_F(ProcessViewTest, TellsWhichProcessThisIsAndWhatItTakes) {
  View();
  const ProxyFacts facts = process_->Facts();
  EXPECT_EQ(facts.process_id, getpid());
  EXPECT_EQ(facts.workers, 1U);
  EXPECT_GT(facts.resident_bytes, 1U << 20);
  EXPECT_GT(facts.cpu_user + facts.cpu_system, 0us);
}

TEST_F(ProcessViewTest, CountsItsTimeFromItsBeginning) {
  Start();
  loop_.Advance(100s);
  process_.emplace(AllStats(&stats_, 1), loop_);
  process_->Attach(*worker_);
  EXPECT_EQ(process_->Facts().uptime, 0s);
  loop_.Advance(2500ms);
  EXPECT_EQ(process_->Facts().uptime, 2s);
  EXPECT_EQ(process_->now(), loop_.now());
}

TEST_F(ProcessViewTest, AddsUpTheListenersAndErrorsOfAllWorkers) {
  conf::Config config = TwoNodes();
  config.listeners.push_back(config.listeners[0]);
  config.listeners[0].max_connections = 100;
  config.listeners[1].max_connections = 20;
  View(config);
  std::vector<std::unique_ptr<WorkerStats>> all;
  for (uint64_t worker = 0; worker < 2; ++worker) {
    WorkerStats& stats = *all.emplace_back(std::make_unique<WorkerStats>(*snapshot_));
    stats.clients.open.Set(3);
    stats.errors[1].Add(2);
    stats.errors[5].Add(4);
    for (ListenerStats& listener : stats.listeners) {
      listener.accepted.Add(1);
      listener.replies.Add(10);
      listener.bytes_in.Add(100);
      listener.bytes_out.Add(1000);
    }
  }
  ProcessView view(all, loop_);
  view.Attach(*worker_);
  const ProxyFacts facts = view.Facts();
  EXPECT_EQ(facts.workers, 2U);
  EXPECT_EQ(facts.clients, 6U);
  EXPECT_EQ(facts.max_clients, 120U);
  EXPECT_EQ(facts.accepted_total, 4U);
  EXPECT_EQ(facts.requests_total, 40U);
  EXPECT_EQ(facts.errors_total, 12U);
  EXPECT_EQ(facts.bytes_in_total, 400U);
  EXPECT_EQ(facts.bytes_out_total, 4000U);
}

TEST_F(ProcessViewTest, TellsThePortOfTheFirstListenerThatHasOne) {
  conf::Config config = TwoNodes();
  config.listeners[0].listen = {"", 0, "/run/ringproxy.sock"};
  View(config);
  EXPECT_EQ(process_->Facts().tcp_port, 0);
  process_.reset();
  worker_.reset();
  loop_ = test::FakeLoop();
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].listen = {"127.0.0.1", 6400, ""};
  View(config);
  EXPECT_EQ(process_->Facts().tcp_port, 6400);
}

TEST_F(ProcessViewTest, TellsHowEachNodeIs) {
  View();
  NewClient().Receive(Encode({"GET", KeyOf(1)}));
  Settle();
  Node(0).ReceiveEnd();
  const ProxyFacts facts = process_->Facts();
  ASSERT_EQ(facts.pools.size(), 1U);
  EXPECT_EQ(facts.pools[0].name, "main");
  EXPECT_EQ(facts.pools[0].algorithm, "vnode");
  ASSERT_EQ(facts.pools[0].nodes.size(), 2U);
  EXPECT_EQ(facts.pools[0].nodes[0].name, "r0");
  EXPECT_FALSE(facts.pools[0].nodes[0].up);
  EXPECT_EQ(facts.pools[0].nodes[0].requests, 0U);
  EXPECT_EQ(facts.pools[0].nodes[1].address, "10.0.0.2:1");
  EXPECT_TRUE(facts.pools[0].nodes[1].up);
  EXPECT_EQ(facts.pools[0].nodes[1].requests, 1U);
  EXPECT_EQ(facts.pools[0].nodes[1].in_flight, 1U);
}

TEST_F(ProcessViewTest, CountsTheClientsOfAListener) {
  View();
  EXPECT_EQ(process_->ClientsOf(0).connected, 0U);
  EXPECT_EQ(process_->ClientsOf(0).blocked, 0U);
  NewClient().Receive(Encode({"BLPOP", KeyOf(0), "0"}));
  test::FakeSocket& other = NewClient();
  EXPECT_EQ(process_->ClientsOf(0).connected, 2U);
  EXPECT_EQ(process_->ClientsOf(0).blocked, 1U);
  other.ReceiveEnd();
  Settle();
  EXPECT_EQ(process_->ClientsOf(0).connected, 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
