// conf/option_table.h – THE option table: every option's name, member, bounds, reload class and one line of doc.
//
// Purpose: one fact, one row. A new option is one member in conf/config.h and one row here, or in the part of the table
// that has the pools, the limits or the commands; parser, --print-config, conf/reference.md and the JSON schema follow.
// Rules between options stand in conf/validate.
#pragma once

#include "conf/command_option_table.h"
#include "conf/limit_option_table.h"
#include "conf/pool_option_table.h"

namespace ringproxy::conf {

template <>
inline constexpr auto kOptions<Admin> =
    std::make_tuple(OptionRow{"listen", &Admin::listen, TcpAddress(0), Reload::kRestart,
                              "Where the admin port listens. An address that is not loopback requires a token_file."},
                    OptionRow{"token_file", &Admin::token_file, Path(), Reload::kLive,
                              "File whose first line is the token that admin requests must carry; empty = none."},
                    OptionRow{"allowed_hosts", &Admin::allowed_hosts, WordList(), Reload::kLive,
                              "Names by which the admin port is asked behind a proxy or a service's name. Without "
                              "the token, a request whose Host is neither one of them nor an IP address, localhost or "
                              "the host of listen is refused, but for /metrics, /healthz and /readyz: a web page could "
                              "have sent it."});

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
    OptionRow{
        "listen", &Listener::listen, AnyAddress(0).Required(), Reload::kRestart,
        "Where clients connect, by TCP: HOST:PORT (port 0 = any free one; of a name all addresses) or unix:/PATH. "
        "There is no UDP, memcached's neither: whoever forges a sender would have others flooded with replies."},
    OptionRow{"socket_mode", &Listener::socket_mode, FileModeOrZero("auto"), Reload::kRestart,
              "Who may connect to a Unix socket: the mode of its file, octal as 0660; auto = as the umask leaves it."},
    OptionRow{"protocol", &Listener::protocol, Choice(), Reload::kRestart,
              "What clients speak; its pools must speak the same."},
    OptionRow{"databases", &Listener::databases, Count(1, 65535), Reload::kLive,
              "How many databases Redis clients may SELECT; a node that has fewer refuses the rest."},
    OptionRow{
        "admin_commands", &Listener::admin_commands, Switch(), Reload::kLive,
        "Whether its Redis clients may change how the nodes run, all of them at once: CONFIG SET, RESETSTAT and "
        "REWRITE, SLOWLOG RESET, LATENCY RESET, MEMORY PURGE, PFDEBUG, and where there is one node DEBUG, SAVE, "
        "BGSAVE, BGREWRITEAOF, SWAPDB and PFSELFTEST; end or hold the "
        "listener's other clients by CLIENT KILL and PAUSE; and read by MONITOR what all clients of the proxy say. "
        "Its memcached clients likewise: cache_memlimit, lru, slabs, lru_crawler (its lists need no leave) and stats "
        "detail on and off."},
    OptionRow{"password_file", &Listener::password_file, Path(), Reload::kLive,
              "File whose first line is the password that Redis clients give by AUTH or HELLO, as the user default; "
              "empty = none."},
    OptionRow{"max_connections", &Listener::max_connections, Count(1, 10'000'000), Reload::kLive,
              "Most clients at a time; further ones are refused."},
    OptionRow{
        "pinned_per_client", &Listener::pinned_per_client, Count(0, 64), Reload::kLive,
        "Most connections to nodes that a client has for itself at a time: it takes one to watch keys, one "
        "while a blocking command waits, one of each node for WAIT and WAITAOF, one for a large transaction, and one "
        "to each node while it is subscribed where subscriptions are own. One more reads an error."},
    OptionRow{
        "watch_idle", &Listener::watch_idle, Duration(seconds(0), hours(24 * 7)), Reload::kLive,
        "A client that has watched keys and then does nothing for so long gives the connection to their node back: "
        "its EXEC reads nil, as nothing was executed. 0s = never."},
    OptionRow{"idle_timeout", &Listener::idle_timeout, Duration(seconds(0), hours(24 * 7)), Reload::kLive,
              "A client that is silent for so long is disconnected; 0s = never."},
    OptionRow{"keepalive", &Listener::keepalive, Duration(seconds(0), hours(2)), Reload::kLive,
              "A client over TCP that has vanished is given up when nothing has come from it for so long and half as "
              "long again: in between it is asked "
              "three times. So is one that acknowledges or reads nothing of what was sent. 0s = off."},
    OptionRow{
        "proxy_protocol", &Listener::proxy_protocol, WordList(), Reload::kLive,
        "Networks of proxies that begin each connection with a header of the PROXY protocol, version 1 or 2 "
        "(send-proxy "
        "and send-proxy-v2 of HAProxy), of at most 4KiB. Limits, logins, CLIENT LIST and the log then see the client "
        "that it names, if it names one. Who connects from there and has not sent a right header within 5s is "
        "disconnected; all others are served by their own address. Not for Unix sockets. Empty = off."},
    OptionRow{"limits", &Listener::limits, Section(), Reload::kLive, "What one client may send and have waiting."},
    OptionRow{"pool", &Listener::routes, Name(), Reload::kLive,
              "All keys go to this pool: the short form of routes with a default route alone."},
    OptionRow{"routes", &Listener::routes, ListOf(1, 1000), Reload::kLive,
              "Which keys go to which pool; one of them is the default route, without a prefix. Instead of pool."});

