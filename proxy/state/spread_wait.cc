#include "proxy/state/spread_wait.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

// Servers count milliseconds: what is less is over.
constexpr double kLeastSeconds = 0.001;

}  // namespace

void SpreadWaiter::Unblock(backends::Ticket ask) {
  if (number < 0) return GiveUp();
  if (number == 0 || !link->has_link()) return;
  ++unblocks;
  link->SendBeside(UnblockRequest(number, WaitEnd::kTimeout), ask);
}

void SpreadWaiter::OnUnblocked(std::string_view reply) {
  --unblocks;
  is_ended = reply == ":1\r\n";
  const bool is_missed = !is_ended && state == WaiterState::kArmed && ++missed == kMostMissed;
  if (is_missed || wire::IsError(reply)) GiveUp();
}

void SpreadWaiter::GiveUp() {
  state = WaiterState::kOver;
  if (link) backends::PinnedLease::Abandon(std::move(link));
}

std::optional<double> SpreadWait::LeftAt(net::TimePoint now) const {
  if (!end) return std::nullopt;
  return std::max(kLeastSeconds, std::chrono::duration<double>(*end - now).count());
}

bool SpreadWait::IsOverAt(net::TimePoint now) const {
  return end && std::chrono::duration<double>(*end - now).count() < kLeastSeconds;
}

void SpreadError::SetFailure(const wire::Failure& said) {
  failure = said;
  pool = said.pool;
  node = said.node;
}

NodeId SpreadWait::NodeOf(const HeldSnapshot& held, uint32_t key) const {
  return RouteKey(*held, held->listeners[client.listener], request.key(key));
}

void SpreadWait::TakeReply(uint32_t i, backends::Reply&& reply, net::TimePoint now, net::BlockPool& blocks) {
  SpreadWaiter& waiter = waiters[i];
  const bool is_nil = wire::IsNil(reply.bytes());
  // It is sent again.
  if (is_nil && !ending && !IsOverAt(now)) return;
  waiter.state = SpreadWaiter::WaiterState::kOver;
  ending = Next::kEnd;
  if (wire::IsError(reply.bytes())) {
    if (error.words.empty()) error.words = reply.bytes();
  } else if (!is_nil) {
    waiter.data = reply.Keep(blocks);
  }
}

void SpreadWait::DropWaiters() {
  ++generation;
  std::vector<SpreadWaiter> before = std::move(waiters);
  waiters.clear();
  for (SpreadWaiter& waiter : before) {
    if (waiter.link) backends::PinnedLease::Return(std::move(waiter.link));
  }
}

net::Block SpreadWait::TakeStreams(net::BlockPool& blocks) {
  constexpr size_t kHeaderRoom = 32;
  net::Block first;
  size_t count = 0;
  size_t bytes = 0;
  std::vector<net::Block> others;
  for (SpreadWaiter& waiter : waiters) {
    if (!waiter.data) continue;
    const auto parts = wire::PartsOf(waiter.data.bytes());
    count += parts ? parts->count : 0;
    bytes += parts ? parts->elements.size() : 0;
    (first ? others.emplace_back() : first) = std::move(waiter.data);
  }
  if (others.empty()) return first;
  std::string header;
  wire::AppendMapHeader(count, client.lane.flavour.protocol, &header);
  // In RESP2 each stream is an array of its own, and not a key and a value.
  if (client.lane.flavour.protocol == 2) {
    header.clear();
    wire::AppendArrayHeader(count, &header);
  }
  net::Block all = blocks.Acquire(bytes + kHeaderRoom);
  all.Append(header);
  others.insert(others.begin(), std::move(first));
  for (const net::Block& part : others) {
    if (const auto parts = wire::PartsOf(part.bytes())) all.Append(parts->elements);
  }
  return all;
}

}  // namespace ringproxy::proxy
