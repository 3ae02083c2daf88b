#include "conf/validate.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "conf/address.h"
#include "conf/key_groups.h"
#include "conf/pool_data.h"
#include "conf/pool_ring.h"
#include "conf/quote.h"
#include "conf/read_file.h"
#include "conf/rule_parts.h"
#include "conf/validate_commands.h"
#include "conf/validate_limits.h"
#include "conf/values.h"
#include "ring/maglev_ring.h"
#include "ring/slots_ring.h"

namespace ringproxy::conf {

namespace {

// Twelve bytes a point: fifty megabytes for the largest ring, and a moment to build it.
constexpr uint64_t kMostVirtualNodes = 4ULL << 20;
// Many pools, each within its bound, could still ask for tens of gigabytes.
constexpr uint64_t kMostVirtualNodesInAll = 16ULL << 20;
constexpr size_t kLongestSecret = 4096;
// Of four points a node float rounding may leave none to anybody: 41 equal nodes have 0.99999 hashes each.
constexpr uint32_t kLeastKetamaPoints = 8;

void CheckRoutePool(const Config& config, const Listener& listener, const Route& route, const std::string& path,
                    Source& source) {
  // A `pools` that could not be read says nothing about which names exist.
  if (!source.Sound({path, "pools"})) return;
  const Pool* pool = FindPool(config, route.pool);
  if (pool == nullptr) return source.Fail(path, NoPool(config, route.pool));
  if (pool->protocol != listener.protocol) {
    source.Fail(path, "pool " + Quote(route.pool) + " speaks another protocol than the listener");
  }
}

void CheckRoutes(const Config& config, const Listener& listener, const std::string& path, Source& source) {
  const std::string routes = path + ".routes";
  const std::string pool = path + ".pool";
  if (source.Has(routes) && source.Has(pool)) return source.Fail(pool, "stands beside routes; only one of them may");
  if (!source.Sound({routes, pool})) return;
  if (listener.routes.empty()) return source.Fail(path, "lacks pool or routes");
  const bool short_form = source.Has(pool);
  Seen prefixes;
  bool has_default = false;
  for (size_t i = 0; i < listener.routes.size(); ++i) {
    const Route& route = listener.routes[i];
    const std::string here = Index(routes, i);
    // It is counted before: a route that could not be read may have been the default, and one mistake is one error.
    has_default = has_default || route.prefix.empty();
    if (!source.Sound({here})) continue;
    // With `pool: P` the file has no routes[0] that an error could name.
    CheckRoutePool(config, listener, route, short_form ? pool : here + ".pool", source);
    if (!short_form) CheckUnique(route.prefix, here + ".prefix", "prefix", prefixes, source);
  }
  if (!has_default) source.Fail(routes, "lacks the default route, one without a prefix");
}

void CheckListenAddress(const Config& config, size_t index, Source& source) {
  const std::string path = Index("listeners", index) + ".listen";
  const Address& listen = config.listeners[index].listen;
  if (!source.Sound({path})) return;
  const auto check = [&](const Address& other, const std::string& other_path) {
    if (!source.Sound({path, other_path}) || !Collide(other, listen)) return;
    source.Fail(path, listen.ToString() + " collides with " + other_path + ", " + other.ToString());
  };
  // Each pair once, and the later one of the two is told.
  for (size_t i = 0; i < index; ++i) check(config.listeners[i].listen, Index("listeners", i) + ".listen");
  check(config.admin.listen, "admin.listen");
}

void CheckProxyProtocol(const Listener& listener, const std::string& path, Source& source) {
  const std::string here = path + ".proxy_protocol";
  CheckNetworks(listener.proxy_protocol, here, source);
  if (listener.proxy_protocol.empty() || !source.Sound({path + ".listen"}) || !listener.listen.is_unix()) return;
  source.Fail(here, "goes with listen: HOST:PORT only: at a Unix socket nobody has an address");
}

void CheckListeners(const Config& config, Source& source) {
  Seen names;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    const std::string path = Index("listeners", i);
    if (!source.Sound({path})) continue;
    CheckUnique(listener.name, path + ".name", "name", names, source);
    CheckRoutes(config, listener, path, source);
    CheckListenAddress(config, i, source);
    CheckProxyProtocol(listener, path, source);
    const bool has_file = !source.Sound({path + ".listen"}) || listener.listen.is_unix();
    if (listener.socket_mode != 0 && !has_file) {
      source.Fail(path + ".socket_mode", "goes with listen: unix:/PATH only");
    }
    if (!listener.password_file.empty() && listener.protocol != Protocol::kRedis) {
      source.Fail(path + ".password_file", "goes with protocol: redis only: memcached's text protocol knows no login");
    }
  }
}

// The listeners by their port, 0 for a Unix socket: a node is compared with few of them.
using OwnPorts = std::multimap<uint16_t, const Listener*>;

// Requests would go round from the proxy to itself.
void CheckOther(const Address& node, const OwnPorts& own, const std::string& path, Source& source) {
  const auto [begin, end] = own.equal_range(node.port);
  const auto self = std::find_if(begin, end, [&](const auto& entry) { return Reaches(node, entry.second->listen); });
  if (self == end) return;
  const Listener& listener = *self->second;
  const bool same = node == listener.listen;
  source.Fail(path, node.ToString() + (same ? " is the address of listener " + Quote(listener.name)
                                            : " leads to listener " + Quote(listener.name) + ", which listens at " +
                                                  listener.listen.ToString()));
}

void CheckNodes(const Pool& pool, const std::string& path, const OwnPorts& own, Source& source) {
  Seen names;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const Node& node = pool.nodes[i];
    const std::string here = Index(path + ".nodes", i);
    const bool sound = source.Sound({here, here + ".name", here + ".address"});
    // A node that is a bare address has its name from there, and the file has no other place for it.
    const std::string name_path = source.Has(here + ".name") ? here + ".name" : here;
    if (sound) CheckUnique(node.name, name_path, "name", names, source);
    if (sound) CheckOther(node.address, own, here, source);
  }
}

