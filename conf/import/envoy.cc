// Envoy's bootstrap file: listeners whose filter is redis_proxy, and the clusters that it names. All else of the file
// is about other protocols.
#include <algorithm>
#include <array>

#include "conf/address.h"
#include "conf/import/draft.h"
#include "conf/import/envoy_clusters.h"
#include "conf/import/formats.h"

namespace ringproxy::conf {

namespace {

// What is read elsewhere.
constexpr auto kReadSettings =
    std::to_array<std::string_view>({"op_timeout", "enable_hashtagging", "connection_rate_limit"});

bool IsRedisProxy(const TreeValue& filter) {
  const TreeValue* name = Field(&filter, "name");
  const TreeValue* type = Field(Field(&filter, "typed_config"), "@type");
  const bool is_named =
      name != nullptr && (name->text == "envoy.filters.network.redis_proxy" || name->text == "envoy.redis_proxy");
  // The name is anything that the author likes; the type says what it is.
  return is_named || (type != nullptr && type->text.ends_with(".RedisProxy"));
}

class EnvoyListener {
 public:
  EnvoyListener(const TreeValue& said, const TreeValue& filter, EnvoyClusters& clusters, Draft& draft)
      : said_(said), filter_(filter), clusters_(clusters), draft_(draft) {}

  void Import() {
    const TreeValue* address = Field(&said_, "address");
    if (address == nullptr) return draft_.Fail(said_, "lacks address");
    const std::optional<Address> listen = ReadEnvoyAddress(draft_, *address);
    const TreeValue* config = Field(&filter_, "typed_config");
    if (config == nullptr) config = Field(&filter_, "config");
    if (config == nullptr) return draft_.Fail(filter_, "lacks typed_config");
    if (!listen || draft_.IsFull(said_)) return;
    const TreeValue* name = Field(&said_, "name");
    draft_.AddListener(draft_.ListenerName(name == nullptr ? "" : name->text, "redis"), *listen, Protocol::kRedis,
                       said_);
    path_ = draft_.ListenerPath();
    ImportPrefixRoutes(*config);
    if (const TreeValue* settings = Field(config, "settings")) ImportSettings(*settings);
    ImportOthers(*config);
    draft_.config.listeners.back().routes = routes_;
  }

 private:
  void Lost(const std::string& path, const TreeValue& value, const std::string& why) {
    draft_.Comment(path, PathPart(value.key) + " of " + LineOf(value) + " " + why);
  }

  void ImportPrefixRoutes(const TreeValue& config) {
    const TreeValue* all = Field(&config, "prefix_routes");
    for (const TreeValue* route : Elements(Field(all, "routes"))) ImportRoute(*route);
    if (const TreeValue* ignores_case = Field(all, "case_insensitive");
        ignores_case != nullptr && ignores_case->text == "true") {
      Lost(path_ + ".routes", *ignores_case, "has no counterpart: capital letters of a prefix count.");
      draft_.SayOtherwise("Capital letters of prefixes count.");
    }
    if (const TreeValue* rest = Field(all, "catch_all_route")) ImportRoute(*rest);
    // Two older forms.
    for (const TreeValue* name : {Field(all, "catch_all_cluster"), Field(&config, "cluster")}) {
      if (name != nullptr) AddRoute("", *name);
    }
    const bool has_default = std::ranges::any_of(routes_, [](const Route& known) { return known.prefix.empty(); });
    if (has_default) return;
    if (routes_.empty()) return draft_.Fail(filter_, "lacks prefix_routes");
    routes_.push_back({"", routes_.front().pool});
    draft_.Comment(path_ + ".routes",
                   "Envoy refuses keys of other prefixes, since there is no catch_all_route; here a listener "
                   "has to have a default route.");
    draft_.SayOtherwise("Keys of prefixes without a route go to the first route's pool; Envoy refuses them.");
  }

  void ImportRoute(const TreeValue& route) {
    const TreeValue* cluster = Field(&route, "cluster");
    if (cluster == nullptr) return draft_.Fail(route, "lacks cluster");
    const TreeValue* prefix = Field(&route, "prefix");
    for (const TreeValue& option : route.values) {
      const auto is = [&](std::string_view snake, std::string_view camel) {
        return option.key == snake || option.key == camel;
      };
      if (is("prefix", "prefix") || is("cluster", "cluster")) continue;
      if (is("remove_prefix", "removePrefix") || is("key_formatter", "keyFormatter")) {
        if (option.text == "false") continue;
        Lost(path_ + ".routes", option, "has no counterpart: keys are sent as they come.");
        draft_.SayOtherwise("Keys are sent to the nodes as they come (remove_prefix, key_formatter).");
      } else if (is("request_mirror_policy", "requestMirrorPolicy")) {
        Lost(path_ + ".routes", option, "has no counterpart: no copies are sent elsewhere.");
        draft_.SayOtherwise("No copies of requests are sent to other clusters (request_mirror_policy).");
      } else {
        Lost(path_ + ".routes", option, "has no counterpart.");
      }
    }
    AddRoute(prefix == nullptr ? "" : prefix->text, *cluster);
  }

  void AddRoute(const std::string& prefix, const TreeValue& cluster) {
    if (routes_.size() > kMostRoutes || std::ranges::find(routes_, prefix, &Route::prefix) != routes_.end()) return;
    Route route;
    if (const auto problem = ReadValue(prefix, Text(0, 1024), route.prefix))
      return draft_.Fail(cluster, "prefix " + problem->text);
    const std::optional<std::string> pool = clusters_.Called(cluster.text, cluster);
    if (!pool) return;
    route.pool = *pool;
    routes_.push_back(std::move(route));
  }

