// mcrouter's JSON: pools, and a tree of route handles that says which of them gets a request. A listener of ours has
// one pool for each prefix of keys, so of each handle one child is taken, and a comment says what is lost.
#include <algorithm>
#include <array>

#include "conf/import/draft.h"
#include "conf/import/formats.h"
#include "conf/import/mcrouter_pools.h"

namespace ringproxy::conf {

namespace {

constexpr int kMostHandles = 64;       // One within another; named ones could go round in circles.
constexpr uint64_t kFailoverTtl = 60;  // FailoverWithExptimeRoute's own default, in seconds.
const Address kMcrouterListen{"127.0.0.1", 11311, ""};

// Of a handle: the child that is taken, and what the others would have had.
struct HandleKind {
  std::string_view type, child, lost;
};

constexpr std::string_view kToAll = "sends each request to all of its children; here the first alone has it";
constexpr std::string_view kToOne = "chooses among its children; here the first has all";

constexpr auto kHandleKinds = std::to_array<HandleKind>({
    {"AllAsyncRoute", "children", kToAll},
    {"AllFastestRoute", "children", kToAll},
    {"AllInitialRoute", "children", kToAll},
    {"AllMajorityRoute", "children", kToAll},
    {"AllSyncRoute", "children", kToAll},
    {"HashRoute", "children", ""},
    {"HostIdRoute", "children", kToOne},
    {"KeySplitRoute", "destination", "keeps several copies of a key"},
    {"L1L2CacheRoute", "l1", "asks l2 after a miss of l1; here l1 has all"},
    {"L1L2SizeSplitRoute", "l1", "keeps large values in l2; here l1 has all"},
    {"LatencyInjectionRoute", "child", "delays replies"},
    {"LatestRoute", "children", kToOne},
    {"LoadBalancerRoute", "children", kToOne},
    {"LoggingRoute", "target", "logs requests"},
    {"MigrateRoute", "from", "goes over from one child to another at a time; here `from` has all"},
    {"MissFailoverRoute", "children", "asks the next child after a miss; here the first has all"},
    {"ModifyExptimeRoute", "target", "changes expiries"},
    {"ModifyKeyRoute", "target", "changes keys"},
    {"OperationSelectorRoute", "default_policy", "has other routes for some commands; here the default has all"},
    {"OutstandingLimitRoute", "target", "limits the requests in flight; see concurrency of the pool"},
    {"PrefixPolicyRoute", "default_policy", "has other routes for some commands; here the default has all"},
    {"RandomRoute", "children", kToOne},
    {"RateLimitRoute", "target", ""},
    {"ShadowRoute", "target", "sends copies of requests elsewhere"},
    {"SlowWarmUpRoute", "target", "warms a cold server up"},
    {"StagingRoute", "cold", "fills one child from another; here `cold` has all"},
    {"WarmUpRoute", "cold", "fills `cold` from `warm`; here `cold` has all"},
});

// Of a handle that the table does not know.
constexpr auto kLikelyChildren = std::to_array<std::string_view>(
    {"target", "child", "children", "normal", "primary", "destination", "default_policy", "wildcard", "route"});

class McrouterFile {
 public:
  McrouterFile(const TreeValue& root, Draft& draft) : root_(root), draft_(draft), pools_(root.Find("pools"), draft) {}

  void Import() {
    const TreeValue* macros = root_.Find("macros");
    if (macros != nullptr && !macros->values.empty()) return RefuseMacros(*macros);
    pools_.ImportAll();
    Listener& listener = draft_.AddListener("memcached", kMcrouterListen, Protocol::kMemcached, root_);
    path_ = draft_.ListenerPath();
    draft_.Comment(path_ + ".listen", "mcrouter has its port on its command line (-p): say it here.");
    ImportRoutes();
    listener.routes = std::move(routes_);
    CommentOnMcrouterAtAll();
  }

 private:
  void RefuseMacros(const TreeValue& where) {
    draft_.Fail(where,
                "macros are not expanded here; give what mcrouter answers to: get __mcrouter__.preprocessed_config");
  }

