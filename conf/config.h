// conf/config.h – The configuration as plain data; one Config is one immutable version of it.
//
// Purpose: what every other folder reads. A member's initialiser is its default, here and nowhere else; bounds, texts
// and the YAML names stand in conf/options. A Config that ParseConfig returned keeps every rule of conf/validate.
// Threads: plain values; share a Config only as const.
// Units: durations are std::chrono, sizes are bytes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "conf/custom_command.h"
#include "ring/hash.h"
#include "ring/ring.h"

namespace ringproxy::conf {

using std::chrono::microseconds;

enum class Protocol : uint8_t { kRedis, kMemcached };
// What a memcached multi-get becomes when some of its nodes fail.
enum class OnPartial : uint8_t { kError, kMiss };
enum class OnGap : uint8_t { kKeep, kDisconnect };
// Whose the links are over which clients are subscribed at the nodes.
enum class SubscriptionLinks : uint8_t { kShared, kOwn };
enum class TransactionScope : uint8_t { kOneNode, kPerNode };
// Whether a pool may lose data: see conf/pool_data.
enum class DataKind : uint8_t { kStore, kCache };
// What becomes of the keys of a node that is down: see conf/option_table.
enum class DownPolicy : uint8_t { kError, kRehash, kGutter };
// Who holds a limit's buckets: each client's connection, this process, or every proxy that shares the store.
enum class LimitScope : uint8_t { kConnection, kLocal, kGlobal };
enum class LimitAlgorithm : uint8_t { kTokenBucket, kSlidingWindow, kFixedWindow, kConcurrency };
enum class LimitAction : uint8_t { kDeny, kDelay, kShadow };
// What a request costs: 1, or what its command does (its keys; more for heavy ones).
enum class LimitCost : uint8_t { kRequest, kCommand };
// How a global limit asks the store: in batches ahead of the requests, or once a request.
enum class LimitCheck : uint8_t { kLease, kExact };
enum class StoreFailure : uint8_t { kLocal, kOpen, kClosed };
// What a refused memcached client reads.
enum class DenyAs : uint8_t { kError, kMiss };
enum class ConcurrencyAlgorithm : uint8_t { kOff, kAimd, kGradient };
enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t { kText, kJson };

// A share or a factor, exact: 0.5, 50% and 1.25 are 500, 500 and 1250 thousandths.
struct Ratio {
  uint32_t thousandths = 0;

  constexpr double value() const { return thousandths / 1000.0; }
  bool operator==(const Ratio&) const = default;
};

// 5000/s, 300/m
struct Rate {
  uint64_t amount = 0;
  microseconds window = std::chrono::seconds(1);
  bool operator==(const Rate&) const = default;
};

// In the file one word, or a list of words.
using Words = std::vector<std::string>;

// host:port, [v6]:port or unix:/path. The host stays text: it is resolved when a connection is opened.
struct Address {
  std::string host;       // Empty for a Unix socket.
  uint16_t port = 0;      // 0 for a Unix socket; a listener may say port 0 for any free one.
  std::string unix_path;  // Empty for TCP.

  bool is_unix() const { return !unix_path.empty(); }
  // The text it was parsed from, normalised: 127.0.0.1:6380, [::1]:6380, unix:/run/x.sock.
  std::string ToString() const;
  bool operator==(const Address&) const = default;
};

struct Admin {
  Address listen{"127.0.0.1", 9180, ""};
  std::string token_file;  // Empty = no token; then `listen` has to be a loopback address.
  std::string token;       // Read from token_file at parse time; never printed.
  Words allowed_hosts;     // Names by which the port is asked, beside localhost and the host of `listen`.

  bool operator==(const Admin&) const = default;
};

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;

  bool operator==(const Log&) const = default;
};

