#include "proxy/local/moving_notice.h"

#include <algorithm>
#include <chrono>

#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

using std::chrono::seconds;

constexpr uint8_t kFirstWithPushes = 3;
// Requests that are under way when the service ends have a tenth of the time for their replies, and no more than this.
constexpr net::Duration kLongestLastCall = seconds(1);

bool CanUse(const MovingNotice& notice, const ClientFacts& facts) {
  const ClientState& client = facts.client;
  if (client.moving_news == MovingNews::kUnwanted || facts.is_leaving) return false;
  if (client.flavour.protocol < kFirstWithPushes) return false;
  // A null for one who has not asked for it ends the whole process of a node-redis. The address is one of TCP.
  return client.moving_news == MovingNews::kBare || (!notice.endpoint.empty() && !facts.is_unix());
}

// Names and what else libraries say when they connect are said again.
bool IsBound(const ClientFacts& facts) {
  const ClientState& client = facts.client;
  return client.refused.may_listen() || client.refused.monitors() || client.reply_mode == ReplyMode::kOff ||
         client.has_left_database || facts.waits;
}

}  // namespace

net::Duration MovingNotice::service_time() const {
  return time - std::min(time / 10, kLongestLastCall);
}

MovingTold WhenTold(const MovingNotice& notice, const ClientFacts& facts) {
  if (!CanUse(notice, facts) || IsBound(facts)) return MovingTold::kNever;
  // Its flavour is pinned while it watches.
  const bool is_bound_for_now = facts.client.transaction || facts.client.flavour.is_pinned || facts.may_change;
  return is_bound_for_now ? MovingTold::kLater : MovingTold::kNow;
}

std::string MovingPush(const MovingNotice& notice, const ClientState& client) {
  std::string push = ">4\r\n";
  wire::AppendBulk("MOVING", &push);
  wire::AppendInteger(notice.number, &push);
  wire::AppendInteger(std::max(std::chrono::floor<seconds>(notice.time), seconds(1)).count(), &push);
  client.moving_news == MovingNews::kWithEndpoint ? wire::AppendBulk(notice.endpoint, &push)
                                                  : wire::AppendNil(client.flavour.protocol, &push);
  return push;
}

}  // namespace ringproxy::proxy