  // Of the listener's pools: what another listener has set for one of them stays.
  template <class F>
  void ForEachPool(F&& f) {
    for (Pool& pool : draft_.config.pools) {
      if (std::ranges::find(routes_, pool.name, &Route::pool) != routes_.end()) f(pool, Draft::PathOfPool(pool.name));
    }
  }

  void ImportSettings(const TreeValue& settings) {
    const TreeValue* timeout = Field(&settings, "op_timeout");
    const auto wait = timeout == nullptr ? std::nullopt : ReadEnvoyDuration(draft_, *timeout);
    const TreeValue* tags = Field(&settings, "enable_hashtagging");
    const std::string hash_tag = tags != nullptr && tags->text == "true" ? "{}" : "";
    const TreeValue* rate = Field(Field(&settings, "connection_rate_limit"), "connection_rate_limit_per_sec");
    const std::optional<uint64_t> per_second = rate == nullptr ? std::nullopt : ReadCount(draft_, *rate);
    ForEachPool([&](Pool& pool, const std::string& path) {
      // A cluster's slots are always made with tags.
      if (pool.ring.algorithm != ring::Algorithm::kSlots) pool.ring.hash_tag = hash_tag;
      if (per_second && *per_second > 0 && *per_second <= 100'000) pool.reconnect.rate = {*per_second};
      if (!wait) return;
      draft_.Note(path + ".timeouts.request", *timeout);
      draft_.Set(pool.timeouts, &Timeouts::request, path + ".timeouts", *wait, "op_timeout: " + timeout->text);
    });
    if (wait) {
      draft_.SayOtherwise(
          "op_timeout costs the one request that is late; Envoy closes the connection, with all that waits there. "
          "Heavy commands, scripts and requests of 1MiB or more have timeouts.heavy, 30s.");
    }
    for (const TreeValue& option : settings.values) {
      const bool is_read =
          std::ranges::any_of(kReadSettings, [&](std::string_view name) { return Field(&settings, name) == &option; });
      if (is_read || option.text == "false" || option.text == "MASTER" || option.text == "PRIMARY") continue;
      Lost(path_, option, "has no counterpart.");
      if (&option == Field(&settings, "read_policy"))
        draft_.SayOtherwise("Reads go to the primaries, whatever read_policy says.");
      if (&option == Field(&settings, "enable_redirection"))
        draft_.SayOtherwise("MOVED and ASK are passed on to clients and not followed.");
    }
  }

  void ImportOthers(const TreeValue& config) {
    for (const TreeValue& option : config.values) {
      const auto is = [&](std::string_view name) { return Field(&config, name) == &option; };
      if (option.key == "@type" || is("settings") || is("prefix_routes") || is("cluster")) {
        continue;
      }
      const bool is_login = option.key.starts_with("downstream") || option.key.starts_with("external");
      Lost(path_, option, is_login ? "is not taken over: see password_file." : "has no counterpart.");
      if (is_login)
        draft_.SayOtherwise("Clients log in only where their listener has a password_file; here it has none.");
    }
  }

  const TreeValue& said_;
  const TreeValue& filter_;
  EnvoyClusters& clusters_;
  Draft& draft_;
  std::string path_;
  std::vector<Route> routes_;
};

void ImportEnvoyListener(const TreeValue& listener, EnvoyClusters& clusters, Draft& draft) {
  bool has_redis = false;
  for (const TreeValue* chain : Elements(Field(&listener, "filter_chains"))) {
    for (const TreeValue* filter : Elements(Field(chain, "filters"))) {
      if (!IsRedisProxy(*filter)) continue;
      has_redis = true;
      EnvoyListener(listener, *filter, clusters, draft).Import();
    }
  }
  if (has_redis) return;
  const TreeValue* name = Field(&listener, "name");
  draft.Comment("listeners", "The listener " + (name == nullptr ? "" : Quote(name->text) + " ") + "of " +
                                 LineOf(listener) + " has no redis_proxy, and is left out.");
}

void ImportEnvoyAdmin(const TreeValue& admin, Draft& draft) {
  const TreeValue* said = Field(&admin, "address");
  if (said == nullptr) return;
  const std::optional<Address> address = ReadEnvoyAddress(draft, *said);
  if (!address) return;
  if (!address->is_unix() && IsLoopback(*address)) {
    draft.config.admin.listen = *address;
  } else {
    draft.Comment("admin.listen", "Envoy's admin port is at " + address->ToString() +
                                      "; beyond loopback it requires a token_file here, so it stays at the default.");
  }
}

}  // namespace

void ImportEnvoy(const TreeValue& root, Draft& draft) {
  if (!ExpectMap(draft, root)) return;
  const TreeValue* resources = Field(&root, "static_resources");
  if (const TreeValue* admin = Field(&root, "admin")) ImportEnvoyAdmin(*admin, draft);
  if (const TreeValue* dynamic = Field(&root, "dynamic_resources")) {
    draft.Comment("listeners",
                  "dynamic_resources of " + LineOf(*dynamic) + " cannot be imported: they are not in the file.");
  }
  const TreeValue* listeners = Field(resources, "listeners");
  if (listeners == nullptr) return draft.Fail(root, "lacks static_resources with listeners");
  EnvoyClusters clusters(Field(resources, "clusters"), draft);
  for (const TreeValue* listener : Elements(listeners)) ImportEnvoyListener(*listener, clusters, draft);
  if (draft.config.listeners.empty()) draft.Fail(*listeners, "none of them has the filter redis_proxy");
  clusters.CommentOnTheRest();
}

}  // namespace ringproxy::conf