// What one client may send and have waiting. The defaults of the request limits are Redis's own.
struct ClientLimits {
  uint64_t request_bytes = 1ULL << 30;   // client-query-buffer-limit
  uint64_t bulk_bytes = 512ULL << 20;    // proto-max-bulk-len
  uint64_t key_bytes = 512ULL << 20;     // A key is a bulk; a smaller bound is the operator's choice.
  uint64_t arguments = 1024 * 1024;      // Arguments of one request.
  uint64_t inline_bytes = 64 << 10;      // PROTO_INLINE_MAX_SIZE
  uint64_t requests_in_flight = 1024;    // Of one client; more are left unread in its socket.
  uint64_t output_bytes = 256ULL << 20;  // Replies that a client does not read; more and it is disconnected.

  bool operator==(const ClientLimits&) const = default;
};

struct Route {
  std::string prefix;  // Empty: the default route.
  std::string pool;

  bool operator==(const Route&) const = default;
};

struct Listener {
  std::string name;
  Address listen;
  uint32_t socket_mode = 0;  // Of a Unix socket's file; 0 (`auto` in the file) = as the umask leaves it.
  Protocol protocol = Protocol::kRedis;
  uint32_t databases = 16;  // Of a Redis listener.
  bool admin_commands = false;
  std::string password_file;  // Empty: no AUTH. Its first line is the password.
  std::string password;       // Read from password_file at parse time; never printed.
  uint64_t max_connections = 10000;
  uint32_t pinned_per_client = 8;        // Links to nodes that it has for itself.
  microseconds watch_idle{300'000'000};  // 0 = never.
  microseconds idle_timeout{0};          // 0 = never.
  microseconds keepalive{60'000'000};    // 0 = off.
  Words proxy_protocol;                  // The networks of those who send its header; empty = nobody does.
  ClientLimits limits;
  std::vector<Route> routes;  // `pool: P` in the file is the one route {"", P}.

  bool operator==(const Listener&) const = default;
};

struct Node {
  std::string name;  // Identity: the ring hashes it, metrics and errors show it. Defaults to the address as text.
  Address address;
  uint32_t weight = 1;
  std::string slots = {};      // "0-5460,8192": what it owns on a ring of slots.
  std::string ring_name = {};  // Empty: as RingNodeOf in conf/pool_ring has it.

  bool operator==(const Node&) const = default;
};

struct RingOptions {
  ring::Algorithm algorithm = ring::Algorithm::kVnode;
  uint32_t virtual_nodes = 0;   // 0 (`auto` in the file) = the algorithm's own; see conf/pool_ring.
  uint32_t table_size = 65537;  // Entries of maglev's table: a prime.
  ring::HashAlgorithm hash = ring::HashAlgorithm::kAuto;
  std::string hash_tag = "auto";  // Two characters, empty for none, or auto; see HashTagOf in conf/pool_ring.
  std::string unhashed_prefix;    // Empty = none.
  Ratio load_bound;               // 0 = off.

  bool operator==(const RingOptions&) const = default;
};

struct Auth {
  std::string username;       // Empty: AUTH with a password alone.
  std::string password_file;  // Empty: no AUTH. Its first line is the password.
  std::string password;       // Read from password_file at parse time; never printed.

  bool operator==(const Auth&) const = default;
};

struct Timeouts {
  microseconds connect{1'000'000};
  microseconds request{1'000'000};
  microseconds heavy{30'000'000};
  microseconds total{0};  // 0 = connect + request; see LongestOf.

  bool operator==(const Timeouts&) const = default;
};

inline microseconds TotalOf(const Timeouts& timeouts) {
  return timeouts.total > microseconds(0) ? timeouts.total : timeouts.connect + timeouts.request;
}
// For one reply.
inline microseconds ReplyTimeoutOf(const Timeouts& timeouts, bool is_heavy) {
  return is_heavy ? std::max(timeouts.heavy, timeouts.request) : timeouts.request;
}
// In all, for what may take long: a heavy command, or something large whose bytes flow.
inline microseconds LongestOf(const Timeouts& timeouts) {
  return timeouts.total > microseconds(0) ? timeouts.total : timeouts.connect + ReplyTimeoutOf(timeouts, true);
}