// Two nodes that the ring calls alike would have the same points. That names are distinct is another rule.
void CheckRingNames(const Pool& pool, const std::string& path, Source& source) {
  const bool has_any = std::ranges::any_of(pool.nodes, [](const Node& node) { return !node.ring_name.empty(); });
  if (!has_any || !source.Sound({path + ".nodes"})) return;
  Seen called;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const Node& node = pool.nodes[i];
    const std::string here = Index(path + ".nodes", i) + (node.ring_name.empty() ? "" : ".ring_name");
    CheckUnique(node.ring_name.empty() ? node.name : node.ring_name, here, "ring_name", called, source);
  }
}

void CheckRingSizes(const Config& config, Source& source) {
  uint64_t all_points = 0;
  bool each_fits = true;
  for (const Pool& pool : config.pools) {
    // On the other rings no option is multiplied by the nodes, so their own bounds are enough.
    const bool is_ketama = IsKetama(pool.ring.algorithm);
    if (pool.ring.algorithm != ring::Algorithm::kVnode && !is_ketama) continue;
    uint64_t weight = 0;
    for (const Node& node : pool.nodes) weight += node.weight;
    const uint32_t virtual_nodes = VirtualNodesOf(pool.ring);
    // Ketama's weights are relative: they say how its points are shared out and not how many there are.
    const uint64_t units = is_ketama ? pool.nodes.size() : weight;
    const uint64_t points = units * virtual_nodes;
    all_points += points;
    if (points <= kMostVirtualNodes) continue;
    each_fits = false;
    source.Fail("pools." + PathPart(pool.name) + ".ring.virtual_nodes",
                std::to_string(virtual_nodes) + " for each of " + std::to_string(units) +
                    (is_ketama ? " nodes make " : " units of weight make ") + std::to_string(points) +
                    " virtual nodes, above the most, " + std::to_string(kMostVirtualNodes));
  }
  if (!each_fits || all_points <= kMostVirtualNodesInAll) return;
  source.Fail("pools", "their rings have " + std::to_string(all_points) + " virtual nodes in all, above the most, " +
                           std::to_string(kMostVirtualNodesInAll));
}

// These rings have an entry for each unit of weight.
void CheckSumOfWeights(const Pool& pool, const std::string& path, Source& source) {
  if (pool.ring.algorithm != ring::Algorithm::kModula && pool.ring.algorithm != ring::Algorithm::kJump) return;
  uint64_t weight = 0;
  for (const Node& node : pool.nodes) weight += node.weight;
  if (weight <= kMostVirtualNodes) return;
  source.Fail(path + ".nodes", "their weights make " + std::to_string(weight) + " in all, above the most of the ring " +
                                   std::string(NameOf(pool.ring.algorithm)) + ", " + std::to_string(kMostVirtualNodes));
}

void CheckMaglev(const Pool& pool, const std::string& path, Source& source) {
  const uint32_t size = pool.ring.table_size;
  if (!ring::IsPrime(size)) source.Fail(path + ".table_size", std::to_string(size) + " is not a prime, as 65537 is");
  if (size < pool.nodes.size()) {
    source.Fail(path + ".table_size",
                std::to_string(size) + " is below the number of nodes, " + std::to_string(pool.nodes.size()));
  }
}

