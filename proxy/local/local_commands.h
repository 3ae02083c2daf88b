// proxy/local/local_commands.h – The commands that ringproxy answers itself: connection, introspection, information.
//
// Purpose: PING, ECHO, QUIT, RESET, SELECT, HELLO, AUTH, CLIENT, COMMAND, ROLE and what observers ask, in Redis' words,
// from the client's state and a view of the proxy. No node ever sees what concerns one client: the connections are
// shared, and a forwarded CLIENT SETNAME would rename everybody (semantics.md 16). Threads: the client's worker's. It
// has no sockets and no clock of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/lane.h"
#include "backends/net/loop.h"
#include "backends/server_version.h"
#include "backends/wire/command.h"
#include "backends/wire/request.h"
#include "conf/cidr.h"
#include "proxy/local/password_gate.h"
#include "proxy/local/refused_state.h"
#include "proxy/state/transaction.h"

namespace ringproxy::proxy {

// What few clients tell of themselves.
struct ClientLabels {
  std::string user;  // The account of the process at the other end of a Unix socket.
  std::string name;
  std::string lib_name;
  std::string lib_version;
};

// Which replies the client has asked to see (CLIENT REPLY).
enum class ReplyMode : uint8_t {
  kOn,
  kOff,
  kSkipNext,  // Not the next request's.
  kSkipThis,  // Not that of the request which is being handled.
};

// What the client wants to be told when the proxy ends (CLIENT MAINT_NOTIFICATIONS).
enum class MovingNews : uint8_t {
  kUnwanted,
  kBare,          // Without an endpoint: it comes back to the address that it knows.
  kWithEndpoint,  // Where it shall go.
};

// What belongs to one client and to no request. An idle client has to stay small: see ClientLabels.
struct ClientState {
  static constexpr uint16_t kNoCommand = UINT16_MAX;

  uint64_t id = 0;
  std::string address;   // As Redis writes it: "127.0.0.1:50412".
  conf::IpAddress ip{};  // The same; all zeros over a Unix socket.
  net::TimePoint connected_at{};
  net::TimePoint last_active{};
  std::unique_ptr<ClientLabels> labels;      // Only when it has any.
  std::unique_ptr<Transaction> transaction;  // Between MULTI and EXEC.
  backends::Flavour flavour;                 // The protocol of its replies and the database of its keys, from now on.
  uint16_t last_command = kNoCommand;        // Its row; memcached's are numbered behind those of Redis.
  RefusedState refused;
  ReplyMode reply_mode : 2 = ReplyMode::kOn;
  // Remembered for CLIENT LIST: ringproxy evicts nobody, and a node cannot tell whose reads touch a key.
  bool no_evict : 1 = false;
  bool no_touch : 1 = false;
  MovingNews moving_news : 2 = MovingNews::kUnwanted;
  bool has_left_database : 1 = false;  // That in which it asked for this news.
};

// `user`: empty when it is not known.
ClientState NewClient(uint64_t id, std::string address, std::string user = {});
// From now on its keys are there.
void EnterDatabase(uint16_t database, ClientState* client);
// Of the peer, or of whom a proxy before this one has named.
void SetAddress(std::string address, ClientState* client);

// Of one listener, over all workers, now.
struct ListenerClients {
  uint64_t connected = 0;
  uint64_t blocked = 0;  // They wait for what others do, or are held.
};

// What INFO tells of the process: a copy, made for each INFO.
struct ProxyFacts {
  struct NodeFacts {
    std::string_view name;
    std::string address;
    bool up = false;
    uint64_t requests = 0;
    uint64_t in_flight = 0;
  };
  struct PoolFacts {
    std::string_view name;
    std::string_view algorithm;
    std::vector<NodeFacts> nodes;
  };

  backends::ServerVersion redis_version;  // Of the nodes behind the client's listener; it may be not known.
  int process_id = 0;
  uint16_t tcp_port = 0;  // Of the first listener that has one.
  uint32_t workers = 0;
  std::chrono::seconds uptime{};
  uint64_t clients = 0;
  ListenerClients of_listener = {};  // The client's.
  uint64_t max_clients = 0;
  uint64_t accepted_total = 0;
  uint64_t requests_total = 0;
  uint64_t errors_total = 0;
  uint64_t bytes_in_total = 0;
  uint64_t bytes_out_total = 0;
  uint64_t resident_bytes = 0;
  std::chrono::microseconds cpu_user{};
  std::chrono::microseconds cpu_system{};
  std::vector<PoolFacts> pools = {};
};

// What a client may learn of the listener that it has come by.
struct ListenerFacts {
  uint32_t index;             // In the snapshot.
  uint32_t databases;         // That it has.
  uint32_t proved_databases;  // The first ones, each of which its nodes have accepted.
  PasswordGate& gate;
  std::span<const wire::CommandSpec* const> learnt;  // Commands that its nodes have told of, by name.
};

// The Redis whose commands are in the table: what a listener's nodes are taken for until they have told their release.
inline constexpr backends::ServerVersion kTableVersion{7, 0, 0};

// What the nodes behind a listener are, as far as they have told it: the least release of those of each family.
struct FleetReleases {
  backends::ServerVersion redis = {};
  backends::ServerVersion valkey = {};
  bool has_unknown = false;  // Some have not told it.
  bool has_one_node = false;
  bool admin_commands = false;  // What the listener lets its clients do.

  // Of both families; not known where nobody has told it.
  backends::ServerVersion least() const {
    return redis.is_known() && valkey.is_known() ? std::min(redis, valkey) : std::max(redis, valkey);
  }
  bool operator==(const FleetReleases&) const = default;
};

// What a client may learn of the proxy around it.
class ProxyView {
 public:
  virtual net::TimePoint now() const = 0;
  virtual ProxyFacts Facts() const = 0;
  virtual FleetReleases ReleasesOf(uint32_t listener) const = 0;
  virtual ListenerClients ClientsOf(uint32_t listener) const = 0;

 protected:
  ~ProxyView() = default;
};

enum class LocalOutcome : uint8_t {
  kAnswered,
  kAskNodes,         // SELECT of a database that is not proved: nothing is appended, the nodes have to accept it.
  kRefused,          // The reply says that the proxy does not do this.
  kWrongPassword,    // The reply says that the client may not come in.
  kCloseAfterReply,  // QUIT: the reply is the last thing this client reads; what it sent afterwards is ignored (trap
                     // 11).
};

// Appends exactly one reply; none for CLIENT REPLY OFF and SKIP. Requires: spec.handling is kLocal and CheckShape(spec,
// request) is kOk.
LocalOutcome AnswerLocally(const wire::CommandSpec& spec, const wire::Request& request, ClientState& client,
                           const ListenerFacts& listener, const ProxyView& view, std::string* out);

}  // namespace ringproxy::proxy
