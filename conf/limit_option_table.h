// conf/limit_option_table.h – The part of the option table that has the rate limits, and which requests they mean: see
// conf/option_table.h.
#pragma once

#include "conf/option_names.h"
#include "conf/options.h"

namespace ringproxy::conf {

// Of a limit's rate in its window, and of its burst.
inline constexpr uint64_t kMostRate = 10'000'000;

template <>
inline constexpr auto kOptions<RequestMatch> = std::make_tuple(
    OptionRow{"listener", &RequestMatch::listener, WordList(), Reload::kLive, "Names of listeners."},
    OptionRow{"user", &RequestMatch::user, WordList(), Reload::kLive,
              "The account of the process on the other end of a Unix socket. Clients of TCP listeners have none, since "
              "ringproxy does not authenticate clients yet."},
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
                              "store, and more tokens that lie where they may not be needed."},
                    OptionRow{"ttl", &Lease::ttl, Duration(milliseconds(20), seconds(10)), Reload::kLive,
                              "Tokens that were not spent in so long are forgotten."});

template <>
inline constexpr auto kOptions<LimitOverride> = std::make_tuple(
    OptionRow{"value", &LimitOverride::value, Text(1, 4096).Required(), Reload::kLive,
              "What per names: an address, a user, a key or its first bytes; of several words their values, joined by "
              "commas in the order of per."},
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
    OptionRow{"per", &Limit::per, WordList(), Reload::kLive,
              "What has buckets of its own: connection, client_ip, user, key or prefix(N), the first N bytes of a key; "
              "of several words each combination. key and prefix(N) count each distinct key of a request in its own "
              "bucket. Empty = one bucket in all."},
    OptionRow{
        "rate", &Limit::rate, PerTimeOrNone("none", 1, kMostRate), Reload::kLive,
        "What a bucket admits: 1000/s, 300/m, 5000/h or 100000/d. Required, unless the algorithm is concurrency."},
    OptionRow{"burst", &Limit::burst, CountOrZero("auto", 1, kMostRate), Reload::kLive,
              "What a bucket admits at once when nothing has been used, with algorithm: token_bucket; auto = a tenth "
              "of what the rate gives in a second, at least 1. A request that costs more can never pass and reads "
              "retry_after_ms=-1."},
    OptionRow{"requests_in_flight", &Limit::requests_in_flight, CountOrZero("none", 1, 1'000'000), Reload::kLive,
              "Most requests that wait for their replies, with algorithm: concurrency alone, which requires it."},
    OptionRow{
        "scope", &Limit::scope, Choice(), Reload::kLive,
        "Who holds the buckets. connection: each client's connection has its own. local: this process, exactly over "
        "all its workers. global: all proxies that share global_limits.store, with algorithm: token_bucket alone."},
    OptionRow{"algorithm", &Limit::algorithm, Choice(), Reload::kLive,
              "What is admitted at most. token_bucket: in any time t the burst and rate x t; with scope: global also "
              "the tokens that proxies hold when t begins and their few on credit. sliding_window: twice the amount of "
              "the rate in any time as long as its window. fixed_window: the amount in a window, twice as much around "
              "the edge of two. concurrency: requests_in_flight at one time, at any rate."},
    OptionRow{"action", &Limit::action, Choice(), Reload::kLive,
              "What becomes of a request above the limit. deny: it is refused. delay: it waits until it may go, with "
              "algorithm: token_bucket alone. shadow: it passes and is counted, to try a limit out."},
    OptionRow{"deny_as", &Limit::deny_as, Choice(), Reload::kLive,
              "What a refused memcached client reads. error: SERVER_ERROR rate limited. miss: what a server without "
              "the item says (END, NOT_STORED, NOT_FOUND), for clients that take an error for a dead server. Redis "
              "clients read an error."},
    OptionRow{"max_wait", &Limit::max_wait, Duration(milliseconds(1), minutes(1)), Reload::kLive,
              "Longest wait with action: delay; a request that would have to wait longer is refused."},
    OptionRow{"max_waiting", &Limit::max_waiting, Count(1, 1'000'000), Reload::kLive,
              "Most requests of one worker that wait with action: delay; further ones are refused."},
    OptionRow{"cost", &Limit::cost, Choice(), Reload::kLive,
              "Tokens that a request takes. request: one. command: what its command does, one for each key and more "
              "for heavy commands such as KEYS, SORT and EVAL."},
    OptionRow{"bytes_per_token", &Limit::bytes_per_token, Bytes(0, kGiB), Reload::kLive,
              "So many bytes take one token more. Those of a reply are charged once it is there, up to a second's "
              "tokens of debt. 0 = bytes cost nothing."},
    OptionRow{"buckets", &Limit::buckets, Count(1, 16 * kMiB), Reload::kLive,
              "Most buckets of this process at a time, 32 to 64 bytes each. One that is full again is given up for a "
              "new one; while none is, new values share a bucket."},
    OptionRow{"check", &Limit::check, Choice(), Reload::kLive,
              "How a global limit asks its store. lease: for tokens ahead of the requests, in batches, and no request "
              "waits. exact: one question for each request, which waits for the answer; for low rates."},
    OptionRow{"lease", &Limit::lease, Section(), Reload::kLive,
              "How a global limit with check: lease fetches its tokens."},
    OptionRow{"on_store_failure", &Limit::on_store_failure, Choice(), Reload::kLive,
              "What a global limit does while its store does not answer. local: each proxy admits the rate divided by "
              "the number of proxies last seen alive. open: all pass. closed: all are refused."},
    OptionRow{"overrides", &Limit::overrides, ListOf(0, 1000), Reload::kLive,
              "Other amounts for some values of what per names."});

template <>
inline constexpr auto kOptions<GlobalLimits> = std::make_tuple(
    OptionRow{"store", &GlobalLimits::store, Text(0, 128), Reload::kLive,
              "The Redis pool whose nodes keep the buckets of global limits, spread over its ring; empty = none."},
    OptionRow{"timeout", &GlobalLimits::timeout, Duration(milliseconds(1), seconds(1)), Reload::kLive,
              "Longest wait for an answer of the store; what comes later is a failure."});

}  // namespace ringproxy::conf