  void ImportRoutes() {
    if (const TreeValue* handles = root_.Find("named_handles")) {
      for (const TreeValue& handle : handles->values) {
        Remember(handle);
        // As a map, from names to handles.
        if (handles->kind == TreeKind::kMap) handles_.emplace(handle.key, &handle);
      }
    }
    const TreeValue* route = root_.Find("route");
    const TreeValue* routes = root_.Find("routes");
    if (route != nullptr) {
      ImportTree(*route, {""});
    } else if (routes != nullptr && routes->kind == TreeKind::kMap) {
      // From a routing prefix to a handle.
      for (const TreeValue& entry : routes->values) ImportAliases(entry, {entry.key});
    } else if (routes != nullptr && ExpectList(draft_, *routes)) {
      for (const TreeValue& entry : routes->values) ImportListed(entry);
    } else if (routes == nullptr) {
      draft_.Fail(root_, "lacks route or routes");
    }
    const bool has_default = std::ranges::any_of(routes_, [](const Route& known) { return known.prefix.empty(); });
    if (has_default || draft_.config.pools.empty()) return;
    AddRoute("", draft_.config.pools.front().name);
    draft_.Comment(path_ + ".routes",
                   "mcrouter has no pool for keys of other prefixes; here a listener has to have one.");
  }

  void ImportListed(const TreeValue& entry) {
    const TreeValue* route = entry.Find("route");
    if (route == nullptr) return draft_.Fail(entry, "lacks route");
    std::vector<std::string> aliases;
    if (const TreeValue* said = entry.Find("aliases"); said != nullptr && ExpectList(draft_, *said)) {
      for (const TreeValue& alias : said->values) aliases.push_back(alias.text);
    }
    ImportAliases(*route, aliases);
  }

  // One tree of `routes`: keys come to it with a routing prefix, and to the first one also without.
  void ImportAliases(const TreeValue& tree, const std::vector<std::string>& aliases) {
    std::vector<std::string> prefixes;
    if (routes_.empty()) prefixes.emplace_back();
    for (const std::string& alias : aliases) {
      if (alias.find('*') != std::string::npos) {
        draft_.Comment(path_ + ".routes", "The routing prefix " + Quote(alias) + " of " + LineOf(tree) +
                                              " has no counterpart: a prefix is no pattern.");
        continue;
      }
      prefixes.push_back(alias);
      draft_.SayOtherwise(
          "mcrouter takes a routing prefix off a key before it asks a server; here keys are sent as they come.");
    }
    ImportTree(tree, prefixes);
  }

  void ImportTree(const TreeValue& tree, const std::vector<std::string>& prefixes) {
    const TreeValue& handle = Resolved(tree);
    const TreeValue* type = handle.Find("type");
    if (type == nullptr || type->text != "PrefixSelectorRoute") {
      const std::optional<std::string> pool = PoolOf(tree, 0);
      for (const std::string& prefix : prefixes) {
        if (pool) AddRoute(prefix, *pool);
      }
      return;
    }
    const auto add = [&](const TreeValue& child, const std::string& key_prefix) {
      const std::optional<std::string> pool = PoolOf(child, 0);
      for (const std::string& prefix : prefixes) {
        if (pool) AddRoute(prefix + key_prefix, *pool);
      }
    };
    if (const TreeValue* policies = handle.Find("policies"); policies != nullptr && ExpectMap(draft_, *policies)) {
      for (const TreeValue& policy : policies->values) add(policy, policy.key);
    }
    if (const TreeValue* wildcard = handle.Find("wildcard")) add(*wildcard, "");
  }

  void AddRoute(const std::string& prefix, const std::string& pool) {
    // The first of equal prefixes counts.
    const bool is_known = std::ranges::find(routes_, prefix, &Route::prefix) != routes_.end();
    if (is_known || routes_.size() > kMostRoutes) return;
    Route route;
    const auto problem = ReadValue(prefix, Text(0, 1024), route.prefix);
    if (problem) return draft_.Fail(root_, "prefix " + problem->text);
    route.pool = pool;
    routes_.push_back(std::move(route));
  }

  void Remember(const TreeValue& handle) {
    const TreeValue* name = handle.Find("name");
    const TreeValue* type = handle.Find("type");
    // The pool of a PoolRoute may have a name as well, but that is no handle's.
    if (name != nullptr && type != nullptr) handles_.emplace(name->text, &handle);
  }

  const TreeValue& Resolved(const TreeValue& handle) {
    Remember(handle);
    const auto known = handle.kind == TreeKind::kText ? handles_.find(handle.text) : handles_.end();
    return known == handles_.end() ? handle : *known->second;
  }

