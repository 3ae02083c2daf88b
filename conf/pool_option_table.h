// conf/pool_option_table.h – The part of the option table that has the pools: see conf/option_table.h.
#pragma once

#include "conf/option_names.h"
#include "conf/options.h"

namespace ringproxy::conf {

template <>
inline constexpr auto kOptions<Node> = std::make_tuple(
    OptionRow{
        "name", &Node::name, Name(), Reload::kLive,
        "Its identity: the ring is made from names, so an address may change and no key moves. Without it, the "
        "address. The ring ketama looks at addresses alone, and twemproxy takes a name that is the address for none."},
    OptionRow{"address", &Node::address, AnyAddress(1).Required(), Reload::kLive,
              "The server: HOST:PORT or unix:/PATH. A name is resolved by the system, again whenever a connection is "
              "opened."},
    OptionRow{"weight", &Node::weight, Count(1, 1'000'000), Reload::kLive,
              "Its share of the keys, relative to the other nodes. Rings that keep something for each unit (vnode, "
              "modula, jump) bound the sum."},
    OptionRow{"slots", &Node::slots, Text(0, 4096), Reload::kLive,
              "On a ring of slots: what it owns of the slots 0 to 16383, as in 0-5460,8192. Every slot has one owner."},
    OptionRow{"ring_name", &Node::ring_name, Text(0, 1024), Reload::kLive,
              "What the ring makes the node's points from, in place of the name (ketama: of the address): for a node "
              "that has to "
              "be called or placed otherwise than the program whose keys it has calls it. Empty = none."});

template <>
inline constexpr auto kOptions<RingOptions> = std::make_tuple(
    OptionRow{
        "algorithm", &RingOptions::algorithm, Choice(), Reload::kLive,
        "How a key's hash becomes a node. vnode: a change moves no key needlessly. maglev: more even, moves a "
        "little more. jump: nodes come and go at the list's end only. rendezvous: for short lists. slots: every "
        "move is yours. ketama and twemproxy: as libmemcached (with weights) and twemproxy have it. ketama_unweighted: "
        "libmemcached's consistent distribution without weights, as pylibmc's ketama. modula: any change moves "
        "nearly every key; the list's order counts, as libmemcached's does, where twemproxy sorts its servers: a "
        "shorter name first, equally long ones by bytes; libmemcached's looks at no weights."},
    OptionRow{"virtual_nodes", &RingOptions::virtual_nodes, CountOrZero("auto", 1, 65536), Reload::kLive,
              "Points on the ring: for each unit of weight (vnode; auto = 1024), or for each node on average (ketama "
              "and twemproxy; auto = 160; ketama_unweighted: 100). More points, more even shares."},
    OptionRow{"table_size", &RingOptions::table_size, Count(3, 16'777'213), Reload::kLive,
              "Entries of maglev's table, a prime, a hundred times the nodes or more."},
    OptionRow{"hash", &RingOptions::hash, Choice(), Reload::kLive,
              "The hash of a key, with twemproxy's results where it has the name. auto: md5 for ketama, "
              "one_at_a_time for ketama_unweighted, fnv1a_64 for twemproxy, crc16 (Redis Cluster's) for slots, else "
              "xxh3. crc16_xmodem is crc16 cut to 16 bits, as "
              "predixy has it."},
    OptionRow{
        "hash_tag", &RingOptions::hash_tag, TextOr("auto", 0, 2), Reload::kLive,
        "Two characters; of a key like a{b}c only what stands between them is hashed. Empty = always the whole key. "
        "auto: {}, but none for ketama, twemproxy and modula, whose programs have none unless they are told."},
    OptionRow{"unhashed_prefix", &RingOptions::unhashed_prefix, Text(0, 1024), Reload::kLive,
              "Keys that begin with it are hashed without it, as libmemcached does with a namespace (PHP's "
              "OPT_PREFIX_KEY); empty = none."},
    OptionRow{"load_bound", &RingOptions::load_bound, FactorOrZero(1050, 100'000), Reload::kLive,
              "1.25 = a node takes at most 1.25 times its share of the requests in flight, and what is above goes to "
              "the next node; 0 = off. Only for nodes that hold the same data or may miss: on a sharded store a key is "
              "not found on another node than its own, and a write there is lost."});

template <>
inline constexpr auto kOptions<Auth> =
    std::make_tuple(OptionRow{"username", &Auth::username, Text(0, 1024), Reload::kLive,
                              "ACL user; empty = AUTH with the password alone."},
                    OptionRow{"password_file", &Auth::password_file, Path(), Reload::kLive,
                              "File whose first line is the password of the nodes; empty = no AUTH."});

template <>
inline constexpr auto kOptions<Timeouts> = std::make_tuple(
    OptionRow{
        "connect", &Timeouts::connect, Duration(milliseconds(1), seconds(60)), Reload::kLive,
        "Longest wait until a connection to a node is open and its handshake answered. Of a host name's addresses each "
        "gets a share."},
    OptionRow{
        "request", &Timeouts::request, Duration(milliseconds(1), minutes(10)), Reload::kLive,
        "Longest wait for one reply, from the moment the last byte of the request was written. Something large that "
        "flows, in either direction, stops this clock for what waits behind it."},
    OptionRow{
        "heavy", &Timeouts::heavy, Duration(milliseconds(1), minutes(10)), Reload::kLive,
        "The same for what may keep a node busy for long: scripts, commands of the class heavy, a SETBIT, SETRANGE "
        "or BITFIELD beyond 1MiB, a request of 1MiB or more. Never less than request."},
    OptionRow{"total", &Timeouts::total, Duration(seconds(0), minutes(20)), Reload::kLive,
              "Longest wait of a client for one request in all, with connecting and retries; its parts "
              "on several nodes share it. 0s = connect and request together, or connect and heavy for what is heavy or "
              "waits while something large flows."});

template <>
inline constexpr auto kOptions<Retries> =
    std::make_tuple(OptionRow{"max", &Retries::max, Count(0, 10), Reload::kLive,
                              "How often a read that failed is sent once more; 0 = never. Writes are never sent again. "
                              "A read that is may see what its client's later requests have written."},
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
              "Timeouts and errors like LOADING or MASTERDOWN in a row that open the breaker; 0 = never."},
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
              "node, for three seconds in a row; 0 = never."},
    OptionRow{"open", &Breaker::open, Duration(milliseconds(10), minutes(1)), Reload::kLive,
              "How long it stays open at first; half as long again each time that it opens anew once that time is "
              "over, at most 1m."},
    OptionRow{"ramp", &Breaker::ramp, Duration(seconds(0), minutes(10)), Reload::kLive,
              "After it has closed, the time in which the requests in flight may grow back to what they were."});

