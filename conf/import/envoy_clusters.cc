#include "conf/import/envoy_clusters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "ring/maglev_ring.h"

namespace ringproxy::conf {

namespace {

constexpr double kMostSeconds = 1e9;

// What is read elsewhere.
constexpr auto kReadFields = std::to_array<std::string_view>(
    {"name", "type", "cluster_type", "lb_policy", "load_assignment", "hosts", "connect_timeout", "maglev_lb_config"});

std::string CamelCase(std::string_view name) {
  std::string camel;
  bool raise = false;
  for (const char c : name) {
    if (c == '_') {
      raise = true;
      continue;
    }
    camel += raise && c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    raise = false;
  }
  return camel;
}

std::string TextOf(const TreeValue* value) {
  return value == nullptr ? "" : value->text;
}

std::optional<double> ReadSeconds(std::string_view text) {
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || rest != end || !(seconds >= 0) || seconds > kMostSeconds) return std::nullopt;
  return seconds;
}

}  // namespace

const TreeValue* Field(const TreeValue* message, std::string_view name) {
  if (message == nullptr) return nullptr;
  const TreeValue* found = message->Find(name);
  return found != nullptr ? found : message->Find(CamelCase(name));
}

std::vector<const TreeValue*> Elements(const TreeValue* repeated) {
  std::vector<const TreeValue*> elements;
  if (repeated == nullptr || repeated->kind == TreeKind::kEmpty) return elements;
  if (repeated->kind != TreeKind::kList) return {repeated};
  for (const TreeValue& element : repeated->values) elements.push_back(&element);
  return elements;
}

std::optional<microseconds> ReadEnvoyDuration(Draft& draft, const TreeValue& value) {
  std::optional<double> length_s;
  if (value.kind == TreeKind::kMap) {
    const std::string whole = TextOf(value.Find("seconds")), nanos = TextOf(value.Find("nanos"));
    const std::optional<double> parts[] = {ReadSeconds(whole.empty() ? "0" : whole),
                                           ReadSeconds(nanos.empty() ? "0" : nanos)};
    if (parts[0] && parts[1]) length_s = *parts[0] + *parts[1] / 1e9;
  } else if (value.text.ends_with('s')) {
    length_s = ReadSeconds(std::string_view(value.text).substr(0, value.text.size() - 1));
  }
  if (length_s) return microseconds(std::llround(*length_s * 1e6));
  draft.Fail(value, Quote(value.text) + " is no duration of Envoy, as in 0.25s");
  return std::nullopt;
}

std::optional<Address> ReadEnvoyAddress(Draft& draft, const TreeValue& value) {
  if (const TreeValue* path = Field(Field(&value, "pipe"), "path")) return ReadUnixPath(draft, *path, path->text);
  const TreeValue* address = Field(&value, "socket_address");
  const TreeValue* port = Field(address, "port_value");
  if (address != nullptr && port != nullptr)
    return ReadAddress(draft, *port, TextOf(Field(address, "address")), port->text);
  draft.Fail(value, "has neither a socket_address with a port_value nor a pipe");
  return std::nullopt;
}

std::optional<std::string> EnvoyClusters::Called(const std::string& name, const TreeValue& where) {
  const auto known = names_.find(name);
  if (known != names_.end()) return known->second;
  const TreeValue* found = nullptr;
  for (const TreeValue* cluster : Elements(said_)) {
    if (TextOf(Field(cluster, "name")) == name) found = cluster;
  }
  if (found == nullptr) {
    draft_.Fail(where, "no cluster of static_resources is called " + Quote(name));
    return std::nullopt;
  }
  if (draft_.IsFull(*found)) return std::nullopt;
  Pool& pool = draft_.AddPool(draft_.PoolName(name, "redis"), Protocol::kRedis, *found);
  names_[name] = pool.name;
  Import(*found, pool);
  return names_[name];
}

void EnvoyClusters::CommentOnTheRest() {
  std::string others;
  for (const TreeValue* cluster : Elements(said_)) {
    const std::string name = TextOf(Field(cluster, "name"));
    if (!names_.contains(name)) others += (others.empty() ? "" : ", ") + Quote(name);
  }
  if (!others.empty()) draft_.Comment("pools", "Clusters that no redis_proxy uses are left out: " + others + ".");
}

