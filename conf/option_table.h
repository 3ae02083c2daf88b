// conf/option_table.h – THE option table: every option's name, member, bounds, reload class and one line of doc.
//
// Purpose: one fact, one row. A new option is one member in conf/config.h and one row here; parser, --print-config,
// conf/reference.md and the JSON schema follow. Rules between options stand in conf/validate.
#pragma once

#include "conf/option_names.h"
#include "conf/options.h"

namespace ringproxy::conf {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr uint64_t kKiB = 1ULL << 10;
inline constexpr uint64_t kMiB = 1ULL << 20;
inline constexpr uint64_t kGiB = 1ULL << 30;

// Of a limit's rate in its window, and of its burst.
inline constexpr uint64_t kMostRate = 10'000'000;

template <>
inline constexpr auto kOptions<Admin> =
    std::make_tuple(OptionRow{"listen", &Admin::listen, TcpAddress(0), Reload::kRestart,
                              "Where the admin port listens. An address that is not loopback requires a token_file."},
                    OptionRow{"token_file", &Admin::token_file, Path(), Reload::kLive,
                              "File whose first line is the token that admin requests must carry; empty = none."});

template <>
inline constexpr auto kOptions<Log> = std::make_tuple(OptionRow{"level", &Log::level, Choice(), Reload::kLive,
                                                                "The least severe level that is logged, to stderr."},
                                                      OptionRow{
                                                          "format", &Log::format, Choice(), Reload::kLive,
                                                          "One line of text, or one JSON object, for each message."});

template <>
inline constexpr auto kOptions<ClientLimits> = std::make_tuple(
    OptionRow{"request", &ClientLimits::request_bytes, Bytes(kKiB, 2 * kGiB), Reload::kLive,
              "Longest request, all its arguments together."},
    OptionRow{"bulk", &ClientLimits::bulk_bytes, Bytes(kKiB, 2 * kGiB), Reload::kLive, "Longest single argument."},
    OptionRow{"key", &ClientLimits::key_bytes, Bytes(1, 2 * kGiB), Reload::kLive, "Longest key."},
    OptionRow{"arguments", &ClientLimits::arguments, Count(1, 1ULL << 30), Reload::kLive,
              "Most arguments of one request."},
    OptionRow{"inline", &ClientLimits::inline_bytes, Bytes(64, kMiB), Reload::kLive,
              "Longest line: an inline command or the header of an argument."},
    OptionRow{"requests_in_flight", &ClientLimits::requests_in_flight, Count(1, 1'000'000), Reload::kLive,
              "Most requests of one client that wait for their replies; further ones stay unread in its socket."},
    OptionRow{"output", &ClientLimits::output_bytes, Bytes(64 * kKiB, 64 * kGiB), Reload::kLive,
              "Most bytes of replies waiting for a client that does not read; beyond it the client is disconnected."});

template <>
inline constexpr auto kOptions<Route> =
    std::make_tuple(OptionRow{"prefix", &Route::prefix, Text(0, 1024), Reload::kLive,
                              "Keys that begin with it; the longest prefix wins. Empty = the default route."},
                    OptionRow{"pool", &Route::pool, Name().Required(), Reload::kLive, "The pool these keys go to."});

template <>
inline constexpr auto kOptions<Listener> = std::make_tuple(
    OptionRow{"name", &Listener::name, Name().Required(), Reload::kRestart, "Its name in metrics and logs."},
    OptionRow{"listen", &Listener::listen, AnyAddress(0).Required(), Reload::kRestart,
              "Where clients connect: HOST:PORT (port 0 = any free one) or unix:/PATH."},
    OptionRow{"protocol", &Listener::protocol, Choice(), Reload::kRestart,
              "What clients speak; its pools must speak the same."},
    OptionRow{"max_connections", &Listener::max_connections, Count(1, 10'000'000), Reload::kLive,
              "Most clients at a time; further ones are refused."},
    OptionRow{"idle_timeout", &Listener::idle_timeout, Duration(seconds(0), hours(24 * 7)), Reload::kLive,
              "A client that is silent for so long is disconnected; 0s = never."},
    OptionRow{"limits", &Listener::limits, Section(), Reload::kLive, "What one client may send and have waiting."},
    OptionRow{"pool", &Listener::routes, Name(), Reload::kLive,
              "All keys go to this pool: the short form of routes with a default route alone."},
    OptionRow{"routes", &Listener::routes, ListOf(1, 1000), Reload::kLive,
              "Which keys go to which pool; one of them is the default route, without a prefix. Instead of pool."});

template <>
inline constexpr auto kOptions<Node> = std::make_tuple(
    OptionRow{"name", &Node::name, Name(), Reload::kLive,
              "Its identity: the ring is made from names, so an address may change and no key moves. Without it, the "
              "address. "
              "The ring ketama looks at addresses alone, and twemproxy takes a name that is the address for none."},
    OptionRow{"address", &Node::address, AnyAddress(1).Required(), Reload::kLive,
              "The server: HOST:PORT or unix:/PATH."},
    OptionRow{"weight", &Node::weight, Count(1, 1000), Reload::kLive,
              "Its share of the keys, relative to the other nodes."},
    OptionRow{
        "slots", &Node::slots, Text(0, 4096), Reload::kLive,
        "On a ring of slots: what it owns of the slots 0 to 16383, as in 0-5460,8192. Every slot has one owner."});

template <>
inline constexpr auto kOptions<RingOptions> = std::make_tuple(
    OptionRow{
        "algorithm", &RingOptions::algorithm, Choice(), Reload::kLive,
        "How a key's hash becomes a node. vnode: a change moves no key needlessly. maglev: more even, moves a little "
        "more. "
        "jump: nodes come and go at the list's end only. rendezvous: for short lists. slots: every move is yours. "
        "ketama "
        "and twemproxy: as libmemcached and twemproxy have it. modula: any change moves nearly every key; the list's "
        "order counts, "
        "as libmemcached's does, where twemproxy sorts its servers: a shorter name first, equally long ones by bytes."},
    OptionRow{
        "virtual_nodes", &RingOptions::virtual_nodes, CountOrZero("auto", 1, 65536), Reload::kLive,
        "Points on the ring: for each unit of weight (vnode; auto = 1024), or for each node on average (ketama and "
        "twemproxy; auto = 160). More points, more even shares."},
    OptionRow{"table_size", &RingOptions::table_size, Count(3, 16'777'213), Reload::kLive,
              "Entries of maglev's table, a prime, a hundred times the nodes or more."},
    OptionRow{"hash", &RingOptions::hash, Choice(), Reload::kLive,
              "The hash of a key, with twemproxy's results where it has the name. auto: md5 for ketama, fnv1a_64 for "
              "twemproxy, "
              "crc16 (Redis Cluster's) for slots, else xxh3."},
    OptionRow{
        "hash_tag", &RingOptions::hash_tag, Text(0, 2), Reload::kLive,
        "Two characters; of a key like a{b}c only what stands between them is hashed. Empty = always the whole key."},
    OptionRow{
        "load_bound", &RingOptions::load_bound, FactorOrZero(1050, 100'000), Reload::kLive,
        "1.25 = a node takes at most 1.25 times its share of the requests in flight, and what is above goes to the "
        "next "
        "node; 0 = off. Only for nodes that hold the same data or may miss: on a sharded store a key is not found on "
        "another node than its own, and a write there is lost."});

template <>
inline constexpr auto kOptions<Auth> =
    std::make_tuple(OptionRow{"username", &Auth::username, Text(0, 1024), Reload::kLive,
                              "ACL user; empty = AUTH with the password alone."},
                    OptionRow{"password_file", &Auth::password_file, Path(), Reload::kLive,
                              "File whose first line is the password of the nodes; empty = no AUTH."});

template <>
inline constexpr auto kOptions<Timeouts> =
    std::make_tuple(OptionRow{"connect", &Timeouts::connect, Duration(milliseconds(1), seconds(60)), Reload::kLive,
                              "Longest wait until a connection to a node is open and its handshake answered."},
                    OptionRow{"request", &Timeouts::request, Duration(milliseconds(1), minutes(10)), Reload::kLive,
                              "Longest wait for one reply, from the moment the request was written."},
                    OptionRow{"total", &Timeouts::total, Duration(seconds(0), minutes(20)), Reload::kLive,
                              "Longest wait of a client for one request in all, with connecting and retries; its parts "
                              "on several nodes share "
                              "it. 0s = connect and request together."});

template <>
inline constexpr auto kOptions<Retries> =
    std::make_tuple(OptionRow{"max", &Retries::max, Count(0, 10), Reload::kLive,
                              "How often a read that failed is sent once more; 0 = never. Writes are never sent again. "
                              "A read that is may see "
                              "what its client's later requests have written."},
                    OptionRow{"budget", &Retries::budget, Percent(0, 100), Reload::kLive,
                              "Most retries, as a share of the pool's requests in the last ten seconds."},
                    OptionRow{"least", &Retries::least, PerTime(0, 1'000'000), Reload::kLive,
                              "Retries that are allowed however few requests there are."});

template <>
inline constexpr auto kOptions<Hedging> = std::make_tuple(OptionRow{
    "budget", &Hedging::budget, Percent(0, 50), Reload::kLive,
    "Most reads that are asked of the next node too when the first has not answered within the time that 95% of the "
    "replies take, as a share of the requests; 0% = off, 5% is a good value. Only with on_down: rehash."});

template <>
inline constexpr auto kOptions<Health> = std::make_tuple(
    OptionRow{"interval", &Health::interval, Duration(seconds(0), hours(1)), Reload::kLive,
              "Between two checks of a node, by the whole process; 0s = no checks."},
    OptionRow{"fast_interval", &Health::fast_interval, Duration(milliseconds(10), minutes(1)), Reload::kLive,
              "Between two checks while the last ones disagree with the node's state."},
    OptionRow{"down_interval", &Health::down_interval, Duration(milliseconds(10), hours(1)), Reload::kLive,
              "Longest wait between two checks of a node that stays down."},
    OptionRow{"timeout", &Health::timeout, Duration(milliseconds(1), minutes(1)), Reload::kLive,
              "Longest wait for the answer to a check."},
    OptionRow{"rise", &Health::rise, Count(1, 100), Reload::kLive, "Checks in a row that make a node up again."},
    OptionRow{"fall", &Health::fall, Count(1, 100), Reload::kLive, "Failed checks in a row that make a node down."},
    OptionRow{"maintenance_key", &Health::maintenance_key, Text(0, 1024), Reload::kLive,
              "While this key exists on a Redis node, its checks fail: SET it to take the node out; empty = none."});

template <>
inline constexpr auto kOptions<Breaker> = std::make_tuple(
    OptionRow{"consecutive_failures", &Breaker::consecutive_failures, Count(0, 100'000), Reload::kLive,
              "Timeouts and errors like LOADING or OOM in a row that open the breaker; 0 = never."},
    OptionRow{"failure_ratio", &Breaker::failure_ratio, Percent(0, 100), Reload::kLive,
              "Share of such failures in the window that opens it; 0% = never."},
    OptionRow{"min_requests", &Breaker::min_requests, Count(1, 1'000'000), Reload::kLive,
              "Requests below which no share is judged: in the window, and in a second for the slow ones."},
    OptionRow{"window", &Breaker::window, Duration(seconds(1), minutes(5)), Reload::kLive,
              "The time that failure_ratio looks back."},
    OptionRow{"slow_ratio", &Breaker::slow_ratio, Percent(0, 100), Reload::kLive,
              "Share of replies slower than slow_threshold that opens it after three such seconds in a row; 0% = "
              "never. The clock judges no large request or reply, and none that waits behind one."},
    OptionRow{"slow_threshold", &Breaker::slow_threshold, Duration(milliseconds(1), minutes(1)), Reload::kLive,
              "From this on a reply is slow."},
    OptionRow{"slow_factor", &Breaker::slow_factor, FactorOrZero(1500, 1'000'000), Reload::kLive,
              "Opens it when 95% of the node's replies take up to so many times what they take on the pool's median "
              "node, for "
              "three seconds in a row; 0 = never."},
    OptionRow{"open", &Breaker::open, Duration(milliseconds(10), minutes(1)), Reload::kLive,
              "How long it stays open at first; half as long again each time that it opens anew, at most 1m."},
    OptionRow{"ramp", &Breaker::ramp, Duration(seconds(0), minutes(10)), Reload::kLive,
              "After it has closed, the time in which the requests in flight may grow back to what they were."});

template <>
inline constexpr auto kOptions<Concurrency> = std::make_tuple(
    OptionRow{"algorithm", &Concurrency::algorithm, Choice(), Reload::kLive,
              "off: as many as the other limits allow. aimd: one more while the node answers, a tenth less when it "
              "does not in "
              "time. gradient: so many that replies take little longer than they do on an idle node. A request above "
              "the limit "
              "is refused, which is no failure of the node."},
    OptionRow{"min", &Concurrency::min, Count(1, 1'000'000), Reload::kLive, "The limit never falls below it."},
    OptionRow{"max", &Concurrency::max, Count(1, 1'000'000), Reload::kLive, "The limit never grows above it."},
    OptionRow{"reserve", &Concurrency::reserve, Percent(0, 90), Reload::kLive,
              "Share of the limit that is kept for the requests of priority; 0% = none."});

template <>
inline constexpr auto kOptions<Reconnect> =
    std::make_tuple(OptionRow{"initial", &Reconnect::initial, Duration(milliseconds(1), seconds(60)), Reload::kLive,
                              "Wait before the first attempt to reconnect; it doubles with each further one."},
                    OptionRow{"max", &Reconnect::max, Duration(milliseconds(1), minutes(10)), Reload::kLive,
                              "Longest wait between two attempts."},
                    OptionRow{"rate", &Reconnect::rate, PerTime(1, 100'000), Reload::kLive,
                              "Most connections that a worker opens to a node in a time."});

template <>
inline constexpr auto kOptions<NodeLimits> = std::make_tuple(
    OptionRow{"requests_in_flight", &NodeLimits::requests_in_flight, Count(1, 16'000'000), Reload::kLive,
              "Most requests that wait on one connection; a further one fails at once."},
    OptionRow{"bytes_in_flight", &NodeLimits::bytes_in_flight, Bytes(64 * kKiB, 64 * kGiB), Reload::kLive,
              "Most bytes of requests that wait on one connection; a further one fails at once."});

template <>
inline constexpr auto kOptions<Pool> = std::make_tuple(
    OptionRow{"protocol", &Pool::protocol, Choice(), Reload::kLive, "What the nodes speak."},
    OptionRow{"nodes", &Pool::nodes, ListOf(1, 10'000).Required(), Reload::kLive,
              "The servers; one that is written as its bare address has the address as its name and weight 1."},
    OptionRow{"ring", &Pool::ring, Section(), Reload::kLive, "How keys are spread over the nodes."},
    OptionRow{"connections_per_node", &Pool::connections_per_node, Count(1, 64), Reload::kLive,
              "Connections to each node, for each worker."},
    OptionRow{"on_partial", &Pool::on_partial, Choice(), Reload::kLive,
              "A memcached get of several keys when some of its nodes fail: error (the whole reply) or miss (the "
              "failed nodes' "
              "keys are not found)."},
    OptionRow{"auth", &Pool::auth, Section(), Reload::kLive, "How the nodes are logged in to."},
    OptionRow{"timeouts", &Pool::timeouts, Section(), Reload::kLive, "How long a node may take."},
    OptionRow{"retries", &Pool::retries, Section(), Reload::kLive, "When a read that failed is tried once more."},
    OptionRow{"hedging", &Pool::hedging, Section(), Reload::kLive,
              "When a read that takes long is asked of a second node."},
    OptionRow{"health", &Pool::health, Section(), Reload::kLive, "How the process checks its nodes."},
    OptionRow{"breaker", &Pool::breaker, Section(), Reload::kLive,
              "When a worker stops asking a node because of the answers to its clients' requests."},
    OptionRow{"concurrency", &Pool::concurrency, Section(), Reload::kLive,
              "How many requests of one worker may wait for a node, learned from its answers."},
    OptionRow{"on_down", &Pool::on_down, WhenDown(), Reload::kLive,
              "What becomes of the keys of a node that is down. error: they fail at once and no key moves. rehash: "
              "they go to "
              "the next node on the ring, for caches. {gutter: POOL}: that pool takes them."},
    OptionRow{"gutter_ttl", &Pool::gutter_ttl, Duration(seconds(1), hours(1)), Reload::kLive,
              "Longest expiry of what is written to the gutter pool."},
    OptionRow{"flush_on_return", &Pool::flush_on_return, Switch(), Reload::kLive,
              "Whether a node that was down is emptied before it serves again, since under rehash its values may be "
              "older than "
              "what its neighbour took meanwhile. Every proxy does so once."},
    OptionRow{
        "max_ejected", &Pool::max_ejected, Percent(0, 100), Reload::kLive,
        "Most nodes of the pool that may be out at once, rounded down: of a pool of one none, unless it is 100%. When "
        "more "
        "are down the proxy goes on asking them."},
    OptionRow{"reconnect", &Pool::reconnect, Section(), Reload::kLive, "How often a lost node is tried again."},
    OptionRow{"limits", &Pool::limits, Section(), Reload::kLive, "Caps of one connection to a node."});

template <>
inline constexpr auto kOptions<RequestMatch> = std::make_tuple(
    OptionRow{"listener", &RequestMatch::listener, WordList(), Reload::kLive, "Names of listeners."},
    OptionRow{"user", &RequestMatch::user, WordList(), Reload::kLive,
              "The account of the process on the other end of a Unix socket. Clients of TCP listeners have none, since "
              "ringproxy "
              "does not authenticate clients yet."},
    OptionRow{
        "client", &RequestMatch::client, WordList(), Reload::kLive,
        "Addresses or networks, as in 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32. Clients of Unix sockets have no address."},
    OptionRow{"command", &RequestMatch::command, WordList(), Reload::kLive,
              "Commands in lower case, as in get or config|get, or classes of them: read, write, admin or heavy."},
    OptionRow{"prefix", &RequestMatch::prefix, WordList(), Reload::kLive,
              "What one of the request's keys begins with."},
    OptionRow{"glob", &RequestMatch::glob, WordList(), Reload::kLive,
              "Patterns for the whole of one of the request's keys, as the Redis command KEYS has them."},
    OptionRow{"pool", &RequestMatch::pool, WordList(), Reload::kLive,
              "Pools that one of the request's keys goes to; a request without keys goes to the default route's."});

template <>
inline constexpr auto kOptions<Lease> =
    std::make_tuple(OptionRow{"horizon", &Lease::horizon, Duration(milliseconds(5), seconds(1)), Reload::kLive,
                              "A batch of tokens is what a worker needs in so long. Longer: fewer questions to the "
                              "store, and more tokens that "
                              "lie where they may not be needed."},
                    OptionRow{"ttl", &Lease::ttl, Duration(milliseconds(20), seconds(10)), Reload::kLive,
                              "Tokens that were not spent in so long are forgotten."});

template <>
inline constexpr auto kOptions<LimitOverride> = std::make_tuple(
    OptionRow{"value", &LimitOverride::value, Text(1, 4096).Required(), Reload::kLive,
              "What per names: an address, a user, a key or its first bytes; of several words their values, joined by "
              "commas in "
              "the order of per."},
    OptionRow{"rate", &LimitOverride::rate, PerTimeOrNone("none", 1, kMostRate), Reload::kLive,
              "Its own rate. Required, unless the algorithm is concurrency."},
    OptionRow{"burst", &LimitOverride::burst, CountOrZero("auto", 1, kMostRate), Reload::kLive,
              "Its own burst; auto is made from its own rate."},
    OptionRow{"requests_in_flight", &LimitOverride::requests_in_flight, CountOrZero("none", 1, 1'000'000),
              Reload::kLive, "Its own; with algorithm: concurrency alone."});

template <>
inline constexpr auto kOptions<Limit> = std::make_tuple(
    OptionRow{"name", &Limit::name, Name().Required(), Reload::kLive, "Its name in replies, metrics and the store."},
    OptionRow{
        "match", &Limit::match, Section(), Reload::kLive,
        "The requests that it limits: those that fit every option given here, each by one of its words. Empty = all."},
    OptionRow{
        "per", &Limit::per, WordList(), Reload::kLive,
        "What has buckets of its own: connection, client_ip, user, key or prefix(N), the first N bytes of a key; of "
        "several "
        "words each combination. key and prefix(N) count each distinct key of a request in its own bucket. Empty = one "
        "bucket in all."},
    OptionRow{
        "rate", &Limit::rate, PerTimeOrNone("none", 1, kMostRate), Reload::kLive,
        "What a bucket admits: 1000/s, 300/m, 5000/h or 100000/d. Required, unless the algorithm is concurrency."},
    OptionRow{
        "burst", &Limit::burst, CountOrZero("auto", 1, kMostRate), Reload::kLive,
        "What a bucket admits at once when nothing has been used, with algorithm: token_bucket; auto = a tenth of what "
        "the "
        "rate gives in a second, at least 1. A request that costs more can never pass and reads retry_after_ms=-1."},
    OptionRow{"requests_in_flight", &Limit::requests_in_flight, CountOrZero("none", 1, 1'000'000), Reload::kLive,
              "Most requests that wait for their replies, with algorithm: concurrency alone, which requires it."},
    OptionRow{"scope", &Limit::scope, Choice(), Reload::kLive,
              "Who holds the buckets. connection: each client's connection has its own. local: this process, exactly "
              "over all "
              "its workers. global: all proxies that share global_limits.store, with algorithm: token_bucket alone."},
    OptionRow{
        "algorithm", &Limit::algorithm, Choice(), Reload::kLive,
        "What is admitted at most. token_bucket: in any time t the burst and rate x t; with scope: global also the "
        "tokens "
        "that proxies hold when t begins and their few on credit. sliding_window: twice the amount of the rate in any "
        "time as long as its window. "
        "fixed_window: the amount in a window, twice as much around the edge of two. concurrency: requests_in_flight "
        "at "
        "one time, at any rate."},
    OptionRow{"action", &Limit::action, Choice(), Reload::kLive,
              "What becomes of a request above the limit. deny: it is refused. delay: it waits until it may go, with "
              "algorithm: "
              "token_bucket alone. shadow: it passes and is counted, to try a limit out."},
    OptionRow{
        "deny_as", &Limit::deny_as, Choice(), Reload::kLive,
        "What a refused memcached client reads. error: SERVER_ERROR rate limited. miss: what a server without the "
        "item says (END, NOT_STORED, NOT_FOUND), for clients that take an error for a dead server. Redis clients "
        "read an error."},
    OptionRow{"max_wait", &Limit::max_wait, Duration(milliseconds(1), minutes(1)), Reload::kLive,
              "Longest wait with action: delay; a request that would have to wait longer is refused."},
    OptionRow{"max_waiting", &Limit::max_waiting, Count(1, 1'000'000), Reload::kLive,
              "Most requests of one worker that wait with action: delay; further ones are refused."},
    OptionRow{"cost", &Limit::cost, Choice(), Reload::kLive,
              "Tokens that a request takes. request: one. command: what its command does, one for each key and more "
              "for heavy "
              "commands such as KEYS, SORT and EVAL."},
    OptionRow{
        "bytes_per_token", &Limit::bytes_per_token, Bytes(0, kGiB), Reload::kLive,
        "So many bytes take one token more. Those of a reply are charged once it is there, up to a second's tokens of "
        "debt. "
        "0 = bytes cost nothing."},
    OptionRow{
        "buckets", &Limit::buckets, Count(1, 16 * kMiB), Reload::kLive,
        "Most buckets of this process at a time, 32 to 64 bytes each. One that is full again is given up for a new "
        "one; while "
        "none is, new values share a bucket."},
    OptionRow{
        "check", &Limit::check, Choice(), Reload::kLive,
        "How a global limit asks its store. lease: for tokens ahead of the requests, in batches, and no request waits. "
        "exact: one question for each request, which waits for the answer; for low rates."},
    OptionRow{"lease", &Limit::lease, Section(), Reload::kLive,
              "How a global limit with check: lease fetches its tokens."},
    OptionRow{
        "on_store_failure", &Limit::on_store_failure, Choice(), Reload::kLive,
        "What a global limit does while its store does not answer. local: each proxy admits the rate divided by the "
        "number "
        "of proxies last seen alive. open: all pass. closed: all are refused."},
    OptionRow{"overrides", &Limit::overrides, ListOf(0, 1000), Reload::kLive,
              "Other amounts for some values of what per names."});

template <>
inline constexpr auto kOptions<GlobalLimits> = std::make_tuple(
    OptionRow{"store", &GlobalLimits::store, Text(0, 128), Reload::kLive,
              "The Redis pool whose nodes keep the buckets of global limits, spread over its ring; empty = none."},
    OptionRow{"timeout", &GlobalLimits::timeout, Duration(milliseconds(1), seconds(1)), Reload::kLive,
              "Longest wait for an answer of the store; what comes later is a failure."});

template <>
inline constexpr auto kOptions<Config> = std::make_tuple(
    OptionRow{"workers", &Config::workers, CountOrZero("auto", 1, 1024), Reload::kRestart,
              "Event loops; auto = one a core."},
    OptionRow{"drain_timeout", &Config::drain_timeout, Duration(seconds(0), hours(1)), Reload::kLive,
              "Longest wait for requests in flight when the process is told to end."},
    OptionRow{"admin", &Config::admin, Section(), Reload::kRestart, "The admin port: metrics, health and the API."},
    OptionRow{"log", &Config::log, Section(), Reload::kLive, "What is logged."},
    OptionRow{"listeners", &Config::listeners, ListOf(1, 1000).Required(), Reload::kRestart, "Where clients connect."},
    OptionRow{"pools", &Config::pools, MapOf(1, 1000).Required(), Reload::kLive,
              "The nodes, by the name of their pool."},
    OptionRow{"limits", &Config::limits, ListOf(0, 256), Reload::kLive,
              "How often clients may ask what. A request passes when all limits that match it allow it, and is charged "
              "to them "
              "only then. Commands that the proxy answers itself (PING, HELLO and the like) are not limited."},
    OptionRow{"global_limits", &Config::global_limits, Section(), Reload::kLive,
              "Where the limits with scope: global are kept."},
    OptionRow{"priority", &Config::priority, ListOf(0, 64), Reload::kLive,
              "Requests that may use what pools keep in reserve: see concurrency.reserve."});

}  // namespace ringproxy::conf
