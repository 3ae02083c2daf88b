// twemproxy's nutcracker.yml: a map of pools, each with a listen address, servers and options of its own.
#include <algorithm>

#include "conf/import/draft.h"
#include "conf/import/formats.h"
#include "conf/pool_ring.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

constexpr std::string_view kMemcachedPortText = "11211";

// What twemproxy makes of "host:port:weight name" or "/path:weight name".
struct NutcrackerServer {
  std::string host, port, weight, name;
  bool is_unix = false;

  // What its ring hashes.
  std::string RingName() const {
    if (!name.empty()) return name;
    // It compares the number, and takes the text.
    const bool is_memcached = !is_unix && std::string_view(port).substr(
                                              std::min(port.find_first_not_of('0'), port.size())) == kMemcachedPortText;
    return is_memcached ? host : host + ":" + port;
  }
};

std::optional<NutcrackerServer> SplitServer(std::string text) {
  NutcrackerServer server;
  server.is_unix = text.starts_with('/');
  const auto take_from = [&text](char sign, std::string& part) {
    const size_t place = text.rfind(sign);
    if (place == std::string::npos) return false;
    part = text.substr(place + 1);
    text.resize(place);
    return true;
  };
  take_from(' ', server.name);
  if (!take_from(':', server.weight) || (!server.is_unix && !take_from(':', server.port))) return std::nullopt;
  server.host = text;
  if (server.host.empty() || (server.is_unix && text.find(':') != std::string::npos)) return std::nullopt;
  return server;
}

// One pool of the file, and the listener in front of it.
class NutcrackerPool {
 public:
  NutcrackerPool(const TreeValue& said, Draft& draft) : said_(said), draft_(draft) {}

  void Import() {
    if (!ExpectMap(draft_, said_) || draft_.IsFull(said_)) return;
    const bool is_redis = IsOn("redis");
    const Protocol protocol = is_redis ? Protocol::kRedis : Protocol::kMemcached;
    Pool& pool = draft_.AddPool(draft_.PoolName(said_.key, "pool"), protocol, said_);
    path_ = Draft::PathOfPool(pool.name);
    if (pool.name != said_.key) draft_.Comment(path_, "Called " + Quote(said_.key) + " in the file.");
    ImportListen(protocol, pool.name);
    ImportRing(pool);
    ImportServers(pool);
    ImportTimeout(pool);
    ImportEjection(pool);
    ImportConnections(pool);
    CommentOnTheRest();
  }

 private:
  const TreeValue* Find(std::string_view key) {
    known_.push_back(key);
    return said_.Find(key);
  }
  bool IsOn(std::string_view key) {
    const TreeValue* value = Find(key);
    return value != nullptr && ReadSwitch(draft_, *value).value_or(false);
  }

