// predixy's configuration: where it listens, one pool of servers (standalone, behind sentinels, or a Redis Cluster),
// and who may ask what.
#include <algorithm>
#include <charconv>

#include "conf/import/draft.h"
#include "conf/import/formats.h"
#include "conf/import/predixy_lines.h"

namespace ringproxy::conf {

namespace {

// Its one pool has no name in the file.
const std::string kPredixyPool = "redis";
constexpr std::string_view kPredixyListen = "0.0.0.0:7617";

// A number with a unit, as "500ms" or "100M".
struct NumberWithUnit {
  uint64_t number = 0;
  std::string unit;
};

std::optional<NumberWithUnit> ReadNumberWithUnit(std::string_view text) {
  NumberWithUnit read;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, read.number);
  if (error != std::errc() || read.number > INT64_MAX / 1'000'000'000) return std::nullopt;
  read.unit = std::string(rest, end);
  return read;
}

// In predixy a number alone is seconds.
std::optional<microseconds> ReadPredixyDuration(Draft& draft, const TreeValue& value) {
  const auto read = ReadNumberWithUnit(value.text);
  if (read && (read->unit.empty() || SameWord(read->unit, "s"))) return std::chrono::seconds(read->number);
  if (read && (SameWord(read->unit, "m") || SameWord(read->unit, "ms"))) return milliseconds(read->number);
  if (read && (SameWord(read->unit, "u") || SameWord(read->unit, "us"))) return microseconds(read->number);
  draft.Fail(value, Quote(value.text) + " is no duration of predixy: a number, with s, ms or us");
  return std::nullopt;
}

std::optional<uint64_t> ReadPredixySize(Draft& draft, const TreeValue& value) {
  const auto read = ReadNumberWithUnit(value.text);
  const std::string unit = read ? read->unit : "?";
  const auto is = [&](std::string_view a, std::string_view b) { return SameWord(unit, a) || SameWord(unit, b); };
  if (is("", "B")) return read->number;
  if (is("K", "KB")) return read->number << 10;
  if (is("M", "MB")) return read->number << 20;
  if (is("G", "GB")) return std::min<uint64_t>(read->number, UINT32_MAX) << 30;
  draft.Fail(value, Quote(value.text) + " is no size of predixy: a number, with K, M or G");
  return std::nullopt;
}

std::optional<uint64_t> ReadPredixyCount(Draft& draft, const TreeValue& value) {
  const auto read = ReadNumberWithUnit(value.text);
  if (read && read->unit.empty()) return read->number;
  draft.Fail(value, Quote(value.text) + " is no number");
  return std::nullopt;
}

uint32_t Narrow(uint64_t number) {
  return static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX));
}

class PredixyFile {
 public:
  PredixyFile(const TreeValue& root, Draft& draft) : root_(root), draft_(draft) {}

  void Import() {
    draft_.AddPool(kPredixyPool, Protocol::kRedis, root_);
    ImportListener();
    const TreeValue* pool_said = nullptr;
    for (const TreeValue& value : root_.values) {
      if (IsPool(value)) {
        if (pool_said != nullptr && IsCluster(value) != IsCluster(*pool_said)) {
          draft_.Fail(value, "stands beside the pool of " + LineOf(*pool_said) + "; predixy takes one");
        }
        pool_said = &value;
      } else {
        ImportOption(value);
      }
    }
    if (pool_said == nullptr)
      return draft_.Fail(root_, "lacks a pool: ClusterServerPool, StandaloneServerPool or SentinelServerPool");
    ImportPool(*pool_said);
  }

 private:
  static bool IsCluster(const TreeValue& value) { return SameWord(value.key, "ClusterServerPool"); }
  static bool IsPool(const TreeValue& value) {
    return IsCluster(value) || SameWord(value.key, "StandaloneServerPool") || SameWord(value.key, "SentinelServerPool");
  }
  Pool& PoolOfFile() { return draft_.config.pools.front(); }
  Listener& ListenerOfFile() { return draft_.config.listeners.front(); }
  void Lost(const std::string& path, const TreeValue& value, const std::string& why) {
    draft_.Comment(path, PathPart(value.key) + " of " + LineOf(value) + " " + why);
  }

