#include "tests/sim/wait_scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>

#include "backends/wire/resp_reply.h"

namespace ringproxy::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kGroups = 2;
constexpr uint32_t kWaiters = 8;
constexpr uint32_t kPushers = 2;
// By the proxy's own patience with a node that does not say that the time is over.
constexpr net::Duration kMostLate = std::chrono::seconds(5);
constexpr net::Duration kMostLateWhenWell = milliseconds(300);
// Until the node knows that nobody waits any more. One that answers late does not say in time which wait it is: its
// link is closed once it has not answered in time, perhaps over a link that had to be opened.
constexpr net::Duration kLongestEnd = milliseconds(20);
constexpr net::Duration kLongestEndWhenLate = milliseconds(90);

std::string RandomGroup(SimLoop& loop) {
  return "g" + std::to_string(loop.Random(kGroups));
}

std::string KeyOf(const std::string& group, std::string_view name) {
  return std::string(kListPrefix).append("{").append(group).append("}:").append(name);
}

// Of an element.
std::string GroupOf(std::string_view element) {
  return std::string(element.substr(0, element.find('|')));
}

}  // namespace

void SimPusher::Begin(uint32_t elements, net::Duration longest_pause) {
  left_ = elements;
  longest_pause_ = longest_pause;
  if (left_ == 0) return EndSending();
  --left_;
  Push(RandomGroup(loop()), false);
}

void SimPusher::PushOnce(const std::string& group) {
  Push(group, true);
}

void SimPusher::Push(const std::string& group, bool until_done) {
  const std::string element = group + "|" + std::to_string(number()) + ":" + std::to_string(names_++);
  const std::string key = KeyOf(group, loop().Chance(0.7) ? "a" : "b");
  Ask({loop().Chance(0.5) ? "RPUSH" : "LPUSH", key, element}, [this, group, element, until_done](auto reply) {
    const bool is_done = wire::IntegerReply(reply).has_value();
    if (!is_done && !IsFailure(reply)) return Complain("not an answer to a push", reply);
    if (is_done) pushed_.push_back(element);
    if (!until_done) return Later(loop().RandomDelay(longest_pause_), [this] { Begin(left_, longest_pause_); });
    if (is_done) return EndSending();
    Later(milliseconds(10), [this, group] { PushOnce(group); });
  });
  Say();
}

void SimWaiter::Begin(uint32_t waits) {
  left_ = waits;
  Round();
}

void SimWaiter::WaitForOne(const std::string& group) {
  plan_ = WaiterPlan::kForOne;
  Wait(group, 0);
}

void SimWaiter::WaitInVain() {
  plan_ = WaiterPlan::kInVain;
  Wait("own" + std::to_string(number()), empty_waits_ == 0 ? 100 : 0);
  if (empty_waits_ == 0) return;
  has_ended_ = true;
  Later(milliseconds(50), [this] { EndSending(); });
}

void SimWaiter::GiveUp() {
  if (closed() || left_early()) return;
  if (has_ended_) return Complain("has ended its side and still waits", group_);
  if (limit_ms_ > 0 && !group_.empty()) return Complain("still waits though its time is over", group_);
  Go();
}

