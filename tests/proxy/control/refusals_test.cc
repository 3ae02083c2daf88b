#include "proxy/control/refusals.h"

#include <gmock/gmock.h>

#include "backends/wire/memcache_command.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using wire::ErrorCode;

class RefusalsTest : public testing::Test {
 protected:
  RefusalsTest() {
    conf::Config config;
    for (const auto& [name, protocol] :
         {std::pair{"web", conf::Protocol::kRedis}, {"cache", conf::Protocol::kMemcached}}) {
      conf::Pool& pool = config.pools.emplace_back();
      pool.name = name;
      pool.protocol = protocol;
      pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}};
      conf::Listener& listener = config.listeners.emplace_back();
      listener.name = name;
      listener.protocol = protocol;
      listener.routes = {{"", name}};
    }
    snapshot_ = MakeSnapshot(std::move(config));
    for (int i = 0; i < 2; ++i) workers_.push_back(std::make_unique<WorkerStats>(*snapshot_));
  }

  void Refuse(size_t worker, std::string_view command, ErrorCode code, int times = 1) {
    const wire::CommandSpec* spec = wire::FindRedisCommand(command);
    const size_t row = spec != nullptr ? wire::CommandIndex(*spec) : wire::RedisCommands().size();
    for (int i = 0; i < times; ++i) workers_[worker]->listeners[0].refusals.Add(row, code);
  }
  std::vector<std::string> LinesAt(net::Duration time) { return log_->Lines(net::TimePoint(time)); }

  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerStats>> workers_;
  std::unique_ptr<RefusalLog> log_;
  void SetUp() override { log_ = std::make_unique<RefusalLog>(*snapshot_, workers_); }
};

TEST_F(RefusalsTest, AddsUpTheWorkers) {
  Refuse(0, "multi", ErrorCode::kNotSupported);
  Refuse(1, "multi", ErrorCode::kNotSupported, 2);
  Refuse(1, "nosuch", ErrorCode::kUnknownCommand);
  std::vector<std::string> seen;
  ForEachRefusal(conf::Protocol::kRedis, 0, workers_, [&](const Refusal& refusal) {
    seen.push_back(std::string(refusal.command) + " " + std::string(wire::ErrorName(refusal.reason)) + " " +
                   std::to_string(refusal.count));
  });
  EXPECT_THAT(seen, ElementsAre("multi not_supported 3", "other unknown_command 1"));
}

TEST_F(RefusalsTest, SaysWhatIsRefusedAtOnceAndThenOnceAMinuteAndCommand) {
  EXPECT_THAT(LinesAt(0s), IsEmpty());
  Refuse(0, "multi", ErrorCode::kNotSupported, 2);
  EXPECT_THAT(LinesAt(1s), ElementsAre("refused 'multi': 2 at listener web (not_supported)"));
  EXPECT_THAT(LinesAt(2s), IsEmpty());
  Refuse(1, "multi", ErrorCode::kNotSupported, 5);
  Refuse(1, "monitor", ErrorCode::kNotSupported);
  EXPECT_THAT(LinesAt(3s), ElementsAre("refused 'monitor': 1 at listener web (not_supported)"));
  EXPECT_THAT(LinesAt(60s), IsEmpty());
  // The five are not forgotten, though nothing new has come.
  EXPECT_THAT(LinesAt(61s), ElementsAre("refused 'multi': 5 at listener web (not_supported)"));
  EXPECT_THAT(LinesAt(500s), IsEmpty());
}

TEST_F(RefusalsTest, PutsAllReasonsAndListenersOfACommandOnOneLine) {
  Refuse(0, "get", ErrorCode::kTooLarge, 3);
  Refuse(0, "get", ErrorCode::kWrongArity);
  const size_t get = wire::MemcacheCommandIndex(*wire::FindMemcacheCommand("get"));
  workers_[0]->listeners[1].refusals.Add(get, ErrorCode::kKeyTooLong);
  Refuse(0, "nosuch", ErrorCode::kUnknownCommand);
  EXPECT_THAT(LinesAt(1s), ElementsAre("refused 'get': 1 at listener web (wrong_arity), 3 at listener web "
                                       "(too_large), 1 at listener cache (key_too_long)",
                                       "refused unknown commands: 1 at listener web (unknown_command)"));
}

}  // namespace
}  // namespace ringproxy::proxy