  // The pool that gets what the handle gets, nothing where that is none.
  std::optional<std::string> PoolOf(const TreeValue& said, int depth) {
    if (depth > kMostHandles) {
      draft_.Fail(said, "more than " + std::to_string(kMostHandles) + " route handles within each other");
      return std::nullopt;
    }
    const TreeValue& handle = Resolved(said);
    if (handle.kind == TreeKind::kText) return PoolOfWords(handle, depth);
    if (handle.kind == TreeKind::kList) return PoolOfList(handle, depth);
    if (!ExpectMap(draft_, handle)) return std::nullopt;
    const TreeValue* type = handle.Find("type");
    if (type == nullptr || type->kind != TreeKind::kText) {
      draft_.Fail(handle, "lacks the type of a route handle");
      return std::nullopt;
    }
    if (type->text == "PoolRoute") return PoolOfPoolRoute(handle);
    if (type->text == "Pool") return pools_.Named(handle);
    if (type->text.starts_with("Failover")) return PoolOfFailover(handle, depth);
    return PoolOfKind(handle, type->text, depth);
  }

  // "PoolRoute|A", "HashRoute|Pool|A", "NullRoute"
  std::optional<std::string> PoolOfWords(const TreeValue& handle, int depth) {
    const std::string& text = handle.text;
    if (text.starts_with('@') || text.find('%') != std::string::npos) {
      RefuseMacros(handle);
      return std::nullopt;
    }
    const size_t bar = text.find('|');
    const std::string type = text.substr(0, bar);
    if (type == "NullRoute" || type == "DevNullRoute" || type == "ErrorRoute") {
      draft_.Comment(path_ + ".routes",
                     type + " of " + LineOf(handle) + " has no counterpart: its keys go to the default route.");
      return std::nullopt;
    }
    if (type == "PoolRoute" || type == "Pool") {
      return pools_.Called(bar == std::string::npos ? "" : text.substr(bar + 1), handle);
    }
    if (bar == std::string::npos) {
      draft_.Fail(handle, Quote(text) + " is no route handle");
      return std::nullopt;
    }
    TreeValue inner = handle;
    inner.text = text.substr(bar + 1);
    SayWhatIsLost(handle, type, KindOf(type));
    return PoolOf(inner, depth + 1);
  }

  std::optional<std::string> PoolOfList(const TreeValue& handles, int depth) {
    std::optional<std::string> pool;
    for (const TreeValue& handle : handles.values) {
      pool = PoolOf(handle, depth + 1);
      if (pool) break;
    }
    return pool;
  }

  std::optional<std::string> PoolOfPoolRoute(const TreeValue& handle) {
    const TreeValue* said = handle.Find("pool");
    if (said == nullptr) {
      draft_.Fail(handle, "lacks pool");
      return std::nullopt;
    }
    const std::optional<std::string> pool = pools_.Named(*said);
    if (!pool) return std::nullopt;
    for (const TreeValue& option : handle.values) {
      if (option.key == "hash") {
        pools_.SetHash(*pool, option);
      } else if (option.key == "rates") {
        pools_.AddRates(*pool, option);
      } else if (option.key != "type" && option.key != "pool" && option.key != "name") {
        draft_.Comment(Draft::PathOfPool(*pool),
                       PathPart(option.key) + " of " + LineOf(option) + " has no counterpart.");
      }
    }
    return pool;
  }

  std::optional<std::string> PoolOfFailover(const TreeValue& handle, int depth) {
    const TreeValue* children = handle.Find("children");
    const TreeValue* normal = handle.Find("normal");
    const TreeValue* failover = normal == nullptr ? children : handle.Find("failover");
    if (normal == nullptr && (children == nullptr || children->kind != TreeKind::kList)) {
      // The children are a pool's servers: the next one is asked.
      return children == nullptr ? PoolOfKind(handle, "FailoverRoute", depth) : PoolOf(*children, depth + 1);
    }
    std::vector<const TreeValue*> all;
    if (normal != nullptr) all.push_back(normal);
    if (failover != nullptr && failover->kind == TreeKind::kList) {
      for (const TreeValue& child : failover->values) all.push_back(&child);
    } else if (failover != nullptr) {
      all.push_back(failover);
    }
    const std::optional<std::string> first = all.empty() ? std::nullopt : PoolOf(*all[0], depth + 1);
    if (!first || all.size() < 2) return first;
    const std::optional<std::string> second = PoolOf(*all[1], depth + 1);
    const TreeValue* exptime = handle.Find("failover_exptime");
    const uint64_t ttl_s =
        exptime != nullptr ? ReadCount(draft_, *exptime).value_or(0) : (normal != nullptr ? kFailoverTtl : 0);
    if (second) pools_.SetGutter(*first, *second, ttl_s, handle);
    if (all.size() > 2) {
      draft_.Comment(Draft::PathOfPool(*first) + ".on_down",
                     "The failover's children from the third on have no counterpart.");
    }
    return first;
  }

