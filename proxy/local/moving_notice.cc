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

}  // namespace

net::Duration MovingNotice::service_time() const {
  return time - std::min(time / 10, kLongestLastCall);
}

std::string MovingPush(const MovingNotice& notice, const ClientFacts& facts) {
  const ClientState& client = facts.client;
  if (client.moving_news == MovingNews::kUnwanted || facts.is_leaving) return {};
  if (client.flavour.protocol < kFirstWithPushes) return {};
  const bool wants_endpoint = client.moving_news == MovingNews::kWithEndpoint;
  // A null for one who has not asked for it ends the whole process of a node-redis. The address is one of TCP.
  if (wants_endpoint && (notice.endpoint.empty() || facts.is_unix())) return {};
  std::string push = ">4\r\n";
  wire::AppendBulk("MOVING", &push);
  wire::AppendInteger(notice.number, &push);
  wire::AppendInteger(std::max(std::chrono::floor<seconds>(notice.time), seconds(1)).count(), &push);
  wants_endpoint ? wire::AppendBulk(notice.endpoint, &push) : wire::AppendNil(client.flavour.protocol, &push);
  return push;
}

}  // namespace ringproxy::proxy
