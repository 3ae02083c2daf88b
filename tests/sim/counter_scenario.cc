#include "tests/sim/counter_scenario.h"

#include <gtest/gtest.h>

#include <charconv>
#include <map>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::sim {
namespace {

constexpr uint32_t kCounters = 2;
constexpr uint32_t kCountingClients = 4;

// Of "number=mark".
uint64_t NumberOf(std::string_view value) {
  uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number;
}

}  // namespace

void SimCounterClient::Begin(uint32_t rounds, net::Duration longest_pause) {
  rounds_ = rounds;
  longest_pause_ = longest_pause;
  Round();
}

void SimCounterClient::CountOnce() {
  if (closed() || left_early()) return;
  if (unanswered() > 0) return Complain("nothing came in all the time", "");
  is_last_ = true;
  longest_pause_ = net::Duration(10'000);
  Round();
}

void SimCounterClient::Next() {
  if (!is_last_ && rounds_ == 0) return;
  Later(loop().RandomDelay(longest_pause_), [this] { Round(); });
}

void SimCounterClient::Round() {
  if (!is_last_) --rounds_;
  if (!is_last_ && loop().Chance(0.02)) return Leave();
  const std::string key = std::string(kCounterPrefix) + std::to_string(loop().Random(kCounters));
  auto watched = std::make_shared<std::string>();
  ++watches_;
  Ask({"WATCH", key}, [watched](auto reply) { *watched = reply; });
  Ask({"GET", key}, [this, key, watched](auto reply) { OnRead(key, *watched, reply); });
  Say();
}

void SimCounterClient::OnRead(const std::string& key, std::string_view watched, std::string_view value) {
  const auto number = wire::BulkReply(value);
  const bool was_read = number || wire::IsNil(value);
  if (watched != "+OK\r\n" && !IsFailure(watched) && !watched.starts_with("-ERR max number"))
    return Complain("not an answer to WATCH", watched);
  if (!was_read && !IsFailure(value)) return Complain("not a counter", value);
  if (watched != "+OK\r\n" || !was_read) {
    Ask({"UNWATCH"}, [this](auto reply) { reply == "+OK\r\n" ? Next() : Complain("not an answer to UNWATCH", reply); });
    return Say();
  }
  static constexpr CountKind kKinds[] = {CountKind::kOwnWrite, CountKind::kUnwatched, CountKind::kDiscarded};
  const CountKind kind = is_last_ || loop().Chance(0.8) ? CountKind::kCount : kKinds[loop().Random(3)];
  const uint64_t next = number ? NumberOf(*number) + 1 : 1;
  // Others have time to be faster.
  const net::Duration pause = loop().Chance(0.5) ? net::Duration(0) : loop().RandomDelay(net::Duration(8'000));
  Later(pause, [this, key, next, kind] { Execute(key, next, kind); });
}

void SimCounterClient::Execute(const std::string& key, uint64_t number, CountKind kind) {
  const std::string mark = std::to_string(this->number()) + ":" + std::to_string(attempts_.size());
  const size_t attempt = attempts_.size();
  attempts_.push_back({.mark = mark});
  const auto is = [this](std::string_view expected) {
    return [this, expected](std::string_view reply) {
      if (reply != expected) Complain("not " + std::string(expected), reply);
    };
  };
  // Where it does not watch the counter it writes another key.
  const std::string own = std::string(kWatchedPrefix) + std::to_string(this->number());
  const std::string& written = kind == CountKind::kCount ? key : own;
  if (kind != CountKind::kCount) Ask({"UNWATCH"}, is("+OK\r\n"));
  auto oks = std::make_shared<int>(0);
  if (kind == CountKind::kOwnWrite) {
    const auto count = [oks](auto reply) { *oks += reply == "+OK\r\n" ? 1 : 0; };
    ++watches_;
    Ask({"WATCH", own}, count);
    Ask({"SET", own, mark}, count);
  }
  const std::string value = std::to_string(number) + "=" + mark;
  Ask({"MULTI"}, is("+OK\r\n"));
  Ask({"SET", written, value}, is("+QUEUED\r\n"));
  Ask({"GET", written}, is("+QUEUED\r\n"));
  const auto on_executed = [this, value, kind, attempt, oks](auto reply) {
    if (*oks == 2 && reply.starts_with("*2")) return Complain("executed though it wrote what it watched", reply);
    OnExecuted(reply, value, kind, attempt);
  };
  kind == CountKind::kDiscarded ? Ask({"DISCARD"}, on_executed) : Ask({"EXEC"}, on_executed);
  Say();
}

void SimCounterClient::OnExecuted(std::string_view reply, const std::string& value, CountKind kind, size_t attempt) {
  CountOutcome& outcome = attempts_[attempt].outcome;
  std::string whole = "*2\r\n+OK\r\n";
  wire::AppendBulk(value, &whole);
  const bool is_nil = reply == (flavour().protocol == 3 ? "_\r\n" : "*-1\r\n");
  if (kind == CountKind::kDiscarded) {
    if (reply != "+OK\r\n") return Complain("not an answer to DISCARD", reply);
    outcome = CountOutcome::kNot;
  } else if (reply == whole) {
    outcome = CountOutcome::kDone;
  } else if (is_nil && kind != CountKind::kUnwatched) {
    outcome = CountOutcome::kNot;
    ++nils_;
  } else if (reply.starts_with("-EXECABORT Transaction discarded because of: ")) {
    outcome = CountOutcome::kNot;
  } else if (!reply.starts_with("-ERR transaction sent to ")) {
    return Complain("not an answer to EXEC", reply);
  }
  if (is_last_ && outcome == CountOutcome::kDone) {
    is_last_ = false;
    return EndSending();
  }
  Next();
}

CounterScenario::CounterScenario(ScenarioParts parts) : parts_(std::move(parts)) {
  for (uint32_t i = 0; i < kCountingClients; ++i)
    clients_.push_back(std::make_unique<SimCounterClient>(parts_.loop, i, RandomFlavour(parts_.loop)));
}

void CounterScenario::Start() {
  for (const auto& client : clients_) {
    const auto begin = [this, &client] {
      parts_.connect(*client);
      client->Begin(static_cast<uint32_t>(5 + parts_.loop.Random(40)), net::Duration(20'000));
    };
    parts_.loop.After(parts_.loop.RandomDelay(net::Duration(50'000)), begin);
  }
}

void CounterScenario::WarmUp() {
  for (const auto& client : clients_) {
    if (!client->closed() && !client->left_early()) client->Begin(2, net::Duration(100'000));
  }
}

void CounterScenario::Finish() {
  for (const auto& client : clients_) client->CountOnce();
}

size_t CounterScenario::own_links() const {
  size_t sum = 0;
  for (const auto& client : clients_) sum += client->watches();
  return sum;
}

void CounterScenario::Check(ScenarioEvents* events) {
  std::map<std::string, int> executed;
  for (const SimRedisNode* node : RedisNodes(parts_)) {
    for (const auto& [key, values] : node->executed()) {
      uint64_t before = 0;
      for (const std::string& value : values) {
        const uint64_t number = NumberOf(value);
        const bool is_counter = key.second.starts_with(kCounterPrefix);
        EXPECT_TRUE(!is_counter || number == before + 1) << "a count was lost: " << value << " behind " << before;
        before = number;
        ++executed[value.substr(value.find('=') + 1)];
      }
    }
  }
  for (const auto& client : clients_) {
    EXPECT_EQ(client->complaint(), "");
    if (!client->left_early()) {
      EXPECT_TRUE(client->closed()) << "client " << client->number() << " could not count in the end";
      EXPECT_EQ(client->unanswered(), 0U);
    }
    events->nils += client->nils();
    for (const SimCounterClient::CountAttempt& attempt : client->attempts()) {
      const auto found = executed.find(attempt.mark);
      const int times = found != executed.end() ? found->second : 0;
      const bool is_known = attempt.outcome != SimCounterClient::CountOutcome::kUnknown;
      const int wanted = attempt.outcome == SimCounterClient::CountOutcome::kDone ? 1 : 0;
      EXPECT_TRUE(is_known ? times == wanted : times <= 1) << attempt.mark << " was executed " << times << " times";
      events->counted += static_cast<size_t>(times);
      events->unknown_executions += attempt.outcome == SimCounterClient::CountOutcome::kUnknown ? 1 : 0;
    }
  }
}

}  // namespace ringproxy::sim