// Every slot has one owner.
void CheckSlots(const Pool& pool, const std::string& path, Source& source) {
  std::vector<const Node*> owners(ring::kSlots);
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const std::string here = Index(path + ".nodes", i) + ".slots";
    const auto ranges = ParseSlots(pool.nodes[i].slots);
    if (!ranges) return source.Fail(here, ranges.errors());
    for (const ring::SlotRange& range : *ranges) {
      for (uint32_t slot = range.first; slot <= range.last; ++slot) {
        if (owners[slot] != nullptr) {
          // One is enough: a range that is wrong by one digit can meet thousands of slots that have an owner.
          return source.Fail(here, "slot " + std::to_string(slot) + " is owned by " + owners[slot]->name + " already");
        }
        owners[slot] = &pool.nodes[i];
      }
    }
  }
  const auto nobody = std::ranges::find(owners, nullptr);
  if (nobody == owners.end()) return;
  source.Fail(path + ".nodes",
              "slot " + std::to_string(nobody - owners.begin()) + " has no owner; all of 0 to 16383 need one");
}

void CheckRing(const Pool& pool, const std::string& path, Source& source) {
  const std::string ring = path + ".ring";
  if (!source.Sound({ring, path + ".nodes"})) return;
  CheckSumOfWeights(pool, path, source);
  const bool is_slots = pool.ring.algorithm == ring::Algorithm::kSlots;
  if (pool.ring.algorithm == ring::Algorithm::kMaglev) CheckMaglev(pool, ring, source);
  if (is_slots) CheckSlots(pool, path, source);
  for (size_t i = 0; i < pool.nodes.size() && !is_slots; ++i) {
    if (pool.nodes[i].slots.empty()) continue;
    source.Fail(Index(path + ".nodes", i) + ".slots", "goes with the ring's algorithm slots only");
  }
  if (IsKetama(pool.ring.algorithm) && VirtualNodesOf(pool.ring) < kLeastKetamaPoints) {
    source.Fail(ring + ".virtual_nodes", std::to_string(pool.ring.virtual_nodes) +
                                             " is below the least of a ketama ring, " +
                                             std::to_string(kLeastKetamaPoints));
  }
}

// What becomes of a dead node's keys.
void CheckOnDown(const Config& config, const Pool& pool, const std::string& path, Source& source) {
  const std::string on_down = path + ".on_down";
  if (!source.Sound({on_down, on_down + ".gutter", "pools"})) return;
  if (pool.on_down.policy == DownPolicy::kGutter) {
    const Pool* gutter = FindPool(config, pool.on_down.gutter);
    if (gutter == nullptr) return source.Fail(on_down, "no pool is called " + Quote(pool.on_down.gutter));
    if (gutter == &pool) return source.Fail(on_down, "a pool cannot be its own gutter");
    if (gutter->protocol != pool.protocol) {
      source.Fail(on_down, "pool " + Quote(gutter->name) + " speaks another protocol");
    }
    // A chain could close to a circle, and no request would know how many pools it still has to ask.
    if (gutter->on_down.policy == DownPolicy::kGutter) {
      source.Fail(on_down, "pool " + Quote(gutter->name) + " has a gutter itself; they do not make chains");
    }
  }
}

void CheckGroups(const Pool& pool, const std::string& path, Source& source) {
  for (size_t i = 0; i < pool.groups.size(); ++i) {
    const std::string here = Index(path + ".groups", i);
    if (!source.Sound({here, here + ".set", here + ".pattern", here + ".tag"})) continue;
    if (const auto problem = WhyNoGroup(pool.groups[i])) source.Fail(here, *problem);
  }
}

void CheckPools(const Config& config, Source& source) {
  OwnPorts own;
  for (const Listener& listener : config.listeners) own.emplace(listener.listen.port, &listener);
  for (const Pool& pool : config.pools) {
    if (pool.name.empty()) continue;  // A bad name; its options have no path that anybody could read.
    const std::string path = "pools." + PathPart(pool.name);
    if (source.Sound({path, path + ".nodes"}) && pool.nodes.empty()) source.Fail(path + ".nodes", "has no entries");
    CheckNodes(pool, path, own, source);
    CheckRingNames(pool, path, source);
    const std::string hash_tag = path + ".ring.hash_tag";
    if (HashTagOf(pool.ring).size() == 1) {
      source.Fail(hash_tag, Quote(pool.ring.hash_tag) + " is one character; it takes two, or none");
    }
    CheckRing(pool, path, source);
    CheckGroups(pool, path, source);
    CheckOnDown(config, pool, path, source);
    CheckOrder(path, "reconnect.initial", pool.reconnect.initial, "reconnect.max", pool.reconnect.max, source);
    // 0 stands for connect and request together, which no request's timeout exceeds.
    if (pool.timeouts.total > microseconds(0)) {
      CheckOrder(path, "timeouts.request", pool.timeouts.request, "timeouts.total", pool.timeouts.total, source);
    }
    if (!pool.health.maintenance_key.empty() && pool.protocol != Protocol::kRedis) {
      source.Fail(path + ".health.maintenance_key", "goes with protocol: redis only");
    }
    if (pool.learn && pool.protocol != Protocol::kRedis) source.Fail(path + ".learn", "goes with protocol: redis only");
    if (!pool.auth.username.empty() && pool.auth.password_file.empty()) {
      source.Fail(path + ".auth.username", Quote(pool.auth.username) + " stands without a password_file");
    }
  }
}