  void ImportListener() {
    const TreeValue* bind = nullptr;
    for (const TreeValue& value : root_.values) {
      if (SameWord(value.key, "Bind")) bind = &value;  // The last one counts.
    }
    const std::string text = bind == nullptr ? std::string(kPredixyListen) : bind->text;
    const TreeValue& where = bind == nullptr ? root_ : *bind;
    const std::optional<Address> listen = ReadPredixyAddress(where, text);
    draft_.AddListener(kPredixyPool, listen.value_or(Address{"127.0.0.1", 1, ""}), Protocol::kRedis, where).routes = {
        {"", kPredixyPool}};
  }

  std::optional<Address> ReadPredixyAddress(const TreeValue& where, const std::string& text) {
    if (text.starts_with('/')) return ReadUnixPath(draft_, where, text);
    const size_t colon = text.rfind(':');
    if (colon != std::string::npos) return ReadAddress(draft_, where, text.substr(0, colon), text.substr(colon + 1));
    draft_.Fail(where, Quote(text) + " is not HOST:PORT or /PATH");
    return std::nullopt;
  }

  void ImportOption(const TreeValue& value) {
    const auto is = [&](std::string_view word) { return SameWord(value.key, word); };
    if (is("Bind")) return;
    if (is("WorkerThreads")) {
      if (const auto count = ReadPredixyCount(draft_, value)) {
        draft_.Set(draft_.config, &Config::workers, "", Narrow(*count), "WorkerThreads " + value.text);
      }
    } else if (is("MaxMemory")) {
      if (const auto bytes = ReadPredixySize(draft_, value)) {
        if (*bytes == 0) draft_.Comment("memory_limit", "MaxMemory 0: here there is always a limit, see memory_limit.");
        draft_.Set(draft_.config, &Config::memory_limit_bytes, "", *bytes, "MaxMemory " + value.text);
      }
    } else if (is("ClientTimeout")) {
      if (const auto seconds = ReadPredixyCount(draft_, value)) {
        draft_.Set(ListenerOfFile(), &Listener::idle_timeout, draft_.ListenerPath(), std::chrono::seconds(*seconds),
                   "ClientTimeout " + value.text + " (seconds)");
      }
    } else if (is("Authority")) {
      ImportAuthority(value);
    } else if (is("LatencyMonitor")) {
      draft_.Comment("admin",
                     "LatencyMonitor needs none: /metrics has histograms of all commands, by pool and class, and "
                     "by node.");
    } else if (is("DataCenter") || is("LocalDC")) {
      Lost("pools", value, "has no counterpart: reads go to the primaries.");
    } else if (is("CustomCommand")) {
      Lost("pools", value, "has no counterpart: commands that Redis 7.0 does not have are refused.");
      draft_.SayOtherwise("Commands of modules (CustomCommand) are refused.");
    } else if (value.key.starts_with("Log") || is("AllowMissLog")) {
      draft_.Comment("log", "Log and LogRotate have no counterpart: the log goes to stderr.");
    } else {
      Lost("listeners", value, "has no counterpart.");
    }
  }

  // Passwords are not shown.
  void ImportAuthority(const TreeValue& authority) {
    for (const TreeValue& auth : authority.values) {
      const bool restricts = !auth.text.empty() || std::ranges::any_of(auth.values, [](const TreeValue& option) {
        return !SameWord(option.key, "Mode") || SameWord(option.text, "read");
      });
      if (!restricts) continue;
      Lost(draft_.ListenerPath(), auth,
           "is not taken over: a listener has one password (password_file), for every key.");
      draft_.SayOtherwise(
          "Authority: a listener has one password (password_file), and here it has none. What only some may do has to "
          "be kept by the network, or by users of the nodes (auth).");
    }
  }