template <>
inline constexpr auto kOptions<Concurrency> = std::make_tuple(
    OptionRow{"algorithm", &Concurrency::algorithm, Choice(), Reload::kLive,
              "off: as many as the other limits allow. aimd: one more while the node answers, a tenth less when it "
              "does not in time. gradient: so many that replies take little longer than they do on an idle node. A "
              "request above the limit is refused, which is no failure of the node."},
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
                              "Most connections that a worker opens to a node in a time. Once one of them is ready the "
                              "rest of connections_per_node may follow at once."});

template <>
inline constexpr auto kOptions<NodeLimits> = std::make_tuple(
    OptionRow{"requests_in_flight", &NodeLimits::requests_in_flight, Count(1, 16'000'000), Reload::kLive,
              "Most requests that wait on one connection; a further one fails at once."},
    OptionRow{"bytes_in_flight", &NodeLimits::bytes_in_flight, Bytes(64 * kKiB, 64 * kGiB), Reload::kLive,
              "Most bytes of requests that wait on one connection; a further one fails at once."});

template <>
inline constexpr auto kOptions<Blocking> = std::make_tuple(OptionRow{
    "give_back", &Blocking::give_back, Switch(), Reload::kLive,
    "Whether what BLPOP, BRPOP, BLMPOP, BZPOPMIN, BZPOPMAX or BZMPOP has popped for a client that has left meanwhile "
    "is put back (ringproxy_wait_data_given_back_total), unless it was in the client's socket before the client's end "
    "had "
    "come. Lists get it where it was; a sorted set only what is not "
    "there again by then. Others may see that it was gone for a moment, and a key that had become empty has lost its "
    "time to "
    "live. Where it is off, and where the node does not take it, it is lost, as with a client of the node itself."});