void EnvoyClusters::Import(const TreeValue& cluster, Pool& pool) {
  const std::string path = Draft::PathOfPool(pool.name);
  if (const TreeValue* timeout = Field(&cluster, "connect_timeout")) {
    if (const auto wait = ReadEnvoyDuration(draft_, *timeout)) {
      draft_.Set(pool.timeouts, &Timeouts::connect, path + ".timeouts", *wait, "connect_timeout: " + timeout->text);
    }
  }
  ImportEndpoints(cluster, pool);
  ImportPolicy(cluster, pool);
  for (const TreeValue& option : cluster.values) ImportOption(option, pool);
}

void EnvoyClusters::ImportEndpoints(const TreeValue& cluster, Pool& pool) {
  const std::string path = Draft::PathOfPool(pool.name);
  draft_.Note(path + ".nodes", cluster);
  for (const TreeValue* host : Elements(Field(&cluster, "hosts"))) {
    if (const auto address = ReadEnvoyAddress(draft_, *host)) draft_.AddNode(pool, "", *address, *host);
  }
  for (const TreeValue* locality : Elements(Field(Field(&cluster, "load_assignment"), "endpoints"))) {
    const TreeValue* priority = Field(locality, "priority");
    if (priority != nullptr && priority->text != "0") {
      draft_.Comment(path + ".nodes",
                     "The endpoints of " + LineOf(*priority) + ", of priority " + priority->text + ", are left out.");
      continue;
    }
    for (const TreeValue* endpoint : Elements(Field(locality, "lb_endpoints"))) ImportEndpoint(*endpoint, pool);
  }
  if (pool.nodes.empty()) draft_.AddUnknownNode(pool, "", cluster, "Envoy has it from a service of its own (EDS).");
  if (TextOf(Field(&cluster, "type")) != "STRICT_DNS" && TextOf(Field(&cluster, "type")) != "strict_dns") return;
  draft_.SayOtherwise(
      "With STRICT_DNS each address of a name is a server of Envoy's ring; here a name is one node, whatever it "
      "resolves to.");
}

void EnvoyClusters::ImportEndpoint(const TreeValue& entry, Pool& pool) {
  const TreeValue* address = Field(Field(&entry, "endpoint"), "address");
  if (address == nullptr) return draft_.Fail(entry, "lacks an endpoint with an address");
  const std::optional<Address> found = ReadEnvoyAddress(draft_, *address);
  if (!found) return;
  const std::string path = Draft::PathOfPool(pool.name) + ".nodes[" + std::to_string(pool.nodes.size()) + "]";
  Node& node = draft_.AddNode(pool, "", *found, *address);
  const TreeValue* weight = Field(&entry, "load_balancing_weight");
  if (weight == nullptr) return;
  if (const auto count = ReadCount(draft_, *weight)) {
    draft_.Set(node, &Node::weight, path, static_cast<uint32_t>(std::min<uint64_t>(*count, UINT32_MAX)),
               "load_balancing_weight: " + weight->text);
  }
}

void EnvoyClusters::ImportPolicy(const TreeValue& cluster, Pool& pool) {
  const std::string path = Draft::PathOfPool(pool.name);
  if (TextOf(Field(Field(&cluster, "cluster_type"), "name")) == "envoy.clusters.redis")
    return draft_.SplitSlots(pool, "Envoy");
  std::string policy = TextOf(Field(&cluster, "lb_policy"));
  std::ranges::transform(policy, policy.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c; });
  const bool is_hashed = policy == "RING_HASH" || policy == "MAGLEV";
  if (policy == "MAGLEV") {
    pool.ring.algorithm = ring::Algorithm::kMaglev;
    const TreeValue* size = Field(Field(&cluster, "maglev_lb_config"), "table_size");
    const uint64_t wanted =
        size == nullptr ? pool.ring.table_size : ReadCount(draft_, *size).value_or(pool.ring.table_size);
    if (wanted <= UINT32_MAX && ring::IsPrime(static_cast<uint32_t>(wanted))) {
      draft_.Set(pool.ring, &RingOptions::table_size, path + ".ring", static_cast<uint32_t>(wanted),
                 "table_size: " + std::to_string(wanted));
    }
  }
  if (pool.nodes.size() < 2) return;
  if (is_hashed) {
    draft_.SayOtherwise(pool.name +
                        ": keys move, since Envoy's hash and rings are none of ours. A cache starts cold; what is "
                        "stored has to be copied, as with MIGRATE.");
    return;
  }
  const std::string shown = policy.empty() ? "ROUND_ROBIN" : policy;
  draft_.Comment(path + ".ring", "lb_policy " + Quote(shown) + " has no counterpart: each key has one node here.");
  draft_.SayOtherwise(pool.name + ": Envoy asks any server for any key (lb_policy " + Quote(shown) +
                      "); here a key has one node, and what lies on the others is not found.");
}

