// conf/option_table.h – THE option table: every option's name, member, bounds, reload class and one line of doc.
//
// Purpose: one fact, one row. A new option is one member in conf/config.h and one row here; parser, --print-config,
// conf/reference.md and the JSON schema follow. Rules between options stand in conf/validate.
#pragma once

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

template <>
inline constexpr EnumName<Protocol> kNames<Protocol>[] = {
    {Protocol::kRedis, "redis"},
    {Protocol::kMemcached, "memcached"},
};

template <>
inline constexpr EnumName<OnPartial> kNames<OnPartial>[] = {{OnPartial::kError, "error"}, {OnPartial::kMiss, "miss"}};

// kGutter has a form of its own, {gutter: POOL}.
template <>
inline constexpr EnumName<DownPolicy> kNames<DownPolicy>[] = {
    {DownPolicy::kError, "error"},
    {DownPolicy::kRehash, "rehash"},
};

template <>
inline constexpr EnumName<LogLevel> kNames<LogLevel>[] = {
    {LogLevel::kDebug, "debug"},
    {LogLevel::kInfo, "info"},
    {LogLevel::kWarn, "warn"},
    {LogLevel::kError, "error"},
};

template <>
inline constexpr EnumName<LogFormat> kNames<LogFormat>[] = {{LogFormat::kText, "text"}, {LogFormat::kJson, "json"}};

template <>
inline constexpr EnumName<ring::Algorithm> kNames<ring::Algorithm>[] = {
    {ring::Algorithm::kVnode, "vnode"},         {ring::Algorithm::kKetama, "ketama"},
    {ring::Algorithm::kTwemproxy, "twemproxy"}, {ring::Algorithm::kMaglev, "maglev"},
    {ring::Algorithm::kJump, "jump"},           {ring::Algorithm::kRendezvous, "rendezvous"},
    {ring::Algorithm::kModula, "modula"},       {ring::Algorithm::kSlots, "slots"},
};

template <>
inline constexpr EnumName<ring::HashAlgorithm> kNames<ring::HashAlgorithm>[] = {
    {ring::HashAlgorithm::kAuto, "auto"},
    {ring::HashAlgorithm::kXxh3, "xxh3"},
    {ring::HashAlgorithm::kXxh64, "xxh64"},
    {ring::HashAlgorithm::kMd5, "md5"},
    {ring::HashAlgorithm::kFnv1a64, "fnv1a_64"},
    {ring::HashAlgorithm::kFnv1a32, "fnv1a_32"},
    {ring::HashAlgorithm::kFnv164, "fnv1_64"},
    {ring::HashAlgorithm::kFnv132, "fnv1_32"},
    {ring::HashAlgorithm::kCrc16, "crc16"},
    {ring::HashAlgorithm::kCrc32, "crc32"},
    {ring::HashAlgorithm::kCrc32a, "crc32a"},
    {ring::HashAlgorithm::kMurmur, "murmur"},
    {ring::HashAlgorithm::kHsieh, "hsieh"},
    {ring::HashAlgorithm::kJenkins, "jenkins"},
    {ring::HashAlgorithm::kOneAtATime, "one_at_a_time"},
};

template <>
inline constexpr OptionRow<Admin> kOptions<Admin>[] = {
    {"listen", &Admin::listen, TcpAddress(0), Reload::kRestart,
     "Where the admin port listens. An address that is not loopback requires a token_file."},
    {"token_file", &Admin::token_file, Path(), Reload::kLive,
     "File whose first line is the token that admin requests must carry; empty = none."},
};

template <>
inline constexpr OptionRow<Log> kOptions<Log>[] = {
    {"level", &Log::level, Choice(), Reload::kLive, "The least severe level that is logged, to stderr."},
    {"format", &Log::format, Choice(), Reload::kLive, "One line of text, or one JSON object, for each message."},
};

template <>
inline constexpr OptionRow<ClientLimits> kOptions<ClientLimits>[] = {
    {"request", &ClientLimits::request_bytes, Bytes(kKiB, 2 * kGiB), Reload::kLive,
     "Longest request, all its arguments together."},
    {"bulk", &ClientLimits::bulk_bytes, Bytes(kKiB, 2 * kGiB), Reload::kLive, "Longest single argument."},
    {"key", &ClientLimits::key_bytes, Bytes(1, 2 * kGiB), Reload::kLive, "Longest key."},
    {"arguments", &ClientLimits::arguments, Count(1, 1ULL << 30), Reload::kLive, "Most arguments of one request."},
    {"inline", &ClientLimits::inline_bytes, Bytes(64, kMiB), Reload::kLive,
     "Longest line: an inline command or the header of an argument."},
    {"requests_in_flight", &ClientLimits::requests_in_flight, Count(1, 1'000'000), Reload::kLive,
     "Most requests of one client that wait for their replies; further ones stay unread in its socket."},
    {"output", &ClientLimits::output_bytes, Bytes(64 * kKiB, 64 * kGiB), Reload::kLive,
     "Most bytes of replies waiting for a client that does not read; beyond it the client is disconnected."},
};

