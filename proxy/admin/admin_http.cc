#include "proxy/admin/admin_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "backends/net/bound_sockets.h"
#include "backends/own_trouble.h"
#include "conf/option_table.h"
#include "conf/values.h"
#include "proxy/admin/admin_origin.h"
#include "proxy/route/router.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

// In time that does not tell how much of the token was right.
bool SameToken(std::string_view given, std::string_view token) {
  if (given.size() != token.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < token.size(); ++i) difference |= static_cast<unsigned>(given[i] ^ token[i]);
  return difference == 0;
}

// Keys may hold any byte, zeros too, which evhttp's own parser of queries takes for an end.
std::string Decoded(std::string_view text) {
  const std::string terminated(text);
  size_t size = 0;
  char* const decoded = evhttp_uridecode(terminated.c_str(), 1, &size);
  if (decoded == nullptr) return terminated;
  std::string result(decoded, size);
  std::free(decoded);
  return result;
}

AdminHttp::Query ParseQuery(std::string_view text) {
  AdminHttp::Query query;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    query[Decoded(pair.substr(0, equals))] = Decoded(pair.substr(std::min(equals + 1, pair.size())));
  }
  return query;
}

// As they stand in the file.
json GroupsOf(const conf::Pool& pool) {
  json groups = json::array();
  for (const conf::KeyGroup& group : pool.groups) {
    json entry = json::object();
    if (group.set != conf::GroupSet::kNone) entry["set"] = conf::NameOf(group.set);
    if (!group.pattern.empty()) entry["pattern"] = group.pattern;
    if (!group.tag.empty()) entry["tag"] = group.tag;
    groups.push_back(std::move(entry));
  }
  return groups;
}