void EnvoyClusters::ImportHealthChecks(const TreeValue& checks, Pool& pool) {
  if (Elements(&checks).empty()) return;
  const std::string path = Draft::PathOfPool(pool.name) + ".health";
  const TreeValue& check = *Elements(&checks).front();
  const auto set = [&](std::string_view name, auto member) {
    const TreeValue* value = Field(&check, name);
    if (value == nullptr) return;
    const std::string said = std::string(name) + ": " + value->text;
    if constexpr (std::is_same_v<decltype(member), microseconds Health::*>) {
      if (const auto wait = ReadEnvoyDuration(draft_, *value)) draft_.Set(pool.health, member, path, *wait, said);
    } else {
      const auto count = ReadCount(draft_, *value);
      if (count)
        draft_.Set(pool.health, member, path, static_cast<uint32_t>(std::min<uint64_t>(*count, UINT32_MAX)), said);
    }
  };
  set("interval", &Health::interval);
  set("timeout", &Health::timeout);
  set("healthy_threshold", &Health::rise);
  set("unhealthy_threshold", &Health::fall);
  const TreeValue* custom = Field(&check, "custom_health_check");
  const TreeValue* config =
      Field(custom, "typed_config") != nullptr ? Field(custom, "typed_config") : Field(custom, "config");
  const TreeValue* redis = custom != nullptr ? config : Field(&check, "redis_health_check");
  const TreeValue* key = Field(redis, "key");
  if (key == nullptr || key->text.empty()) return;
  if (const auto problem = ReadValue(key->text, Text(0, 1024), pool.health.maintenance_key))
    draft_.Fail(*key, problem->text);
}

void EnvoyClusters::ImportLogin(const TreeValue& options, const Pool& pool) {
  const TreeValue* redis = options.Find("envoy.filters.network.redis_proxy");
  if (redis == nullptr) redis = options.Find("envoy.redis_proxy");
  const TreeValue* password = Field(redis, "auth_password");
  if (password == nullptr) return;
  const std::string path = Draft::PathOfPool(pool.name) + ".auth";
  const TreeValue* file = Field(password, "filename");
  const std::string user = TextOf(Field(Field(redis, "auth_username"), "inline_string"));
  draft_.Comment(path, "auth_password of " + LineOf(*password) +
                           (file == nullptr ? ": write it into a file and say here" : ": say here"));
  draft_.Comment(path, "auth: {" + (user.empty() ? "" : "username: " + Quote(user) + ", ") +
                           "password_file: " + (file == nullptr ? "FILE" : Quote(file->text)) + "}");
  draft_.SayOtherwise(pool.name + ": the nodes want a password, whose file has to be named (auth).");
}

void EnvoyClusters::ImportOption(const TreeValue& option, Pool& pool) {
  const std::string path = Draft::PathOfPool(pool.name);
  const auto is = [&](std::string_view name) { return option.key == name || option.key == CamelCase(name); };
  if (std::ranges::any_of(kReadFields, is)) return;
  if (is("health_checks")) {
    ImportHealthChecks(option, pool);
  } else if (is("typed_extension_protocol_options") || is("extension_protocol_options")) {
    ImportLogin(option, pool);
  } else if (is("outlier_detection")) {
    draft_.Comment(path + ".breaker",
                   "outlier_detection of " + LineOf(option) + " has no counterpart of the same options; see breaker.");
  } else if (is("circuit_breakers")) {
    draft_.Comment(path + ".limits",
                   "circuit_breakers of " + LineOf(option) + " have no counterpart; see limits and concurrency.");
  } else if (is("transport_socket") || is("tls_context")) {
    draft_.Comment(path, PathPart(option.key) + " of " + LineOf(option) +
                             " has no counterpart: nodes are connected to without TLS.");
    draft_.SayOtherwise(pool.name + ": nodes are connected to without TLS.");
  } else {
    draft_.Comment(path, PathPart(option.key) + " of " + LineOf(option) + " has no counterpart.");
  }
}

}  // namespace ringproxy::conf
