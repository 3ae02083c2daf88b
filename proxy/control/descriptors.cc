#include "proxy/control/descriptors.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>

#include "backends/net/lingering_sockets.h"
#include "proxy/control/command_learner.h"

namespace ringproxy::proxy {
namespace {

// Scrapers, probes and a person or two; evhttp itself has no bound.
constexpr uint64_t kAdminClients = 64;
// A loop's epoll, timer and signal pair, its mailbox; clients that have their last words.
constexpr uint64_t kPerLoop = 8 + net::LingeringSockets::kMost;
// Of the names that are looked up at once: files and sockets to name servers.
constexpr uint64_t kNames = 16;
// Standard streams, files that are read for a moment, what libraries open.
constexpr uint64_t kFiles = 32;
// What files and a loop come to at the least: standard streams and the log's own; epoll, mailbox and signal pair.
constexpr uint64_t kLeastFiles = 5;
constexpr uint64_t kLeastPerLoop = 4;

}  // namespace

DescriptorNeed DescriptorsNeeded(const conf::Config& config, uint32_t workers) {
  DescriptorNeed need;
  uint64_t plain_nodes = 0;
  uint64_t pinned = 0;
  uint64_t subscribed = 0;
  for (const conf::Listener& listener : config.listeners) need.clients += listener.max_connections;
  for (const conf::Pool& pool : config.pools) {
    const uint64_t plain = uint64_t{pool.nodes.size()} * pool.connections_per_node * workers;
    // Servers of memcached have no other flavours.
    const uint64_t flavours = pool.protocol == conf::Protocol::kRedis ? 1 + uint64_t{pool.flavours_per_node} : 1;
    plain_nodes += plain;
    // A worker's subscriptions at a node have a link of their own, and so has what ends waits and scripts there.
    const uint64_t apart = pool.protocol == conf::Protocol::kRedis ? 2 * uint64_t{pool.nodes.size()} * workers : 0;
    need.nodes += plain * flavours + apart;
    if (pool.protocol == conf::Protocol::kRedis) {
      const uint64_t of_pool = uint64_t{pool.nodes.size()} * pool.pinned_per_node * workers;
      // One that is subscribed has one to every node.
      const bool is_own = pool.subscriptions == conf::SubscriptionLinks::kOwn;
      pinned += of_pool;
      if (is_own) subscribed += std::min(of_pool, need.clients * pool.nodes.size());
    }
    need.checks += pool.nodes.size();
  }
  // Each of them is one client's, and few clients have more than one but for their subscriptions.
  need.nodes += std::max(subscribed, std::min(pinned, need.clients));
  need.admin = kAdminClients;
  // The control loop is one more, and so is the listener of the admin port.
  const uint64_t loops = uint64_t{workers} + 1;
  const uint64_t listeners = config.listeners.size() + 1;
  if (LearningPools(config) > 0) need.checks += CommandLearner::kMostAtOnce;
  need.own = kFiles + kNames + listeners + kPerLoop * loops;
  // The last one is a client's. Files and loops count by what they need in any case, since this number refuses a start;
  // of the links to nodes only those that are opened at start.
  need.least = plain_nodes + need.checks + kLeastFiles + listeners + kLeastPerLoop * loops + 1;
  return need;
}

uint64_t RoomForClients(const DescriptorNeed& need, uint64_t limit) {
  const uint64_t rest = limit > need.reserved() ? limit - need.reserved() : 0;
  return std::min(need.clients, std::max(rest, limit / 4));
}

uint64_t RaiseDescriptorLimit(const DescriptorNeed& need) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need.total()) return need.clients;
  limit.rlim_cur = std::min<rlim_t>(need.total(), limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    // Where something forbids it the old limit stays.
    spdlog::warn("the limit on descriptors cannot be raised: {}", std::strerror(errno));
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= need.total()) return need.clients;
  if (limit.rlim_cur < need.least) {
    spdlog::error(
        "the limit on descriptors, {}, leaves no room for a client: connections to nodes and their checks alone need "
        "{}; raise the hard limit, or lower connections_per_node or workers",
        limit.rlim_cur, need.least);
    return 0;
  }
  const uint64_t room = RoomForClients(need, limit.rlim_cur);
  spdlog::warn(
      "the configuration may need {} descriptors (clients {}, nodes {}, checks {}, admin port {}, others {}) and the "
      "limit is {}: there is room for {} clients; raise the hard limit, or lower max_connections",
      need.total(), need.clients, need.nodes, need.checks, need.admin, need.own, limit.rlim_cur, room);
  return room;
}

uint64_t DescriptorsUsed() {
  std::error_code error;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  // For want of one descriptor more.
  if (error) return DescriptorLimit();
  // The descriptor by which the folder is read stands in it as well.
  return static_cast<uint64_t>(std::distance(begin(descriptors), end(descriptors))) - 1;
}

uint64_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace ringproxy::proxy