void SimWaiter::Next() {
  if (has_ended_) return;
  const net::Duration pause =
      plan_ == WaiterPlan::kRandom ? loop().RandomDelay(net::Duration(10'000)) : milliseconds(10);
  Later(pause, [this] {
    switch (plan_) {
      case WaiterPlan::kRandom: return Round();
      case WaiterPlan::kForOne: return WaitForOne(group_);
      case WaiterPlan::kInVain: return WaitInVain();
    }
  });
}

void SimWaiter::Round() {
  if (left_ == 0) return EndSending();
  --left_;
  const bool has_end = loop().Chance(0.8);
  Wait(RandomGroup(loop()), has_end ? static_cast<uint32_t>(1 + loop().Random(150)) : 0);
  if (has_end && loop().Chance(0.8)) return;
  Later(loop().RandomDelay(milliseconds(150)), [this, left = left_] {
    if (group_.empty() || left != left_) return;
    if (loop().Chance(0.5)) return Go();
    has_ended_ = true;
    EndSending();
  });
}

void SimWaiter::Wait(const std::string& group, uint32_t limit_ms) {
  group_ = group;
  limit_ms_ = limit_ms;
  since_ = loop().now();
  ++waits_;
  char limit[16];
  std::snprintf(limit, sizeof limit, "%.3f", limit_ms / 1000.0);
  const auto on_reply = [this](auto reply) { OnWaited(reply); };
  const char* const name = loop().Chance(0.5) ? "BLPOP" : "BRPOP";
  // One that waits for what will be pushed once, to either of the two, waits for both.
  const bool for_both = loop().Chance(0.5) || plan_ == WaiterPlan::kForOne;
  for_both ? Ask({name, KeyOf(group, "b"), KeyOf(group, "a"), limit}, on_reply)
           : Ask({name, KeyOf(group, "a"), limit}, on_reply);
  Say();
}

void SimWaiter::Go() {
  if (!group_.empty()) perhaps_lost_[group_].push_back(loop().now());
  Leave();
}

void SimWaiter::OnWaited(std::string_view reply) {
  const net::Duration limit = milliseconds(limit_ms_);
  const net::Duration took = loop().now() - since_;
  const net::Duration most = plan_ == WaiterPlan::kRandom ? kMostLate : kMostLateWhenWell;
  if (limit_ms_ > 0 && took > limit + most) return Complain("waited longer than its time", reply);
  if (reply == (flavour().protocol == 3 ? "_\r\n" : "*-1\r\n")) {
    if (!has_ended_ && (limit_ms_ == 0 || took < limit)) return Complain("its time was not over", reply);
    return OnNothing();
  }
  if (reply.starts_with('*')) return OnElement(reply);
  if (reply.find("lost while waiting: an element may have been taken") != std::string_view::npos) {
    if (plan_ != WaiterPlan::kRandom && !meets_cut_links_) return Complain("lost though all is well", reply);
    perhaps_lost_[group_].push_back(loop().now());
  } else if (!IsFailure(reply) && !reply.starts_with("-ERR max number of ")) {
    return Complain("not an answer to a wait", reply);
  }
  if (plan_ == WaiterPlan::kRandom) group_.clear();
  Next();
}

void SimWaiter::OnElement(std::string_view reply) {
  wire::ArrayReader reader(reply);
  const auto key = reader.remaining() == 2 ? wire::BulkReply(reader.Next()) : std::nullopt;
  const auto element = key ? wire::BulkReply(reader.Next()) : std::nullopt;
  if (!element || GroupOf(*element) != group_ || !key->starts_with(KeyOf(group_, "")))
    return Complain("not an element of " + group_, reply);
  received_.emplace_back(*element);
  group_.clear();
  if (plan_ == WaiterPlan::kRandom) return Next();
  EndSending();
}

void SimWaiter::OnNothing() {
  ++empty_waits_;
  if (plan_ == WaiterPlan::kForOne) return Complain("read nothing though it waits without end", "");
  if (plan_ == WaiterPlan::kRandom) group_.clear();
  Next();
}

WaitScenario::WaitScenario(ScenarioParts parts)
    : parts_(std::move(parts)), database_(static_cast<uint16_t>(parts_.loop.Random(kSimDatabases))) {}

backends::Flavour WaitScenario::NewFlavour() {
  backends::Flavour flavour = RandomFlavour(parts_.loop);
  flavour.database = database_;
  return flavour;
}

SimWaiter& WaitScenario::NewWaiter() {
  const auto number = static_cast<uint32_t>(waiters_.size());
  waiters_.push_back(std::make_unique<SimWaiter>(parts_.loop, number, NewFlavour()));
  parts_.connect(*waiters_.back());
  return *waiters_.back();
}

SimPusher& WaitScenario::NewPusher() {
  const auto number = static_cast<uint32_t>(pushers_.size());
  pushers_.push_back(std::make_unique<SimPusher>(parts_.loop, number, NewFlavour()));
  parts_.connect(*pushers_.back());
  return *pushers_.back();
}

void WaitScenario::Start() {
  SimLoop& loop = parts_.loop;
  for (uint32_t i = 0; i < kPushers; ++i) {
    loop.After(loop.RandomDelay(milliseconds(50)),
               [this] { NewPusher().Begin(static_cast<uint32_t>(10 + parts_.loop.Random(40)), milliseconds(25)); });
  }
  for (uint32_t i = 0; i < kWaiters; ++i) {
    loop.After(loop.RandomDelay(milliseconds(400)),
               [this] { NewWaiter().Begin(static_cast<uint32_t>(1 + parts_.loop.Random(12))); });
  }
}

void WaitScenario::WarmUp() {
  for (const auto& waiter : waiters_) waiter->GiveUp();
}

void WaitScenario::Finish() {
  for (uint32_t i = 0; i < kGroups; ++i) {
    const std::string group = "g" + std::to_string(i);
    SimWaiter& waiter = NewLastWaiter();
    waiter.WaitForOne(group);
    PushFor(waiter, group);
  }
  NewLastWaiter().WaitInVain();
}

bool WaitScenario::AnyCutLink() const {
  const std::vector<SimRedisNode*> nodes = RedisNodes(parts_);
  return std::ranges::any_of(nodes, [](const SimRedisNode* node) { return node->HasUselessOwn(); });
}

SimWaiter& WaitScenario::NewLastWaiter() {
  SimWaiter& waiter = NewWaiter();
  if (AnyCutLink()) waiter.MeetCutLinks();
  return waiter;
}

size_t WaitScenario::own_links() const {
  size_t sum = 0;
  for (const auto& waiter : waiters_) sum += waiter->waits();
  return sum;
}

// Where keys move away from a node that is full, an element may be pushed where nobody waits; and over a link that was
// cut off it goes to nobody.
void WaitScenario::PushFor(const SimWaiter& waiter, const std::string& group) {
  NewPusher().PushOnce(group);
  const bool may_repeat = AnyCutLink() || parts_.pool.on_down.policy == conf::DownPolicy::kRehash ||
                          parts_.pool.ring.load_bound.thousandths > 0;
  parts_.loop.After(milliseconds(100), [this, &waiter, group, may_repeat] {
    if (may_repeat && !waiter.closed()) PushFor(waiter, group);
  });
}

void WaitScenario::CheckClient(const SimDialog& client) {
  EXPECT_EQ(client.complaint(), "");
  if (client.left_early()) return;
  EXPECT_TRUE(client.closed()) << "client " << client.number() << " is still there";
  EXPECT_EQ(client.unanswered(), 0U);
}

void WaitScenario::Check(ScenarioEvents* events) {
  for (const auto& pusher : pushers_) CheckClient(*pusher);
  for (const auto& waiter : waiters_) {
    CheckClient(*waiter);
    events->empty_waits += waiter->empty_waits();
  }
  for (const SimRedisNode* node : RedisNodes(parts_)) EXPECT_EQ(node->lists().waiting(), 0U) << node->port();
  CheckElements(events);
}

void WaitScenario::CheckElements(ScenarioEvents* events) {
  std::map<std::string, int> pushed;
  std::map<std::string, int> found;  // In a list, or received.
  for (const SimRedisNode* node : RedisNodes(parts_)) {
    for (const std::string& element : node->lists().pushed()) ++pushed[element];
    node->lists().ForEachElement([&](const std::string& element) { ++found[element]; });
  }
  for (const auto& pusher : pushers_) {
    for (const std::string& element : pusher->pushed()) EXPECT_EQ(pushed[element], 1) << element;
  }
  for (const auto& waiter : waiters_) {
    events->received += waiter->received().size();
    for (const std::string& element : waiter->received()) ++found[element];
  }
  for (const auto& [element, times] : pushed) {
    EXPECT_EQ(times, 1) << element << " was pushed more than once";
    EXPECT_LE(found[element], 1) << element << " was received more than once";
  }
  EXPECT_EQ(found.size(), pushed.size()) << "an element comes from nowhere";
  events->lost_elements += CheckLost(found);
}

size_t WaitScenario::CheckLost(const std::map<std::string, int>& found) {
  struct LostElement {
    net::TimePoint taken;
    const SimRedisNode* node;
  };
  std::map<std::string, std::vector<LostElement>> lost;  // By group.
  for (const SimRedisNode* node : RedisNodes(parts_)) {
    for (const auto& [element, at] : node->lists().taken()) {
      if (found.at(element) == 0) lost[GroupOf(element)].push_back({at, node});
    }
  }
  std::map<std::string, std::vector<net::TimePoint>> ends;
  for (const auto& waiter : waiters_) {
    for (const auto& [group, times] : waiter->perhaps_lost())
      ends[group].insert(ends[group].end(), times.begin(), times.end());
  }
  size_t count = 0;
  for (auto& [group, taken] : lost) {
    count += taken.size();
    std::vector<net::TimePoint>& ended = ends[group];
    EXPECT_LE(taken.size(), ended.size()) << "elements of " << group << " are lost";
    std::ranges::sort(taken, std::greater(), &LostElement::taken);
    std::ranges::sort(ended, std::greater());
    // Each has a wait of its own, of whose end the node has not known for long.
    for (size_t i = 0; i < std::min(taken.size(), ended.size()); ++i) {
      const auto& [at, node] = taken[i];
      EXPECT_LE(at, node->ReadsBy(ended[i], node->WasLate(at) ? kLongestEndWhenLate : kLongestEnd))
          << "an element of " << group << " went to nobody at " << at.time_since_epoch().count() << " us";
    }
  }
  return count;
}

}  // namespace ringproxy::sim