  static const HandleKind* KindOf(const std::string& type) {
    const auto* kind = std::ranges::find(kHandleKinds, type, &HandleKind::type);
    return kind == kHandleKinds.end() ? nullptr : kind;
  }

  void SayWhatIsLost(const TreeValue& handle, const std::string& type, const HandleKind* kind) {
    if (kind != nullptr && kind->lost.empty()) return;
    const std::string lost = kind == nullptr ? "has no counterpart" : std::string(kind->lost);
    draft_.Comment(path_ + ".routes", PathPart(type) + " of " + LineOf(handle) + " " + lost + ".");
    draft_.SayOtherwise(PathPart(type) + " " + lost + ".");
  }

  std::optional<std::string> PoolOfKind(const TreeValue& handle, const std::string& type, int depth) {
    const HandleKind* kind = KindOf(type);
    const TreeValue* child = kind == nullptr ? nullptr : handle.Find(kind->child);
    for (size_t i = 0; child == nullptr && i < kLikelyChildren.size(); ++i) child = handle.Find(kLikelyChildren[i]);
    SayWhatIsLost(handle, type, kind);
    if (child == nullptr && type == "OperationSelectorRoute") {
      const TreeValue* policies = handle.Find("operation_policies");
      child = policies == nullptr ? nullptr : policies->Find("get");
    }
    // SaltedFailoverRoute and its like are a PoolRoute with more.
    if (child == nullptr && handle.Find("pool") != nullptr) return PoolOfPoolRoute(handle);
    const bool answers_itself = type == "NullRoute" || type == "DevNullRoute" || type == "ErrorRoute";
    if (child == nullptr) {
      if (!answers_itself) draft_.Fail(handle, PathPart(type) + " has no child that is known here");
      return std::nullopt;
    }
    const std::optional<std::string> pool = PoolOf(*child, depth + 1);
    if (!pool) return std::nullopt;
    if (type == "HashRoute") pools_.SetHash(*pool, handle);
    if (const TreeValue* rates = handle.Find("rates"); rates != nullptr && type == "RateLimitRoute")
      pools_.AddRates(*pool, *rates);
    return pool;
  }

  void CommentOnMcrouterAtAll() {
    std::string moved, kept;
    for (const Pool& pool : draft_.config.pools) {
      if (pool.nodes.size() < 2) continue;
      std::string& names = pool.ring.algorithm == ring::Algorithm::kModula ? kept : moved;
      names += (names.empty() ? "" : ", ") + pool.name;
    }
    if (!moved.empty()) {
      draft_.SayOtherwise(moved + ": keys move, since mcrouter's hash (Ch3 and the like) is none of ours.");
    }
    if (!kept.empty()) {
      draft_.SayOtherwise(
          kept +
          ": mcrouter's Crc32 drops the uppermost bit. With 2, 4, 8 … servers keys stay where they are, "
          "else about half of them move.");
    }
    draft_.SayOtherwise("What follows |#| in a key is hashed here too.");
    draft_.SayOtherwise(
        "A server that fails (mcrouter's TKO) is found by checks (health) and by breaker; its keys read "
        "SERVER_ERROR node down, where mcrouter answers a get with a miss.");
  }

  const TreeValue& root_;
  Draft& draft_;
  McrouterPools pools_;
  std::string path_;
  std::vector<Route> routes_;
  std::map<std::string, const TreeValue*> handles_;  // Named ones.
};

}  // namespace

void ImportMcrouter(const TreeValue& root, Draft& draft) {
  if (ExpectMap(draft, root)) McrouterFile(root, draft).Import();
}

}  // namespace ringproxy::conf