  void ImportPool(const TreeValue& said) {
    if (!ExpectMap(draft_, said)) return;
    Pool& pool = PoolOfFile();
    draft_.Note(path_ + ".nodes", said);
    refreshes_by_sentinel_ = SameWord(said.key, "SentinelServerPool");
    std::vector<const TreeValue*> groups, servers;
    for (const TreeValue& option : said.values) {
      if (SameWord(option.key, "Group")) {
        groups.push_back(&option);
      } else if (SameWord(option.key, "Servers")) {
        servers.push_back(&option);
      } else {
        ImportPoolOption(option);
      }
    }
    if (IsCluster(said)) {
      ImportCluster(servers);
    } else {
      for (const TreeValue* group : groups) ImportGroup(*group);
      ImportPredixyRing(groups.size());
    }
    if (pool.nodes.empty()) draft_.Fail(said, IsCluster(said) ? "lacks Servers" : "lacks a Group");
    if (!has_timeout_) {
      draft_.Comment(
          path_ + ".timeouts",
          "predixy waits for ever, since there is no ServerTimeout; here it is 1s, and 30s for heavy commands.");
      draft_.SayOtherwise("Requests have a time limit, which they do not have in the file.");
    }
  }

  void ImportPoolOption(const TreeValue& value) {
    Pool& pool = PoolOfFile();
    const auto is = [&](std::string_view word) { return SameWord(value.key, word); };
    const std::string said = value.key + " " + value.text;
    if (is("ServerTimeout")) {
      const auto wait = ReadPredixyDuration(draft_, value);
      if (!wait || wait->count() == 0) return;
      has_timeout_ = true;
      draft_.Set(pool.timeouts, &Timeouts::connect, path_ + ".timeouts", *wait, said);
      draft_.Set(pool.timeouts, &Timeouts::request, path_ + ".timeouts", *wait, said);
      draft_.SayOtherwise(
          "A timeout costs the one request that is late. Heavy commands, scripts and requests of 1MiB or "
          "more have timeouts.heavy, 30s, where predixy's ServerTimeout is for all.");
    } else if (is("ServerFailureLimit")) {
      if (const auto count = ReadPredixyCount(draft_, value)) {
        draft_.Set(pool.breaker, &Breaker::consecutive_failures, path_ + ".breaker", Narrow(*count), said);
      }
    } else if (is("ServerRetryTimeout")) {
      if (const auto wait = ReadPredixyDuration(draft_, value)) {
        draft_.Set(pool.breaker, &Breaker::open, path_ + ".breaker", *wait, said);
      }
    } else if (is("KeepAlive")) {
      if (const auto seconds = ReadPredixyCount(draft_, value)) {
        draft_.Set(pool, &Pool::keepalive, path_, std::chrono::seconds(*seconds), said);
      }
    } else if (is("Password")) {
      if (!value.text.empty()) SayPassword(value);
    } else if (is("Databases")) {
      Lost(path_, value, "is the listener's here: 16, unless its option databases says another number.");
    } else if (is("Hash")) {
      hash_ = &value;
    } else if (is("Distribution")) {
      distribution_ = &value;
    } else if (is("HashTag")) {
      if (!value.text.empty() && value.text.size() != 2)
        return draft_.Fail(value, Quote(value.text) + " is not two characters");
      hash_tag_ = value.text;
    } else if (is("RefreshMethod")) {
      refreshes_by_sentinel_ = SameWord(value.text, "sentinel");
    } else if (value.key.ends_with("ReadPriority")) {
      draft_.Comment(path_, "The ReadPriority options have no counterpart: reads go to the primaries.");
    } else if (is("Sentinels")) {
      Lost(path_ + ".nodes", value, "has no counterpart: nodes are named, and a failover is not followed.");
    } else {
      Lost(path_, value, "has no counterpart.");
    }
  }

  void SayPassword(const TreeValue& where) {
    draft_.Comment(path_ + ".auth", "Password of " + LineOf(where) + ": write it into a file and say here");
    draft_.Comment(path_ + ".auth", "auth: {password_file: FILE}");
    draft_.SayOtherwise("The nodes want a password, which has to be put into a file of its own (auth).");
  }