template <>
inline constexpr auto kOptions<Scan> = std::make_tuple(OptionRow{
    "skip_down", &Scan::skip_down, Switch(), Reload::kLive,
    "Whether SCAN leaves out the keys of a node that is down, which is counted "
    "(ringproxy_node_scans_skipped_total), instead of failing until the node is back: then the client may "
    "come again with the same cursor, and misses nothing."});

template <>
inline constexpr auto kOptions<KeyGroup> = std::make_tuple(
    OptionRow{"set", &KeyGroup::set, Choice(), Reload::kLive,
              "A ready-made group: the keys of this framework as it names them without being told. What it needs "
              "together lies together: the keys of a queue (bullmq, bull, bee_queue, laravel), or all it has (sidekiq, "
              "rq, celery; a queue of Celery's with another name needs a pattern of its own)."},
    OptionRow{"pattern", &KeyGroup::pattern, Text(0, 1024), Reload::kLive,
              "Which keys: a * is any text, the shortest that lets the rest fit, and one of them may be {*}, which is "
              "the hash tag of these keys, as in bull:{*}:*."},
    OptionRow{"tag", &KeyGroup::tag, Text(0, 1024), Reload::kLive,
              "The hash tag of all keys of a pattern without {*}: they lie on one node."});

template <>
inline constexpr auto kOptions<Pool> = std::make_tuple(
    OptionRow{"protocol", &Pool::protocol, Choice(), Reload::kLive, "What the nodes speak."},
    OptionRow{"data", &Pool::data, Choice(), Reload::kLive,
              "What the nodes hold. store: nothing that was acknowledged may be lost or become older, so options that "
              "do so are refused. cache: a miss is harmless. A file that does not say it and uses on_down: rehash, a "
              "gutter, flush_on_return or load_bound is taken for a cache's."},
    OptionRow{"nodes", &Pool::nodes, ListOf(1, 10'000).Required(), Reload::kLive,
              "The servers; one that is written as its bare address has the address as its name and weight 1."},
    OptionRow{"ring", &Pool::ring, Section(), Reload::kLive, "How keys are spread over the nodes."},
    OptionRow{"connections_per_node", &Pool::connections_per_node, Count(1, 64), Reload::kLive,
              "Connections to each node, for each worker."},
    OptionRow{"flavours_per_node", &Pool::flavours_per_node, Count(1, 64), Reload::kLive,
              "Most protocols and databases, beside RESP2 in database 0, that clients of one worker may use at a node "
              "at once. Each has connections_per_node connections, which open when a client first needs them and close "
              "when none has for a minute; for a further one the least recently used that has nothing to do closes, "
              "and where there is none the request fails."},
    OptionRow{
        "pinned_per_node", &Pool::pinned_per_node, Count(0, 65'536), Reload::kLive,
        "Most connections to a node, for each worker, that one client each has for itself: between WATCH and "
        "EXEC, while a blocking command waits, for a transaction of over 1,000 commands or 1 MiB, and while it is "
        "subscribed where subscriptions are own. One more reads an error; one that is free is closed after a "
        "minute."},
    OptionRow{"on_partial", &Pool::on_partial, Choice(), Reload::kLive,
              "A memcached get of several keys when some of its nodes fail: error (the whole reply) or miss (the "
              "failed nodes' keys are not found)."},
    OptionRow{
        "subscriptions", &Pool::subscriptions, Choice(), Reload::kLive,
        "Over which connections clients are subscribed to channels. shared: a worker has one to each node, however "
        "many of its clients listen, and to the nodes and to other proxies it is one listener. own: each client "
        "that subscribes has one of its own to every node of its pools, so that the nodes' own counts (PUBSUB "
        "NUMSUB, the reply to PUBLISH) are of clients; they count for pinned_per_client and pinned_per_node. A "
        "change holds for clients that subscribe from then on."},
    OptionRow{
        "on_gap", &Pool::on_gap, Choice(), Reload::kLive,
        "Clients that are subscribed to channels when a node's connection is lost, so that messages may be "
        "missed: keep (they stay, and ringproxy_subscription_gaps_total tells) or disconnect (so that they know)."},
    OptionRow{"transactions", &Pool::transactions, Choice(), Reload::kLive,
              "Where the keys of a Redis transaction may lie. one_node: on one node, else it is refused. per_node: on "
              "any, and EXEC runs one transaction on each node; then others may see some of it done and some not, and "
              "where a node fails in the middle its commands read an error while those of the others have run. For "
              "clients that use MULTI as a mere batch. Keys of one command, and those of WATCH and its transaction, "
              "have to lie together in any case."},
    OptionRow{"keepalive", &Pool::keepalive, Duration(seconds(0), hours(2)), Reload::kLive,
              "A node over TCP that has vanished is given up when nothing has come from it for so long and half as "
              "long again: in between it is asked "
              "three times. So is one that acknowledges or reads nothing of what was sent. 0s = off."},
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
              "they go to the next node on the ring. {gutter: POOL}: that pool takes them. The last two with data: "
              "cache only."},
    OptionRow{"gutter_ttl", &Pool::gutter_ttl, Duration(seconds(1), hours(1)), Reload::kLive,
              "Longest expiry of what is written to the gutter pool."},
    OptionRow{"rehash_ttl", &Pool::rehash_ttl, Duration(seconds(0), hours(24)), Reload::kLive,
              "Longest expiry of what is written to a node in another's place (rehash, load_bound), which would be "
              "outdated when it is asked again. Redis needs version 7.0. 0s = no bound."},
    OptionRow{
        "flush_on_return", &Pool::flush_on_return, Switch(), Reload::kLive,
        "Whether a node that was down is emptied before it serves again, since under rehash its values may be "
        "older than what its neighbour took meanwhile; all of its databases (FLUSHALL). Every proxy does so once."},
    OptionRow{"max_ejected", &Pool::max_ejected, Percent(0, 100), Reload::kLive,
              "Most nodes of the pool that may be out at once, rounded down: of a pool of one none, unless it is 100% "
              "or the pool has a gutter. When more are down the proxy goes on asking them."},
    OptionRow{"reconnect", &Pool::reconnect, Section(), Reload::kLive, "How often a lost node is tried again."},
    OptionRow{"limits", &Pool::limits, Section(), Reload::kLive, "Caps of one connection to a node."},
    OptionRow{"scan", &Pool::scan, Section(), Reload::kLive, "How SCAN goes over the nodes."},
    OptionRow{"blocking", &Pool::blocking, Section(), Reload::kLive, "What becomes of commands that wait."},
    OptionRow{
        "learn", &Pool::learn, Switch(), Reload::kRestart,
        "Whether commands that neither ringproxy nor commands knows are served as the nodes' own COMMAND tells of "
        "them: new releases', modules'. A listener serves those of which all nodes of all its pools say the same, "
        "and all its pools have to learn; a node that was not reached yet has no say. Nodes are asked when they "
        "come (back) and once a minute. What says that it waits, listens, changes a connection or concerns how nodes "
        "run stays "
        "refused, and so does what does not say enough of its keys. Limits and metrics know them as learnt.read "
        "and learnt.write."},
    OptionRow{
        "groups", &Pool::groups, ListOf(0, 64), Reload::kLive,
        "Keys that belong together though no braces say so, as scripts and transactions of frameworks need it; "
        "an entry that is a bare word is a ready-made set. A key's own hash tag comes first, then the first group "
        "that fits. A key that a group concerns lies elsewhere than without it: groups that are switched on, "
        "changed or left out in a pool that has data make its keys unreachable."});

}  // namespace ringproxy::conf