// By default evhttp closes a socket before its bufferevent, whose callback may still run, takes the number out of
// epoll: by then it may be another thread's new connection. This bufferevent closes the socket itself, as its last act.
bufferevent* NewConnection(event_base* base, void*) {
  return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

// A client waits and cannot be accepted: it would wake the loop again and again. The loop is gone with the process, so
// the listener is there when the pause ends.
void PauseListener(evconnlistener* listener, void*) {
  const auto now = std::chrono::time_point_cast<net::Duration>(std::chrono::steady_clock::now());
  backends::NoteOwnTrouble(backends::Attempt::kAdmin, EVUTIL_SOCKET_ERROR(), now);
  evconnlistener_disable(listener);
  constexpr timeval kPause{0, 100'000};
  event_base_once(
      evconnlistener_get_base(listener), -1, EV_TIMEOUT,
      [](evutil_socket_t, short, void* paused) { evconnlistener_enable(static_cast<evconnlistener*>(paused)); },
      listener, &kPause);
}

}  // namespace

AdminReply JsonReply(int status, const json& body) {
  // Node names and keys may hold any bytes; invalid UTF-8 must not throw.
  return {status, body.dump(2, ' ', false, json::error_handler_t::replace) + "\n"};
}

AdminReply JsonError(int status, const std::string& text) {
  return JsonReply(status, {{"error", text}});
}

struct AdminHttp::Page {
  const char* path;
  AdminReply (AdminHttp::*get)(const Query&) const;
  bool open;  // Served without the token.
  const char* help;
};

const AdminHttp::Page AdminHttp::kPages[] = {
    {"/metrics", &AdminHttp::Metrics, true, "counters and histograms, Prometheus text"},
    {"/healthz", &AdminHttp::Health, true, "the process lives"},
    {"/readyz", &AdminHttp::Ready, true, "it serves: each pool has a usable node, and it is not draining"},
    {"/api/v1/pools", &AdminHttp::Pools, false, "pools, nodes and their state"},
    {"/api/v1/nodes", &AdminHttp::Nodes, false,
     "each node's state, why and since when, and what its name resolved to; ?pool=P. POST /api/v1/nodes/NAME/drain, "
     "disable or enable; ?pool=P"},
    {"/api/v1/locate", &AdminHttp::Locate, false, "?pool=P&key=K: the node that owns the key"},
    {"/api/v1/limits", &AdminHttp::Limits, false, "each limit, what it has decided and what is left"},
    {"/api/v1/limits/explain", &AdminHttp::ExplainLimits, false,
     "?command=GET+cart:1&listener=L&ip=A&user=U: the limits that concern a request, and what they would say"},
    {"/api/v1/commands", &AdminHttp::Commands, false,
     "what is known of each Redis command, and whether it stands in the configuration; ?name=N"},
    {"/api/v1/skew", &AdminHttp::Skew, false, "each node's share of the requests in the last minute and hour; ?pool=P"},
    {"/api/v1/hotkeys", &AdminHttp::HotKeysPage, false,
     "the most frequent keys, about of the last minute, and those with the largest requests or replies, about of the "
     "last hour; ?pool=P&limit=20"},
};

void AdminHttp::FreeHttp::operator()(evhttp* http) const {
  evhttp_free(http);
}

AdminHttp::AdminHttp(std::shared_ptr<const Snapshot> snapshot, const backends::NodeRegistry& nodes)
    : snapshot_(std::move(snapshot)), nodes_(nodes), ring_shares_(MeasureRingShares(*snapshot_)) {}

AdminHttp::~AdminHttp() = default;

bool AdminHttp::Listen(event_base* base, std::string* error) {
  const conf::Admin& admin = snapshot_->config.admin;
  http_.reset(evhttp_new(base));
  // evhttp refuses all other methods itself, and it has no bounds of its own: whoever reaches the port could make it
  // buffer without end, or hold one of the few descriptors that are reserved for the port.
  evhttp_set_allowed_methods(http_.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
  evhttp_set_max_headers_size(http_.get(), 16 << 10);
  evhttp_set_max_body_size(http_.get(), 64 << 10);
  evhttp_set_timeout(http_.get(), 30);
  evhttp_set_bevcb(http_.get(), NewConnection, nullptr);
  evhttp_set_gencb(
      http_.get(), [](evhttp_request* request, void* self) { static_cast<AdminHttp*>(self)->Serve(request); }, this);
  const std::vector<int> sockets = net::BindAndListen({admin.listen.host, admin.listen.port, ""}, error);
  for (const int fd : sockets) {
    evhttp_bound_socket* socket = evhttp_accept_socket_with_handle(http_.get(), fd);
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(socket), PauseListener);
    port_ = net::PortOf(net::BoundAddress(fd));
  }
  return !sockets.empty();
}

std::optional<AdminReply> AdminHttp::Refusal(evhttp_request* request, const Page* page, bool is_post) const {
  const conf::Admin& admin = snapshot_->config.admin;
  const auto header = [&](const char* name) -> std::optional<std::string_view> {
    const char* value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value != nullptr ? std::optional<std::string_view>(value) : std::nullopt;
  };
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = header("Authorization").value_or("");
  const bool has_token =
      !admin.token.empty() && given.starts_with(kScheme) && SameToken(given.substr(kScheme.size()), admin.token);
  // Probes and most scrapers send no token, so what is open to them must never show a client's key.
  const bool is_open = page != nullptr && page->open && !is_post;
  if (!has_token && !is_open && !admin.token.empty()) return JsonError(401, "a bearer token is needed");
  const AskedFrom from{header("Host"), header("Origin"), header("Sec-Fetch-Site")};
  std::string foreign = is_post ? WhyForeignOrigin(admin, from) : std::string();
  // No page of another site knows the token.
  if (foreign.empty() && !has_token && !is_open) foreign = WhyForeignHost(admin, from);
  return foreign.empty() ? std::nullopt : std::optional(JsonError(403, foreign));
}

void AdminHttp::Serve(evhttp_request* request) {
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* raw_path = uri != nullptr ? evhttp_uri_get_path(uri) : nullptr;
  const std::string path = raw_path != nullptr ? raw_path : "";
  const char* raw_query = uri != nullptr ? evhttp_uri_get_query(uri) : nullptr;
  const Query query = ParseQuery(raw_query != nullptr ? raw_query : "");
  const auto* page = std::ranges::find(kPages, path, &Page::path);
  const bool is_post = evhttp_request_get_command(request) == EVHTTP_REQ_POST;
  const std::optional<AdminReply> refusal = Refusal(request, page != std::end(kPages) ? page : nullptr, is_post);
  // Only the path of a POST bears a name, which may hold escaped bytes.
  const AdminReply reply = refusal ? *refusal : is_post ? Post(Decoded(path), query) : Get(path, query);
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", reply.type);
  // HTTP demands this header with every 401: clients learn by it how to authenticate.
  if (reply.status == 401) evhttp_add_header(headers, "WWW-Authenticate", "Bearer");
  evbuffer* body = evbuffer_new();
  evbuffer_add(body, reply.body.data(), reply.body.size());
  evhttp_send_reply(request, reply.status, nullptr, body);
  evbuffer_free(body);
}

AdminReply AdminHttp::Get(const std::string& path, const Query& query) const {
  for (const Page& page : kPages) {
    if (path == page.path) return (this->*page.get)(query);
  }
  json pages = json::object();
  for (const Page& page : kPages) pages[page.path] = page.help;
  return JsonReply(404, {{"error", "no such page: " + path}, {"pages", pages}});
}

AdminReply AdminHttp::Metrics(const Query&) const {
  // 0.0.4 is the version of Prometheus' text format.
  return {200, MetricsText(*snapshot_, workers_, nodes_, ring_shares_, *limits_, *memory_),
          "text/plain; version=0.0.4; charset=utf-8"};
}

AdminReply AdminHttp::Health(const Query&) const {
  // That it answers is all it says: an orchestrator that restarted proxies whose nodes are down would help nobody.
  return {200, "ok\n", "text/plain"};
}

AdminReply AdminHttp::Ready(const Query&) const {
  std::string reasons;
  // A load balancer is to send no new clients while those that are here still get their replies.
  if (draining_) reasons += "draining\n";
  for (size_t p = 0; p < snapshot_->pools.size(); ++p) {
    // A pool that has lost some of its nodes still serves the keys of the others, and all other pools: a load balancer
    // that took the proxy out for it would make the damage larger.
    const bool usable =
        std::ranges::any_of(snapshot_->pools[p].nodes, [](const auto& node) { return node->IsUsable(); });
    if (!usable) reasons += "pool " + snapshot_->config.pools[p].name + " has no usable node\n";
  }
  return {reasons.empty() ? 200 : 503, reasons.empty() ? "ready\n" : reasons, "text/plain"};
}

AdminReply AdminHttp::Pools(const Query&) const {
  json pools = json::array();
  for (size_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    json nodes = json::array();
    for (uint32_t n = 0; n < pool.nodes.size(); ++n) {
      const backends::NodeRecord& node = *snapshot_->pools[p].nodes[n];
      nodes.push_back({{"name", pool.nodes[n].name},
                       {"address", pool.nodes[n].address.ToString()},
                       {"weight", pool.nodes[n].weight},
                       {"slots", pool.nodes[n].slots},
                       {"share", ring_shares_[p][n]},
                       {"up", node.IsUp()},
                       {"in_flight", node.Sum(&backends::NodeStats::in_flight)},
                       {"requests", node.Sum(&backends::NodeStats::requests)},
                       {"failures", node.Sum(&backends::NodeStats::failures)},
                       {"timeouts", node.Sum(&backends::NodeStats::timeouts)}});
    }
    pools.push_back({{"name", pool.name},
                     {"protocol", conf::NameOf(pool.protocol)},
                     {"ring",
                      {{"algorithm", conf::NameOf(pool.ring.algorithm)},
                       {"virtual_nodes", conf::VirtualNodesOf(pool.ring)},
                       {"table_size", pool.ring.table_size},
                       {"hash", conf::NameOf(conf::HashOf(pool.ring))},
                       {"hash_tag", conf::HashTagOf(pool.ring)}}},
                     {"groups", GroupsOf(pool)},
                     {"nodes", nodes}});
  }
  return JsonReply(200, {{"pools", pools}});
}

AdminReply AdminHttp::Locate(const Query& query) const {
  const auto pool_name = query.find("pool");
  const auto key = query.find("key");
  if (pool_name == query.end() || key == query.end()) return JsonError(400, "give ?pool=P&key=K");
  const auto& pools = snapshot_->config.pools;
  const auto pool = std::ranges::find(pools, pool_name->second, &conf::Pool::name);
  if (pool == pools.end()) return JsonError(404, "no pool is called " + pool_name->second);
  const PoolSnapshot& routing = snapshot_->pools[static_cast<size_t>(pool - pools.begin())];
  const uint64_t hash = KeyHash(routing, key->second);
  const conf::Node& node = pool->nodes[routing.ring->Pick(hash)];
  // As text: JSON's numbers lose bits above 2^53 in most readers.
  return JsonReply(200, {{"pool", pool->name},
                         {"key", key->second},
                         {"hashed_part", routing.hash.HashedPart(key->second)},
                         {"hash", std::to_string(hash)},
                         {"node", node.name},
                         {"address", node.address.ToString()}});
}

}  // namespace ringproxy::proxy
