// The admin port's page about the command table: each row, and where it comes from.
#include <nlohmann/json.hpp>

#include "backends/wire/command.h"
#include "proxy/admin/admin_http.h"
#include "proxy/route/learnt_commands.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

std::string_view WordFor(wire::Access access) {
  switch (access) {
    case wire::Access::kRead: return "read";
    case wire::Access::kWrite: return "write";
    case wire::Access::kAdmin: return "admin";
    case wire::Access::kOther: break;
  }
  return "other";
}

// As `commands` of the configuration has them, where it has them.
std::string_view WordFor(wire::Handling handling) {
  switch (handling) {
    case wire::Handling::kForward:
    case wire::Handling::kPinned:
    case wire::Handling::kScript: return "forward";
    case wire::Handling::kSplit: return "split";
    case wire::Handling::kControl:
    case wire::Handling::kAllNodes: return "all_nodes";
    case wire::Handling::kAnyNode: return "any_node";
    case wire::Handling::kOneNode: return "one_node";
    case wire::Handling::kCursor: return "cursor";
    case wire::Handling::kLocal: return "local";
    case wire::Handling::kPubSub: return "pubsub";
    case wire::Handling::kServers: return "servers";
    case wire::Handling::kClients: return "clients";
    case wire::Handling::kListing:  // memcached's, as below.
    case wire::Handling::kRefused: break;
  }
  return "refuse";
}

std::string_view WordFor(wire::Merge merge) {
  switch (merge) {
    case wire::Merge::kInKeyOrder:
    case wire::Merge::kOwnInKeyOrder: return "in_key_order";
    case wire::Merge::kSum: return "sum";
    case wire::Merge::kLeast: return "least";
    case wire::Merge::kAllOk: return "all_ok";
    case wire::Merge::kConcat: return "concat";
    case wire::Merge::kFirst: return "first";
    case wire::Merge::kEveryElementAnd: return "every_element_and";
    case wire::Merge::kAnyNonNil: return "any_non_nil";
    case wire::Merge::kAnyOk: return "any_ok";
    default: break;  // Those of memcached, whose commands are not shown.
  }
  return "none";
}

json KeysJson(const wire::KeySpec& keys) {
  switch (keys.kind) {
    case wire::KeyKind::kNone: return "none";
    case wire::KeyKind::kOne:
    case wire::KeyKind::kRange: return {{"first", keys.first}, {"last", keys.last}, {"step", keys.step}};
    case wire::KeyKind::kCounted: return {{"count_at", keys.first}, {"step", keys.step}};
    case wire::KeyKind::kDestinationAndCounted: return {{"first", 1}, {"count_at", 2}, {"step", 1}};
    case wire::KeyKind::kStreams:
    case wire::KeyKind::kSort:
    case wire::KeyKind::kGeoStore:
    case wire::KeyKind::kMigrate: break;
  }
  return "by its options";
}

std::string ReleaseText(uint32_t number) {
  return std::to_string(number / 10'000) + "." + std::to_string(number / 100 % 100) + "." +
         std::to_string(number % 100);
}

json RowJson(const wire::CommandSpec& spec) {
  json row = {{"name", spec.name},
              {"arity", spec.arity},
              {"access", WordFor(spec.access)},
              {"handling", WordFor(spec.handling)},
              {"merge", WordFor(spec.merge)},
              {"keys", KeysJson(spec.keys)},
              {"heavy", spec.weight == wire::Weight::kHeavy},
              {"source", spec.is_learnt       ? "learnt"
                         : spec.is_configured ? "configured"
                                              : "built_in"}};
  if (!spec.why.empty()) row["why"] = spec.why;
  if (wire::NeedsAdmin(spec)) row["needs"] = "admin_commands";
  if (spec.since == wire::FirstReleases{}) return row;
  json since = json::object();
  if (spec.since.redis != wire::kNoRelease) since["redis"] = ReleaseText(spec.since.redis);
  if (spec.since.valkey != wire::kNoRelease) since["valkey"] = ReleaseText(spec.since.valkey);
  row["since"] = since;
  return row;
}

}  // namespace

AdminReply AdminHttp::Commands(const Query& query) const {
  json rows = json::array();
  const auto is_wanted = [&](const wire::CommandSpec& spec) {
    return !query.contains("name") || query.at("name") == spec.name;
  };
  for (const wire::CommandSpec& spec : wire::RedisCommands()) {
    if (is_wanted(spec) && !IsRowOfClass(spec)) rows.push_back(RowJson(spec));
  }
  for (size_t l = 0; l < snapshot_->listeners.size(); ++l) {
    for (const wire::CommandSpec* spec : snapshot_->listeners[l].learnt_rows()) {
      if (!is_wanted(*spec)) continue;
      rows.push_back(RowJson(*spec));
      rows.back()["listener"] = snapshot_->config.listeners[l].name;
    }
  }
  if (rows.empty()) return JsonError(404, "no command is called " + query.at("name"));
  return JsonReply(200, {{"commands", rows}});
}

}  // namespace ringproxy::proxy