template <>
inline constexpr OptionRow<Route> kOptions<Route>[] = {
    {"prefix", &Route::prefix, Text(0, 1024), Reload::kLive,
     "Keys that begin with it; the longest prefix wins. Empty = the default route."},
    {"pool", &Route::pool, Name().Required(), Reload::kLive, "The pool these keys go to."},
};

template <>
inline constexpr OptionRow<Listener> kOptions<Listener>[] = {
    {"name", &Listener::name, Name().Required(), Reload::kRestart, "Its name in metrics and logs."},
    {"listen", &Listener::listen, AnyAddress(0).Required(), Reload::kRestart,
     "Where clients connect: HOST:PORT (port 0 = any free one) or unix:/PATH."},
    {"protocol", &Listener::protocol, Choice(), Reload::kRestart, "What clients speak; its pools must speak the same."},
    {"max_connections", &Listener::max_connections, Count(1, 10'000'000), Reload::kLive,
     "Most clients at a time; further ones are refused."},
    {"idle_timeout", &Listener::idle_timeout, Duration(seconds(0), hours(24 * 7)), Reload::kLive,
     "A client that is silent for so long is disconnected; 0s = never."},
    {"limits", &Listener::limits, Section(), Reload::kLive, "What one client may send and have waiting."},
    {"pool", &Listener::routes, Name(), Reload::kLive,
     "All keys go to this pool: the short form of routes with a default route alone."},
    {"routes", &Listener::routes, ListOf(1, 1000), Reload::kLive,
     "Which keys go to which pool; one of them is the default route, without a prefix. Instead of pool."},
};

template <>
inline constexpr OptionRow<Node> kOptions<Node>[] = {
    {"name", &Node::name, Name(), Reload::kLive,
     "Its identity: the ring is made from names, so an address may change and no key moves. Without it, the address. "
     "The ring ketama looks at addresses alone, and twemproxy takes a name that is the address for none."},
    {"address", &Node::address, AnyAddress(1).Required(), Reload::kLive, "The server: HOST:PORT or unix:/PATH."},
    {"weight", &Node::weight, Count(1, 1000), Reload::kLive, "Its share of the keys, relative to the other nodes."},
    {"slots", &Node::slots, Text(0, 4096), Reload::kLive,
     "On a ring of slots: what it owns of the slots 0 to 16383, as in 0-5460,8192. Every slot has one owner."},
};