// Wait before the n-th reconnection attempt: initial × 2^n, at most `max`, each drawn evenly from its upper half.
struct Reconnect {
  microseconds initial{50'000};
  microseconds max{1'000'000};
  Rate rate{10};

  bool operator==(const Reconnect&) const = default;
};

// Caps of one node connection; a request above them fails at once.
struct NodeLimits {
  uint64_t requests_in_flight = 65536;
  uint64_t bytes_in_flight = 512ULL << 20;

  bool operator==(const NodeLimits&) const = default;
};

struct Retries {
  uint32_t max = 0;
  Ratio budget{200};
  Rate least{3};

  bool operator==(const Retries&) const = default;
};

struct Hedging {
  Ratio budget;  // 0 = off.

  bool operator==(const Hedging&) const = default;
};

struct Health {
  microseconds interval{1'000'000};  // 0 = no checks.
  microseconds fast_interval{200'000};
  microseconds down_interval{5'000'000};
  microseconds timeout{500'000};
  uint32_t rise = 2;
  uint32_t fall = 3;
  std::string maintenance_key;  // Empty = none.

  bool operator==(const Health&) const = default;
};

// Rules at 0 are off.
struct Breaker {
  uint32_t consecutive_failures = 5;
  Ratio failure_ratio{500};
  uint32_t min_requests = 20;
  microseconds window{10'000'000};
  Ratio slow_ratio{1000};
  microseconds slow_threshold{100'000};
  Ratio slow_factor;
  microseconds open{1'000'000};
  microseconds ramp{1'000'000};

  bool operator==(const Breaker&) const = default;
};

// How many requests of one worker may wait for a node, learned from its answers.
struct Concurrency {
  ConcurrencyAlgorithm algorithm = ConcurrencyAlgorithm::kAimd;
  uint32_t min = 64;
  uint32_t max = 65536;
  Ratio reserve;  // Of the limit, for requests with priority.

  bool operator==(const Concurrency&) const = default;
};

struct OnDown {
  DownPolicy policy = DownPolicy::kError;
  std::string gutter;  // The pool, for kGutter.

  bool operator==(const OnDown&) const = default;
};

// Keys that a framework has, by the names that it gives them.
enum class GroupSet : uint8_t { kNone, kBullmq, kBull, kBeeQueue, kLaravel, kSidekiq, kRq, kCelery };

// See conf/key_groups.
struct KeyGroup {
  GroupSet set = GroupSet::kNone;
  std::string pattern = {};  // Without a set.
  std::string tag = {};      // With a pattern that has no {*}.
  bool operator==(const KeyGroup&) const = default;
};

struct Scan {
  bool skip_down = false;
  bool operator==(const Scan&) const = default;
};

struct Blocking {
  bool give_back = true;
  bool operator==(const Blocking&) const = default;
};

struct Pool {
  std::string name;
  Protocol protocol = Protocol::kRedis;
  DataKind data = DataKind::kStore;
  std::vector<Node> nodes;
  RingOptions ring;
  uint32_t connections_per_node = 1;  // Per worker.
  uint32_t flavours_per_node = 8;     // Likewise, beside the plain one.
  uint32_t pinned_per_node = 256;     // Likewise, links that one client each has for itself.
  OnPartial on_partial = OnPartial::kError;
  SubscriptionLinks subscriptions = SubscriptionLinks::kShared;
  OnGap on_gap = OnGap::kKeep;
  TransactionScope transactions = TransactionScope::kOneNode;
  microseconds keepalive{60'000'000};  // 0 = off.
  Auth auth;
  Timeouts timeouts;
  Retries retries;
  Hedging hedging;
  Health health;
  Breaker breaker;
  Concurrency concurrency;
  OnDown on_down;
  microseconds gutter_ttl{10'000'000};
  microseconds rehash_ttl{60'000'000};  // 0 = no bound.
  bool flush_on_return = false;
  Ratio max_ejected{500};
  Reconnect reconnect;
  NodeLimits limits;
  Scan scan;
  Blocking blocking;
  bool learn = false;  // Commands, from the nodes' own COMMAND.
  std::vector<KeyGroup> groups;
  bool taken_for_cache = false;  // No option: the file does not say `data`, and uses what only a cache may.

  bool operator==(const Pool&) const = default;
};

// Which requests are meant. A request fits when it fits every member that is not empty, and it fits a member when it
// fits one of its words.
struct RequestMatch {
  Words listener;
  Words user;
  Words client;   // 10.0.0.0/8, 2001:db8::/32, 10.1.2.3
  Words command;  // get, config|get; or a class: read, write, admin, heavy.
  Words prefix;   // Of one of its keys.
  Words glob;     // Of one of its keys.
  Words pool;     // Of one of its keys; of a request without keys, the default route's.
  bool operator==(const RequestMatch&) const = default;
};

// For one value of what `per` names; of several, joined by commas in the order of `per`. What it does not give is
// none or auto, as in a Limit: nothing is inherited.
struct LimitOverride {
  std::string value;
  Rate rate;
  uint64_t burst = 0;
  uint32_t requests_in_flight = 0;

  bool operator==(const LimitOverride&) const = default;
};

// How a worker fetches tokens of a global limit.
struct Lease {
  microseconds horizon{50'000};  // The demand of so long is fetched at a time.
  microseconds ttl{200'000};     // Unspent tokens are forgotten after this.

  bool operator==(const Lease&) const = default;
};

struct Limit {
  std::string name;
  RequestMatch match;
  Words per;                        // connection, client_ip, user, key, prefix(N); empty = one bucket in all.
  Rate rate;                        // 0 (`none` in the file) with kConcurrency alone.
  uint64_t burst = 0;               // 0 (`auto` in the file) = a tenth of what the rate gives in a second, at least 1.
  uint32_t requests_in_flight = 0;  // With kConcurrency, and 0 (`none` in the file) with all others.
  LimitScope scope = LimitScope::kLocal;
  LimitAlgorithm algorithm = LimitAlgorithm::kTokenBucket;
  LimitAction action = LimitAction::kDeny;
  DenyAs deny_as = DenyAs::kError;
  microseconds max_wait{500'000};  // With kDelay.
  uint32_t max_waiting = 1000;     // With kDelay; requests of one worker.
  LimitCost cost = LimitCost::kRequest;
  uint64_t bytes_per_token = 0;  // 0 = bytes cost nothing.
  uint32_t buckets = 65536;
  LimitCheck check = LimitCheck::kLease;
  Lease lease;
  StoreFailure on_store_failure = StoreFailure::kLocal;
  std::vector<LimitOverride> overrides;

  bool operator==(const Limit&) const = default;
};

struct GlobalLimits {
  std::string store;  // A Redis pool; empty = there is none.
  microseconds timeout{20'000};

  bool operator==(const GlobalLimits&) const = default;
};

struct Config {
  uint32_t workers = 0;             // Event loops; 0 (`auto` in the file) = one a core that it may use.
  uint64_t memory_limit_bytes = 0;  // Of the process; 0 (`auto` in the file) = half of what there is.
  microseconds drain_timeout{30'000'000};
  Address advertise;  // By which clients reach the proxy, or the one that takes its place; Address{} = not known.
  Admin admin;
  Log log;
  std::vector<Listener> listeners;
  std::vector<Pool> pools;  // In the order of the file; names are unique.
  std::vector<Limit> limits;
  GlobalLimits global_limits;
  std::vector<CustomCommand> commands;
  std::vector<RequestMatch> priority;  // Requests that may use what Concurrency::reserve keeps.

  bool operator==(const Config&) const = default;
};

}  // namespace ringproxy::conf