  // [password@]address
  std::optional<Address> ReadServer(const TreeValue& server) {
    if (server.key != "+") {
      draft_.Fail(server, "a server is written + HOST:PORT");
      return std::nullopt;
    }
    const size_t at = server.text.find('@');
    if (at != std::string::npos) SayPassword(server);
    const std::string text = at == std::string::npos ? server.text : server.text.substr(at + 1);
    return ReadPredixyAddress(server, text.substr(0, text.find_first_of(" \t")));
  }

  // The groups' order is part of where keys lie, and so is the nodes' with modula.
  void ImportGroup(const TreeValue& group) {
    Pool& pool = PoolOfFile();
    std::optional<Address> primary;
    for (const TreeValue& server : group.values) {
      const std::optional<Address> address = ReadServer(server);
      if (address && primary) {
        draft_.Comment(path_ + ".nodes[" + std::to_string(pool.nodes.size()) + "]",
                       "Its replica " + address->ToString() + " of " + LineOf(server) + " is left out.");
      } else if (address) {
        primary = address;
      }
    }
    const std::string name = NameLike(group.text, "group" + std::to_string(pool.nodes.size() + 1));
    if (!primary && !refreshes_by_sentinel_) return draft_.Fail(group, "has no servers");
    if (!refreshes_by_sentinel_) return void(draft_.AddNode(pool, name, *primary, group));
    draft_.SayOtherwise(
        "predixy asks sentinels where the primaries are. Here their addresses are written, and after a "
        "failover they have to be changed.");
    if (!primary) return draft_.AddUnknownNode(pool, name, group, "The sentinels know it.");
    draft_.Comment(path_ + ".nodes[" + std::to_string(pool.nodes.size()) + "]",
                   "Sentinels say which server of the group is the primary; here it is the first one.");
    draft_.AddNode(pool, name, *primary, group);
  }

  void ImportPredixyRing(size_t groups) {
    Pool& pool = PoolOfFile();
    pool.ring.hash_tag = hash_tag_;
    if (groups < 2) return;
    const std::string distribution = distribution_ == nullptr ? "modula" : distribution_->text;
    const std::string hash = hash_ == nullptr ? "" : hash_->text;
    if (!SameWord(distribution, "modula") && !SameWord(distribution, "random")) {
      return draft_.Fail(*distribution_, Quote(distribution) + " is no distribution of predixy");
    }
    if (SameWord(distribution, "random")) {
      draft_.Comment(path_ + ".ring", "Distribution random has no counterpart: each key has one node here.");
      draft_.SayOtherwise(
          "predixy asks any group for any key (Distribution random); here a key has one node, and what lies on "
          "the others is not found.");
      return;
    }
    pool.ring.algorithm = ring::Algorithm::kModula;
    pool.ring.hash = ring::HashAlgorithm::kCrc16Xmodem;
    if (SameWord(hash, "crc16")) return;
    if (hash_ != nullptr && !SameWord(hash, "atol")) return draft_.Fail(*hash_, Quote(hash) + " is no hash of predixy");
    draft_.Comment(path_ + ".ring.hash", "Hash atol has no counterpart.");
    draft_.SayOtherwise("Keys move: predixy's hash atol, the number at the beginning of a key, has no counterpart.");
  }

  void ImportCluster(const std::vector<const TreeValue*>& lists) {
    Pool& pool = PoolOfFile();
    for (const TreeValue* list : lists) {
      for (const TreeValue& server : list->values) {
        if (const auto address = ReadServer(server)) draft_.AddNode(pool, "", *address, server);
      }
    }
    draft_.SplitSlots(pool, "predixy");
  }

  const TreeValue& root_;
  Draft& draft_;
  const std::string path_ = Draft::PathOfPool(kPredixyPool);
  bool refreshes_by_sentinel_ = false, has_timeout_ = false;
  const TreeValue* hash_ = nullptr;
  const TreeValue* distribution_ = nullptr;
  std::string hash_tag_;
};

}  // namespace

void ImportPredixy(const TreeValue& root, Draft& draft) {
  PredixyFile(root, draft).Import();
}

}  // namespace ringproxy::conf