  void ImportListen(Protocol protocol, const std::string& pool) {
    const TreeValue* listen = Find("listen");
    if (listen == nullptr) return draft_.Fail(said_, "lacks listen");
    std::string text = ReadText(draft_, *listen).value_or("");
    std::optional<Address> address;
    std::string mode;
    if (text.starts_with('/')) {
      const size_t blank = text.rfind(' ');
      if (blank != std::string::npos) mode = text.substr(blank + 1);
      address = ReadUnixPath(draft_, *listen, text.substr(0, blank));
    } else if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
      // Without a host it listens everywhere.
      address = ReadAddress(draft_, *listen, colon == 0 ? "0.0.0.0" : text.substr(0, colon), text.substr(colon + 1));
    } else if (listen->kind == TreeKind::kText) {
      draft_.Fail(*listen, Quote(text) + " is not HOST:PORT or /PATH");
    }
    if (!address) return;
    Listener& listener = draft_.AddListener(pool, *address, protocol, *listen);
    listener_path_ = draft_.ListenerPath();
    listener.routes = {{"", pool}};
    if (!mode.empty()) ImportMode(listener, mode, *listen);
  }

  // Octal, with a zero before it or without one.
  void ImportMode(Listener& listener, const std::string& mode, const TreeValue& listen) {
    const Result<uint64_t, Problem> read = ParseFileMode("000" + mode);
    constexpr uint64_t kMost = 0777;
    if (!read || *read == 0 || *read > kMost) return draft_.Fail(listen, Quote(mode) + " is no mode of a file");
    listener.socket_mode = static_cast<uint32_t>(*read);
  }

  void ImportRing(Pool& pool) {
    const TreeValue* hash = Find("hash");
    pool.ring.hash = ring::HashAlgorithm::kFnv1a64;
    if (hash != nullptr) {
      const std::string word = ReadText(draft_, *hash).value_or("");
      ring::HashAlgorithm found{};
      // Our further words are none of twemproxy's.
      const bool is_ours_alone = word == "auto" || word.starts_with("xxh") || word == "crc16_xmodem";
      if (is_ours_alone || ReadValue(word, Choice(), found)) {
        draft_.Fail(*hash, Quote(word) + " is no hash of twemproxy");
      } else {
        pool.ring.hash = found;
      }
      draft_.Note(path_ + ".ring.hash", *hash);
    }
    const TreeValue* tag = Find("hash_tag");
    pool.ring.hash_tag = tag == nullptr ? "" : ReadText(draft_, *tag).value_or("");
    if (tag != nullptr && tag->kind == TreeKind::kText && tag->text.size() != 2) {
      draft_.Fail(*tag, Quote(tag->text) + " is not two characters");
    }
    const TreeValue* distribution = Find("distribution");
    const std::string word = distribution == nullptr ? "ketama" : ReadText(draft_, *distribution).value_or("");
    if (word == "ketama") {
      pool.ring.algorithm = ring::Algorithm::kTwemproxy;
    } else if (word == "modula") {
      pool.ring.algorithm = ring::Algorithm::kModula;
      draft_.Comment(path_ + ".nodes",
                     "In the order of twemproxy, a shorter name first: with modula it is part of "
                     "where keys lie.");
    } else if (word == "random") {
      pool.ring.hash = ring::HashAlgorithm::kAuto;
      draft_.Comment(path_ + ".ring", "distribution: random has no counterpart: each key has one node here.");
      draft_.SayOtherwise(pool.name +
                          ": twemproxy asks any server for any key (distribution: random); here a key has "
                          "one node, and what lies on the others is not found.");
    } else if (distribution->kind == TreeKind::kText) {
      draft_.Fail(*distribution, Quote(word) + " is no distribution of twemproxy");
    }
  }

  void ImportServers(Pool& pool) {
    const TreeValue* servers = Find("servers");
    if (servers == nullptr) return draft_.Fail(said_, "lacks servers");
    if (!ExpectList(draft_, *servers)) return;
    draft_.Note(path_ + ".nodes", *servers);
    std::vector<std::pair<NutcrackerServer, const TreeValue*>> sorted;
    for (const TreeValue& said : servers->values) {
      const std::optional<std::string> text = ReadText(draft_, said);
      if (!text) continue;
      const std::optional<NutcrackerServer> server = SplitServer(*text);
      if (server) {
        sorted.emplace_back(*server, &said);
      } else {
        draft_.Fail(said, Quote(*text) + " is not HOST:PORT:WEIGHT NAME or /PATH:WEIGHT NAME");
      }
    }
    if (pool.ring.algorithm == ring::Algorithm::kModula) {
      std::ranges::stable_sort(sorted, {}, [](const auto& entry) {
        const std::string name = entry.first.RingName();
        return std::pair(name.size(), name);
      });
    }
    for (const auto& [server, said] : sorted) ImportServer(pool, server, *said);
  }

  void ImportServer(Pool& pool, const NutcrackerServer& server, const TreeValue& said) {
    const std::optional<Address> address =
        server.is_unix ? ReadUnixPath(draft_, said, server.host) : ReadAddress(draft_, said, server.host, server.port);
    const Result<uint64_t, Problem> weight = ParseCount(server.weight);
    if (!weight || *weight == 0) draft_.Fail(said, "the weight " + Quote(server.weight) + " is no number from 1");
    if (!address || !weight || *weight == 0) return;
    const std::string path = path_ + ".nodes[" + std::to_string(pool.nodes.size()) + "]";
    Node& node = draft_.AddNode(pool, server.name, *address, said);
    const auto shown = static_cast<uint32_t>(std::min<uint64_t>(*weight, UINT32_MAX));
    draft_.Set(node, &Node::weight, path, shown, "The weight " + server.weight);
    if (node.weight != *weight) SayThatKeysMove(pool.name, said);
    if (pool.ring.algorithm != ring::Algorithm::kTwemproxy) return;
    // What twemproxy hashes differs from what the ring would make of the address in odd cases only, as a port of 06379.
    if (TwemproxyNameOf(node) != server.RingName()) node.name = server.RingName();
    // A name that is the address is taken for none, and then the port 11211 is left out.
    if (TwemproxyNameOf(node) != server.RingName()) node.ring_name = server.RingName();
  }

  void SayThatKeysMove(const std::string& pool, const TreeValue& said) {
    draft_.SayOtherwise(pool + ": keys move, because of the server of " + LineOf(said) + ".");
  }

  void ImportTimeout(Pool& pool) {
    const TreeValue* timeout = Find("timeout");
    const uint64_t wait_ms = timeout == nullptr ? 0 : ReadCount(draft_, *timeout).value_or(0);
    if (wait_ms == 0) {
      draft_.Comment(path_ + ".timeouts",
                     "twemproxy waits for ever, since there is no timeout; here it is 1s, and 30s for heavy commands.");
      draft_.SayOtherwise(pool.name + ": requests have a time limit, which they do not have in the file.");
      return;
    }
    const std::string said = "timeout: " + std::to_string(wait_ms) + " (milliseconds)";
    const milliseconds wait(std::min<uint64_t>(wait_ms, INT32_MAX));
    draft_.Note(path_ + ".timeouts.request", *timeout);
    draft_.Set(pool.timeouts, &Timeouts::connect, path_ + ".timeouts", wait, said);
    draft_.Set(pool.timeouts, &Timeouts::request, path_ + ".timeouts", wait, said);
    draft_.SayOtherwise(
        "A timeout costs the one request that is late; twemproxy closes the server's connection, with "
        "all that waits there. Heavy commands, scripts and requests of 1MiB or more have timeouts.heavy, "
        "30s, where twemproxy's timeout is for all.");
  }

  void ImportEjection(Pool& pool) {
    const bool ejects = IsOn("auto_eject_hosts");
    const TreeValue* limit = Find("server_failure_limit");
    const TreeValue* retry = Find("server_retry_timeout");
    const uint64_t failures = limit == nullptr ? 0 : ReadCount(draft_, *limit).value_or(0);
    const uint64_t retry_ms = retry == nullptr ? 0 : ReadCount(draft_, *retry).value_or(0);
    if (!ejects) {
      draft_.SayOtherwise(
          "A node that fails its checks is asked no more, and its keys read an error at once, also "
          "without auto_eject_hosts; no key moves (on_down: error).");
      if (failures + retry_ms > 0) {
        draft_.Comment(path_ + ".breaker",
                       "server_failure_limit and server_retry_timeout have no effect without "
                       "auto_eject_hosts, which is twemproxy's too.");
      }
      return;
    }
    pool.on_down.policy = DownPolicy::kRehash;
    pool.data = DataKind::kCache;
    draft_.Comment(path_ + ".on_down", "auto_eject_hosts: true");
    if (failures > 0) {
      draft_.Set(pool.breaker, &Breaker::consecutive_failures, path_ + ".breaker",
                 static_cast<uint32_t>(std::min<uint64_t>(failures, UINT32_MAX)),
                 "server_failure_limit: " + std::to_string(failures));
    }
    if (retry_ms > 0) {
      draft_.Set(pool.breaker, &Breaker::open, path_ + ".breaker",
                 milliseconds(std::min<uint64_t>(retry_ms, INT32_MAX)),
                 "server_retry_timeout: " + std::to_string(retry_ms) + " (milliseconds)");
    }
    draft_.SayOtherwise(
        "auto_eject_hosts is on_down: rehash, for which the pool is a cache (data): what a node takes in another's "
        "place expires within rehash_ttl, 60s. Nodes are also checked (health), and one that is out is put "
        "back by a good check and not by time alone; at most max_ejected, 50%, of a pool are out at once; "
        "each key of a node that is out goes to its next node on the ring, where twemproxy makes a new ring "
        "of the others, which with uneven weights moves some of their keys too.");
  }

  void ImportConnections(Pool& pool) {
    if (const TreeValue* connections = Find("server_connections")) {
      const uint64_t count = ReadCount(draft_, *connections).value_or(1);
      if (count == 0) draft_.Fail(*connections, "may not be 0");
      draft_.Set(pool, &Pool::connections_per_node, path_, static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX)),
                 "server_connections: " + std::to_string(count));
      if (count > 1) draft_.SayOtherwise("connections_per_node counts for each worker; twemproxy is one.");
    }
    if (const TreeValue* auth = Find("redis_auth"); auth != nullptr && ReadText(draft_, *auth)) {
      draft_.Comment(path_ + ".auth",
                     "redis_auth of " + LineOf(*auth) + ": write the password into a file and say here");
      draft_.Comment(path_ + ".auth", "auth: {password_file: FILE}");
      draft_.SayOtherwise(pool.name +
                          ": the nodes want a password (redis_auth), which has to be put into a file of its own. "
                          "Clients log in to twemproxy with it, and here only where the listener has a password_file.");
    }
    if (const TreeValue* database = Find("redis_db");
        database != nullptr && ReadCount(draft_, *database).value_or(0) > 0) {
      draft_.Comment(path_, "redis_db: " + database->text + " has no counterpart: clients begin in database 0.");
      draft_.SayOtherwise(pool.name + ": twemproxy uses database " + database->text +
                          " of the servers; here clients have to SELECT it, or none of its keys is found.");
    }
    if (Find("preconnect") != nullptr) {
      draft_.Comment(path_, "preconnect: connections to nodes are always opened at the start.");
    }
  }

  void CommentOnTheRest() {
    const auto comment = [this](const TreeValue* value, const std::string& path, const std::string& text) {
      if (value != nullptr && !listener_path_.empty()) draft_.Comment(path, value->key + ": " + value->text + text);
    };
    comment(Find("backlog"), listener_path_, " has no counterpart: the system's own bound is used.");
    comment(
        Find("client_connections"), listener_path_ + ".max_connections",
        " has no effect in twemproxy; here at most 10000 clients are served unless max_connections says otherwise.");
    comment(Find("tcpkeepalive"), listener_path_ + ".keepalive", "; here it is on, with a minute.");
    comment(Find("reuseport"), listener_path_, " has no counterpart: one process serves with many workers.");
    for (const TreeValue& value : said_.values) {
      if (std::ranges::find(known_, value.key) != known_.end()) continue;
      draft_.Comment(path_,
                     PathPart(value.key) + " of " + LineOf(value) + " is no option of twemproxy 0.5, and left out.");
    }
  }

  const TreeValue& said_;
  Draft& draft_;
  std::string path_, listener_path_;
  std::vector<std::string_view> known_;
};

}  // namespace

void ImportNutcracker(const TreeValue& root, Draft& draft) {
  if (!ExpectMap(draft, root)) return;
  for (const TreeValue& pool : root.values) NutcrackerPool(pool, draft).Import();
  draft.Comment("admin",
                "twemproxy's statistics (its port 22222) are here /metrics and /api/v1/pools of the admin port, "
                "127.0.0.1:9180.");
}

}  // namespace ringproxy::conf