template <>
inline constexpr auto kOptions<Config> = std::make_tuple(
    OptionRow{
        "workers", &Config::workers, CountOrZero("auto", 1, 1024), Reload::kRestart,
        "Event loops; auto = one for each core that the process may use, by its affinity and its cgroup's CPU quota."},
    OptionRow{
        "memory_limit", &Config::memory_limit_bytes, BytesOrZero("auto", 16 * kMiB, 1024 * 1024 * kGiB),
        Reload::kRestart,
        "Most memory of the process; auto = half of what the machine or the cgroup has. Near it those clients wait "
        "that hold much, then they are refused (-ERR, SERVER_ERROR out of memory), and beyond it those that hold most "
        "are "
        "disconnected."},
    OptionRow{"drain_timeout", &Config::drain_timeout, Duration(seconds(0), hours(1)), Reload::kLive,
              "Longest wait for requests in flight when the process is told to end."},
    OptionRow{
        "advertise", &Config::advertise, TcpAddressOrNone(1), Reload::kLive,
        "By which address Redis clients reach the proxy, and after its end the one that takes its place. When it "
        "is told to end, RESP3 clients that have asked for it (CLIENT MAINT_NOTIFICATIONS ON) are sent there by a "
        "MOVING message, unless they would lose something of their connection by it (proxy/clients.md), and are "
        "served until they have left, or drain_timeout is nearly over. It is for the clients of one TCP listener. "
        "Empty = they are told nothing, but for those that wish no endpoint."},
    OptionRow{"admin", &Config::admin, Section(), Reload::kRestart, "The admin port: metrics, health and the API."},
    OptionRow{"log", &Config::log, Section(), Reload::kLive, "What is logged."},
    OptionRow{"listeners", &Config::listeners, ListOf(1, 1000).Required(), Reload::kRestart, "Where clients connect."},
    OptionRow{"pools", &Config::pools, MapOf(1, 1000).Required(), Reload::kLive,
              "The nodes, by the name of their pool."},
    OptionRow{"limits", &Config::limits, ListOf(0, 256), Reload::kLive,
              "How often clients may ask what. A request passes when all limits that match it allow it, and is charged "
              "to them only then. Commands that the proxy answers itself (PING, HELLO and the like) are not limited."},
    OptionRow{"global_limits", &Config::global_limits, Section(), Reload::kLive,
              "Where the limits with scope: global are kept."},
    OptionRow{"commands", &Config::commands, ListOf(0, 256), Reload::kRestart,
              "Commands that ringproxy does not know by itself, such as those of a module of one's own."},
    OptionRow{"priority", &Config::priority, ListOf(0, 64), Reload::kLive,
              "Requests that may use what pools keep in reserve: see concurrency.reserve."});

}  // namespace ringproxy::conf
