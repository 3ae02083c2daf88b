#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "backends/own_trouble.h"
#include "conf/version.h"
#include "proxy/admin/metrics.h"
#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

class MetricsProcessTest : public AdminFixture {
 protected:
  MetricsProcessTest() : AdminFixture(TwoNodes()) {}
  double Number(const std::string& sample) { return std::stod(Metric(sample)); }
};

TEST_F(MetricsProcessTest, CountsTheProxysOwnErrorsByTheirCodeAlsoThoseThatNeverWere) {
  stats_[0]->errors[static_cast<size_t>(wire::ErrorCode::kTimeout)].Add(2);
  stats_[1]->errors[static_cast<size_t>(wire::ErrorCode::kTimeout)].Add(3);
  for (size_t code = 0; code < wire::kErrorCodes; ++code) {
    const std::string name(wire::ErrorName(static_cast<wire::ErrorCode>(code)));
    EXPECT_EQ(Metric("errors_total{code=\"" + name + "\"}"), name == "timeout" ? "5" : "0");
  }
}

TEST_F(MetricsProcessTest, AddsUpWhatEachWorkerSaysAndShowsItsClientsApart) {
  stats_[0]->clients.stale_replies.Add(1);
  stats_[1]->clients.stale_replies.Add(2);
  stats_[0]->partial.errors.Add(3);
  stats_[1]->partial.misses.Add(4);
  stats_[0]->clients.open.Set(5);
  stats_[1]->clients.open.Set(6);
  EXPECT_EQ(Metric("stale_replies_total"), "3");
  EXPECT_EQ(Metric("partial_replies_total{outcome=\"error\"}"), "3");
  EXPECT_EQ(Metric("partial_replies_total{outcome=\"miss\"}"), "4");
  EXPECT_EQ(Metric("worker_sessions{worker=\"0\"}"), "5");
  EXPECT_EQ(Metric("worker_sessions{worker=\"1\"}"), "6");
}

TEST_F(MetricsProcessTest, TellsHowBusyEachWorkersLoopIsAndHowLongItsTurnsTake) {
  using namespace std::chrono_literals;
  stats_[1]->loop.Record({.waited = 250ms, .took = 750ms});
  stats_[1]->loop.Sample();
  EXPECT_EQ(Metric("worker_busy_ratio{worker=\"0\"}"), "0");
  EXPECT_DOUBLE_EQ(Number("worker_busy_ratio{worker=\"1\"}"), 0.75);
  EXPECT_EQ(Metric("worker_loop_delay_seconds_count{worker=\"1\"}"), "1");
  EXPECT_DOUBLE_EQ(Number("worker_loop_delay_seconds_sum{worker=\"1\"}"), 0.75);
  // A worker that has not turned yet.
  EXPECT_EQ(Metric("worker_loop_delay_seconds_count{worker=\"0\"}"), "none");
}

TEST_F(MetricsProcessTest, CountsTroubleOfItsOwnByWhatCouldNotBeDone) {
  const double nodes = Number("descriptor_errors_total{what=\"node\"}");
  const double accepts = Number("accept_errors_total");
  backends::NoteOwnTrouble(backends::Attempt::kNode, EMFILE, {});
  backends::NoteOwnTrouble(backends::Attempt::kAccept, EMFILE, {});
  backends::NoteOwnTrouble(backends::Attempt::kAdmin, EMFILE, {});
  EXPECT_EQ(Number("descriptor_errors_total{what=\"node\"}"), nodes + 1);
  EXPECT_EQ(Number("accept_errors_total"), accepts + 2);
}

TEST_F(MetricsProcessTest, TellsTheDescriptorsInUseAndTheirLimit) {
  const double before = Number("descriptors{what=\"used\"}");
  EXPECT_GT(before, 0);
  const int one_more = dup(0);
  ASSERT_GE(one_more, 0);
  EXPECT_EQ(Number("descriptors{what=\"used\"}"), before + 1);
  close(one_more);
  EXPECT_GE(Number("descriptors{what=\"limit\"}"), before);
}

TEST_F(MetricsProcessTest, TellsWhereTheMemoryIs) {
  stats_[0]->memory.blocks_in_use.Set(100);
  stats_[1]->memory.blocks_in_use.Set(50);
  stats_[1]->memory.blocks_kept.Set(7);
  stats_[0]->memory.requests.Set(8);
  stats_[1]->memory.replies.Set(9);
  const auto bytes = [&](const std::string& what) { return Number("memory_bytes{what=\"" + what + "\"}"); };
  EXPECT_EQ(bytes("blocks"), 150);
  EXPECT_EQ(bytes("kept"), 7);
  EXPECT_EQ(bytes("requests"), 8);
  EXPECT_EQ(bytes("replies"), 9);
  EXPECT_EQ(bytes("limit"), 1 << 30);
  EXPECT_GT(bytes("resident"), 1 << 20);
}

TEST_F(MetricsProcessTest, SaysWhichReleaseRuns) {
  EXPECT_EQ(Metric("build_info{version=\"" + std::string(conf::Version()) + "\"}"), "1");
  EXPECT_EQ(Metric("config_version"), "1");
  EXPECT_EQ(Metric("log_lines_dropped_total"), "0");
}

}  // namespace
}  // namespace ringproxy::proxy