// All clients would be sent there, whatever their own listener serves.
void CheckAdvertise(const Config& config, Source& source) {
  const auto is_concerned = [](const Listener& listener) {
    return listener.protocol == Protocol::kRedis && !listener.listen.is_unix();
  };
  const std::string& host = config.advertise.host;
  if (host.empty() || !source.Sound({"advertise", "listeners"})) return;
  if (host == "0.0.0.0" || host == "::") source.Fail("advertise", Quote(host) + " is no address to connect to");
  if (std::ranges::count_if(config.listeners, is_concerned) > 1)
    source.Fail("advertise", "goes with one TCP listener for Redis: the clients of all would be sent there");
}

void CheckAllowedHosts(const Config& config, Source& source) {
  const std::string path = "admin.allowed_hosts";
  const auto is_host_byte = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_'; };
  for (size_t i = 0; i < config.admin.allowed_hosts.size(); ++i) {
    const std::string& host = config.admin.allowed_hosts[i];
    const std::string entry = Index(path, i);
    // A single word has no place of its own.
    const std::string& here = source.Has(entry) ? entry : path;
    if (!source.Sound({path, here}) || std::ranges::all_of(host, is_host_byte)) continue;
    source.Fail(here, Quote(host) + " is no host's name; it stands without a scheme and a port");
  }
}

void CheckAdmin(const Config& config, Source& source) {
  CheckAllowedHosts(config, source);
  if (!source.Sound({"admin.listen", "admin.token_file"})) return;
  // Whoever reaches the port can take nodes out and read keys.
  if (IsLoopback(config.admin.listen) || !config.admin.token_file.empty()) return;
  source.Fail("admin.listen", config.admin.listen.ToString() + " is not loopback, which requires admin.token_file");
}

void ReadSecret(const std::string& file, const std::string& path, std::string& secret, Source& source) {
  if (file.empty() || !source.Sound({path})) return;
  // Room for the longest secret and a line end of two bytes; anything longer shows as too long.
  const Result<std::string, Problem> bytes = ReadFileStart(file, kLongestSecret + 2);
  if (!bytes) return source.Fail(path, Quote(file) + " " + bytes.errors().text);
  // Editors and `echo` end a file by a line break that is no part of the secret.
  std::string line = bytes->substr(0, bytes->find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  // Some editors put a mark before the text, which no server would take for a part of the secret.
  if (line.starts_with("\xef\xbb\xbf")) {
    return source.Fail(path, Quote(file) +
                                 " begins with a byte-order mark, which would be sent with the secret; save "
                                 "it as UTF-8 without one");
  }
  if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff")) {
    return source.Fail(path, Quote(file) + " is UTF-16; save it as UTF-8");
  }
  if (line.empty()) return source.Fail(path, Quote(file) + " has an empty first line");
  if (line.size() > kLongestSecret) {
    return source.Fail(path,
                       Quote(file) + " has a first line above the most, " + std::to_string(kLongestSecret) + " bytes");
  }
  secret = std::move(line);
}

}  // namespace

void Validate(const Config& config, Source& source) {
  if (config.listeners.empty() && source.Sound({"", "listeners"})) source.Fail("listeners", "has no entries");
  if (config.pools.empty() && source.Sound({"", "pools"})) source.Fail("pools", "has no entries");
  CheckAdmin(config, source);
  CheckListeners(config, source);
  CheckAdvertise(config, source);
  CheckPools(config, source);
  ValidateData(config, source);
  CheckRingSizes(config, source);
  ValidateLimits(config, source);
  ValidateCommands(config, source);
}

void ReadSecrets(Config& config, Source& source) {
  ReadSecret(config.admin.token_file, "admin.token_file", config.admin.token, source);
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    Listener& listener = config.listeners[i];
    ReadSecret(listener.password_file, Index("listeners", i) + ".password_file", listener.password, source);
  }
  for (Pool& pool : config.pools) {
    ReadSecret(pool.auth.password_file, "pools." + PathPart(pool.name) + ".auth.password_file", pool.auth.password,
               source);
  }
}

Result<Config> CheckedConfig(Config config) {
  Source source("");
  SettleData(config, source);
  ReadSecrets(config, source);
  Validate(config, source);
  if (source.has_errors()) return source.TakeErrors();
  return config;
}

}  // namespace ringproxy::conf
