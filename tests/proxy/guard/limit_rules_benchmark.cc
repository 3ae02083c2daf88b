// tests/proxy/guard/limit_rules_benchmark.cc – What limits cost a request that has one key, from the question whether
// any may concern it to the verdict:  build/release/bin/limit_rules_benchmark
#include <benchmark/benchmark.h>

#include "proxy/guard/rate_limiter.h"
#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

// One worker's limiter on a loop whose time stands still unless the benchmark moves it.
class Limiter final : private backends::ReplySink, private RateLimiter::Observer {
 public:
  explicit Limiter(conf::Config config) : snapshot_(MakeSnapshot(std::move(config))) {
    shared_.Compile(*snapshot_);
    loop_.Advance(std::chrono::hours(1));
    const backends::PoolNode::PoolNodeParts parts{io_, *this, flush_list_, observer_, 0};
    held_ = std::make_unique<HeldSnapshot>(snapshot_, parts);
    for (auto& pool : held_->node_pools) pool.Connect();
    Store().observer->OnConnected(0);
    Store().Receive("+PONG\r\n");
    limiter_ = std::make_unique<RateLimiter>(
        RateLimiter::LimiterParts{.io = io_, .shared = shared_, .worker = 0, .sink = *this, .observer = *this});
    limiter_->Adopt(*snapshot_);
  }

  // As ClientRequests::Dispatch does.
  bool Admit(const LimitedRequest& asked) {
    if (!(*held_)->limits->MayConcern(asked.listener, asked.command)) return true;
    backends::Ticket ticket{0, 0, 0, backends::Ticket::Kind::kSession};
    return limiter_->Admit(*held_, asked, &ticket).verdict == RateLimiter::Verdict::kAdmitted;
  }
  // The store grants whatever it is asked for.
  void AnswerStore() {
    for (auto* connection : flush_list_) connection->Flush();
    flush_list_.clear();
    if (Store().TakeWritten().empty()) return;
    Store().Receive("*3\r\n:1000000\r\n:0\r\n:0\r\n");
  }
  void Advance(net::Duration by) { loop_.Advance(by); }

 private:
  test::FakeSocket& Store() { return loop_.socket(AllNodes(*snapshot_).size() - 1); }
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override {
    limiter_->store().OnReply(ticket, std::move(reply));
  }
  void OnFailure(backends::Ticket, const wire::Failure&) override {}
  void OnAdmitted(backends::Ticket, backends::Ticket) override {}
  void OnRefused(backends::Ticket, const RateLimiter::Decision&) override {}

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  std::shared_ptr<Snapshot> snapshot_;
  test::RecordingObserver observer_;
  SharedLimits shared_{1, 1};
  backends::FlushList flush_list_;
  std::unique_ptr<HeldSnapshot> held_;
  std::unique_ptr<RateLimiter> limiter_;
};

// It never refuses.
conf::Limit Generous(conf::Words per = {}) {
  conf::Limit limit = TokenLimit("limit", 10'000'000, 1'000'000'000);
  limit.per = std::move(per);
  return limit;
}

void Run(benchmark::State& state, std::vector<conf::Limit> limits, std::string_view line) {
  Limiter limiter(LimitedFleet(std::move(limits)));
  const Asked asked(kWeb, line);
  const LimitedRequest request = asked;
  uint64_t admitted = 0;
  uint64_t asks = 0;
  for (auto _ : state) {
    admitted += limiter.Admit(request) ? 1 : 0;
    // A microsecond for each, in turns of 64.
    if (++asks % 64 == 0) {
      limiter.Advance(net::Duration(64));
      limiter.AnswerStore();
    }
  }
  state.counters["admitted"] = static_cast<double>(admitted) / static_cast<double>(state.iterations());
}

void NoLimit(benchmark::State& state) {
  Run(state, {}, "get user:1234567");
}
BENCHMARK(NoLimit);

void LimitOfAnotherCommand(benchmark::State& state) {
  conf::Limit limit = Generous();
  limit.match.command = {"set"};
  Run(state, {limit}, "get user:1234567");
}
BENCHMARK(LimitOfAnotherCommand);

void LimitOfAnotherClient(benchmark::State& state) {
  conf::Limit limit = Generous();
  limit.match.client = {"192.168.0.0/16"};
  Run(state, {limit}, "get user:1234567");
}
BENCHMARK(LimitOfAnotherClient);

void LimitOfAnotherPrefix(benchmark::State& state) {
  conf::Limit limit = Generous();
  limit.match.prefix = {"cart:"};
  Run(state, {limit}, "get user:1234567");
}
BENCHMARK(LimitOfAnotherPrefix);

void OneLocal(benchmark::State& state) {
  Run(state, {Generous()}, "get user:1234567");
}
BENCHMARK(OneLocal);

void OneLocalPerClientIp(benchmark::State& state) {
  Run(state, {Generous({"client_ip"})}, "get user:1234567");
}
BENCHMARK(OneLocalPerClientIp);

void OneLocalPerPrefix(benchmark::State& state) {
  Run(state, {Generous({"prefix(5)"})}, "get user:1234567");
}
BENCHMARK(OneLocalPerPrefix);

void TwoLocal(benchmark::State& state) {
  Run(state, {Generous(), Generous({"client_ip"})}, "get user:1234567");
}
BENCHMARK(TwoLocal);

void OneOfTheFleet(benchmark::State& state) {
  conf::Limit limit = Generous();
  limit.scope = conf::LimitScope::kGlobal;
  Run(state, {limit}, "get user:1234567");
}
BENCHMARK(OneOfTheFleet);

// What moves time and plays the store costs alone.
void Nothing(benchmark::State& state) {
  Limiter limiter(LimitedFleet());
  uint64_t asks = 0;
  for (auto _ : state) {
    if (++asks % 64 == 0) {
      limiter.Advance(net::Duration(64));
      limiter.AnswerStore();
    }
    benchmark::DoNotOptimize(asks);
  }
}
BENCHMARK(Nothing);

}  // namespace
}  // namespace ringproxy::proxy