template <>
inline constexpr OptionRow<RingOptions> kOptions<RingOptions>[] = {
    {"algorithm", &RingOptions::algorithm, Choice(), Reload::kLive,
     "How a key's hash becomes a node. vnode: a change moves no key needlessly. maglev: more even, moves a little "
     "more. "
     "jump: nodes come and go at the list's end only. rendezvous: for short lists. slots: every move is yours. ketama "
     "and twemproxy: as libmemcached and twemproxy have it. modula: any change moves nearly every key; the list's "
     "order counts, "
     "as libmemcached's does, where twemproxy sorts its servers: a shorter name first, equally long ones by bytes."},
    {"virtual_nodes", &RingOptions::virtual_nodes, CountOrZero("auto", 1, 65536), Reload::kLive,
     "Points on the ring: for each unit of weight (vnode; auto = 1024), or for each node on average (ketama and "
     "twemproxy; auto = 160). More points, more even shares."},
    {"table_size", &RingOptions::table_size, Count(3, 16'777'213), Reload::kLive,
     "Entries of maglev's table, a prime, a hundred times the nodes or more."},
    {"hash", &RingOptions::hash, Choice(), Reload::kLive,
     "The hash of a key, with twemproxy's results where it has the name. auto: md5 for ketama, fnv1a_64 for twemproxy, "
     "crc16 (Redis Cluster's) for slots, else xxh3."},
    {"hash_tag", &RingOptions::hash_tag, Text(0, 2), Reload::kLive,
     "Two characters; of a key like a{b}c only what stands between them is hashed. Empty = always the whole key."},
    {"load_bound", &RingOptions::load_bound, FactorOrZero(1050, 100'000), Reload::kLive,
     "1.25 = a node takes at most 1.25 times its share of the requests in flight, and what is above goes to the next "
     "node; 0 = off. Only for nodes that hold the same data or may miss: on a sharded store a key is not found on "
     "another node than its own, and a write there is lost."},
};

template <>
inline constexpr OptionRow<Auth> kOptions<Auth>[] = {
    {"username", &Auth::username, Text(0, 1024), Reload::kLive, "ACL user; empty = AUTH with the password alone."},
    {"password_file", &Auth::password_file, Path(), Reload::kLive,
     "File whose first line is the password of the nodes; empty = no AUTH."},
};

template <>
inline constexpr OptionRow<Timeouts> kOptions<Timeouts>[] = {
    {"connect", &Timeouts::connect, Duration(milliseconds(1), seconds(60)), Reload::kLive,
     "Longest wait until a connection to a node is open and its handshake answered."},
    {"request", &Timeouts::request, Duration(milliseconds(1), minutes(10)), Reload::kLive,
     "Longest wait for one reply, from the moment the request was written."},
    {"total", &Timeouts::total, Duration(seconds(0), minutes(20)), Reload::kLive,
     "Longest wait of a client for one request in all, with connecting and retries; its parts on several nodes share "
     "it. 0s = connect and request together."},
};

template <>
inline constexpr OptionRow<Retries> kOptions<Retries>[] = {
    {"max", &Retries::max, Count(0, 10), Reload::kLive,
     "How often a read that failed is sent once more; 0 = never. Writes are never sent again. A read that is may see "
     "what its client's later requests have written."},
    {"budget", &Retries::budget, Percent(0, 100), Reload::kLive,
     "Most retries, as a share of the pool's requests in the last ten seconds."},
    {"least", &Retries::least, PerTime(0, 1'000'000), Reload::kLive,
     "Retries that are allowed however few requests there are."},
};

template <>
inline constexpr OptionRow<Hedging> kOptions<Hedging>[] = {
    {"budget", &Hedging::budget, Percent(0, 50), Reload::kLive,
     "Most reads that are asked of the next node too when the first has not answered within the time that 95% of the "
     "replies take, as a share of the requests; 0% = off, 5% is a good value. Only with on_down: rehash."},
};

template <>
inline constexpr OptionRow<Health> kOptions<Health>[] = {
    {"interval", &Health::interval, Duration(seconds(0), hours(1)), Reload::kLive,
     "Between two checks of a node, by the whole process; 0s = no checks."},
    {"fast_interval", &Health::fast_interval, Duration(milliseconds(10), minutes(1)), Reload::kLive,
     "Between two checks while the last ones disagree with the node's state."},
    {"down_interval", &Health::down_interval, Duration(milliseconds(10), hours(1)), Reload::kLive,
     "Longest wait between two checks of a node that stays down."},
    {"timeout", &Health::timeout, Duration(milliseconds(1), minutes(1)), Reload::kLive,
     "Longest wait for the answer to a check."},
    {"rise", &Health::rise, Count(1, 100), Reload::kLive, "Checks in a row that make a node up again."},
    {"fall", &Health::fall, Count(1, 100), Reload::kLive, "Failed checks in a row that make a node down."},
    {"maintenance_key", &Health::maintenance_key, Text(0, 1024), Reload::kLive,
     "While this key exists on a Redis node, its checks fail: SET it to take the node out; empty = none."},
};

template <>
inline constexpr OptionRow<Breaker> kOptions<Breaker>[] = {
    {"consecutive_failures", &Breaker::consecutive_failures, Count(0, 100'000), Reload::kLive,
     "Timeouts and errors like LOADING or OOM in a row that open the breaker; 0 = never."},
    {"failure_ratio", &Breaker::failure_ratio, Percent(0, 100), Reload::kLive,
     "Share of such failures in the window that opens it; 0% = never."},
    {"min_requests", &Breaker::min_requests, Count(1, 1'000'000), Reload::kLive,
     "Requests below which no share is judged: in the window, and in a second for the slow ones."},
    {"window", &Breaker::window, Duration(seconds(1), minutes(5)), Reload::kLive,
     "The time that failure_ratio looks back."},
    {"slow_ratio", &Breaker::slow_ratio, Percent(0, 100), Reload::kLive,
     "Share of replies slower than slow_threshold that opens it after three such seconds in a row; 0% = never. Large "
     "requests and replies are not judged by the clock."},
    {"slow_threshold", &Breaker::slow_threshold, Duration(milliseconds(1), minutes(1)), Reload::kLive,
     "From this on a reply is slow."},
    {"slow_factor", &Breaker::slow_factor, FactorOrZero(1500, 1'000'000), Reload::kLive,
     "Opens it when 95% of the node's replies take up to so many times what they take on the pool's median node, for "
     "three seconds in a row; 0 = never."},
    {"open", &Breaker::open, Duration(milliseconds(10), minutes(1)), Reload::kLive,
     "How long it stays open at first; half as long again each time that it opens anew, at most 1m."},
    {"ramp", &Breaker::ramp, Duration(seconds(0), minutes(10)), Reload::kLive,
     "After it has closed, the time in which the requests in flight may grow back to what they were."},
};

template <>
inline constexpr OptionRow<Reconnect> kOptions<Reconnect>[] = {
    {"initial", &Reconnect::initial, Duration(milliseconds(1), seconds(60)), Reload::kLive,
     "Wait before the first attempt to reconnect; it doubles with each further one."},
    {"max", &Reconnect::max, Duration(milliseconds(1), minutes(10)), Reload::kLive,
     "Longest wait between two attempts."},
    {"rate", &Reconnect::rate, PerTime(1, 100'000), Reload::kLive,
     "Most connections that a worker opens to a node in a time."},
};

template <>
inline constexpr OptionRow<NodeLimits> kOptions<NodeLimits>[] = {
    {"requests_in_flight", &NodeLimits::requests_in_flight, Count(1, 16'000'000), Reload::kLive,
     "Most requests that wait on one connection; a further one fails at once."},
    {"bytes_in_flight", &NodeLimits::bytes_in_flight, Bytes(64 * kKiB, 64 * kGiB), Reload::kLive,
     "Most bytes of requests that wait on one connection; a further one fails at once."},
};

template <>
inline constexpr OptionRow<Pool> kOptions<Pool>[] = {
    {"protocol", &Pool::protocol, Choice(), Reload::kLive, "What the nodes speak."},
    {"nodes", &Pool::nodes, ListOf(1, 10'000).Required(), Reload::kLive,
     "The servers; one that is written as its bare address has the address as its name and weight 1."},
    {"ring", &Pool::ring, Section(), Reload::kLive, "How keys are spread over the nodes."},
    {"connections_per_node", &Pool::connections_per_node, Count(1, 64), Reload::kLive,
     "Connections to each node, for each worker."},
    {"on_partial", &Pool::on_partial, Choice(), Reload::kLive,
     "A memcached get of several keys when some of its nodes fail: error (the whole reply) or miss (the failed nodes' "
     "keys are not found)."},
    {"auth", &Pool::auth, Section(), Reload::kLive, "How the nodes are logged in to."},
    {"timeouts", &Pool::timeouts, Section(), Reload::kLive, "How long a node may take."},
    {"retries", &Pool::retries, Section(), Reload::kLive, "When a read that failed is tried once more."},
    {"hedging", &Pool::hedging, Section(), Reload::kLive, "When a read that takes long is asked of a second node."},
    {"health", &Pool::health, Section(), Reload::kLive, "How the process checks its nodes."},
    {"breaker", &Pool::breaker, Section(), Reload::kLive,
     "When a worker stops asking a node because of the answers to its clients' requests."},
    {"on_down", &Pool::on_down, WhenDown(), Reload::kLive,
     "What becomes of the keys of a node that is down. error: they fail at once and no key moves. rehash: they go to "
     "the next node on the ring, for caches. {gutter: POOL}: that pool takes them."},
    {"gutter_ttl", &Pool::gutter_ttl, Duration(seconds(1), hours(1)), Reload::kLive,
     "Longest expiry of what is written to the gutter pool."},
    {"flush_on_return", &Pool::flush_on_return, Switch(), Reload::kLive,
     "Whether a node that was down is emptied before it serves again, since under rehash its values may be older than "
     "what its neighbour took meanwhile. Every proxy does so once."},
    {"max_ejected", &Pool::max_ejected, Percent(0, 100), Reload::kLive,
     "Most nodes of the pool that may be out at once, rounded down: of a pool of one none, unless it is 100%. When "
     "more "
     "are down the proxy goes on asking them."},
    {"reconnect", &Pool::reconnect, Section(), Reload::kLive, "How often a lost node is tried again."},
    {"limits", &Pool::limits, Section(), Reload::kLive, "Caps of one connection to a node."},
};

template <>
inline constexpr OptionRow<Config> kOptions<Config>[] = {
    {"workers", &Config::workers, CountOrZero("auto", 1, 1024), Reload::kRestart, "Event loops; auto = one a core."},
    {"drain_timeout", &Config::drain_timeout, Duration(seconds(0), hours(1)), Reload::kLive,
     "Longest wait for requests in flight when the process is told to end."},
    {"admin", &Config::admin, Section(), Reload::kRestart, "The admin port: metrics, health and the API."},
    {"log", &Config::log, Section(), Reload::kLive, "What is logged."},
    {"listeners", &Config::listeners, ListOf(1, 1000).Required(), Reload::kRestart, "Where clients connect."},
    {"pools", &Config::pools, MapOf(1, 1000).Required(), Reload::kLive, "The nodes, by the name of their pool."},
};

}  // namespace ringproxy::conf
