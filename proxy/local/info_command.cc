// INFO: the proxy's own figures, under the names by which clients and exporters know Redis'.
#include <algorithm>
#include <array>
#include <concepts>

#include "backends/wire/ascii.h"
#include "backends/wire/resp_encode.h"
#include "conf/version.h"
#include "proxy/local/local_handlers.h"

namespace ringproxy::proxy {
namespace {

void Line(std::string_view name, std::string_view value, std::string* text) {
  text->append(name).append(":").append(value).append("\r\n");
}

void Line(std::string_view name, std::integral auto value, std::string* text) {
  Line(name, std::to_string(value), text);
}

std::string Seconds(std::chrono::microseconds time) {
  std::string micros = std::to_string(time.count() % 1'000'000);
  micros.insert(0, 6 - micros.size(), '0');
  return std::to_string(time.count() / 1'000'000).append(".").append(micros);
}

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<char, 4> kUnits = {'B', 'K', 'M', 'G'};
  size_t unit = 0;
  uint64_t hundredths = bytes * 100;
  for (; hundredths >= 102'400 && unit + 1 < kUnits.size(); ++unit) hundredths /= 1024;
  std::string fraction = std::to_string(hundredths % 100);
  fraction.insert(0, 2 - fraction.size(), '0');
  return std::to_string(hundredths / 100).append(".").append(fraction).append(1, kUnits[unit]);
}

void Server(const ProxyFacts& facts, std::string* text) {
  Line("redis_version", kRedisVersion, text);
  // A library that reads `cluster` here asks for slots and connects to the nodes past the proxy.
  Line("redis_mode", "standalone", text);
  Line("ringproxy_version", conf::Version(), text);
  Line("process_id", facts.process_id, text);
  Line("tcp_port", facts.tcp_port, text);
  Line("uptime_in_seconds", facts.uptime.count(), text);
  Line("uptime_in_days", facts.uptime.count() / 86'400, text);
  Line("io_threads_active", facts.workers, text);
}

void Clients(const ProxyFacts& facts, std::string* text) {
  Line("connected_clients", facts.clients, text);
  Line("maxclients", facts.max_clients, text);
  Line("blocked_clients", 0, text);
}

void Memory(const ProxyFacts& facts, std::string* text) {
  Line("used_memory", facts.resident_bytes, text);
  Line("used_memory_human", HumanBytes(facts.resident_bytes), text);
  Line("used_memory_rss", facts.resident_bytes, text);
  // A number here would be read as a bound on data, of which the proxy holds none.
  Line("maxmemory", 0, text);
}

// Clients wait for loading:0 before they send anything.
void Persistence(const ProxyFacts&, std::string* text) {
  Line("loading", 0, text);
}

void Stats(const ProxyFacts& facts, std::string* text) {
  Line("total_connections_received", facts.accepted_total, text);
  Line("total_commands_processed", facts.requests_total, text);
  Line("total_net_input_bytes", facts.bytes_in_total, text);
  Line("total_net_output_bytes", facts.bytes_out_total, text);
  Line("total_error_replies", facts.errors_total, text);
}

void Replication(const ProxyFacts&, std::string* text) {
  // Libraries send writes only to a master.
  Line("role", "master", text);
  Line("connected_slaves", 0, text);
}

void Cpu(const ProxyFacts& facts, std::string* text) {
  Line("used_cpu_sys", Seconds(facts.cpu_system), text);
  Line("used_cpu_user", Seconds(facts.cpu_user), text);
}

void Cluster(const ProxyFacts&, std::string* text) {
  Line("cluster_enabled", 0, text);
}

// Keys are the nodes' affair; DBSIZE adds them up.
void Keyspace(const ProxyFacts&, std::string*) {}

void Ringproxy(const ProxyFacts& facts, std::string* text) {
  size_t node_number = 0;
  for (size_t i = 0; i < facts.pools.size(); ++i) {
    const ProxyFacts::PoolFacts& pool = facts.pools[i];
    std::string fields = std::string("name=").append(pool.name).append(",algorithm=").append(pool.algorithm);
    fields.append(",nodes=").append(std::to_string(pool.nodes.size()));
    fields.append(",nodes_up=")
        .append(std::to_string(std::ranges::count(pool.nodes, true, &ProxyFacts::NodeFacts::up)));
    Line("pool" + std::to_string(i), fields, text);
    for (const ProxyFacts::NodeFacts& node : pool.nodes) {
      fields = std::string("pool=").append(pool.name).append(",name=").append(node.name);
      fields.append(",address=").append(node.address).append(",up=").append(node.up ? "1" : "0");
      fields.append(",requests=").append(std::to_string(node.requests));
      fields.append(",in_flight=").append(std::to_string(node.in_flight));
      Line("node" + std::to_string(node_number++), fields, text);
    }
  }
}

struct Section {
  std::string_view name;
  void (*append)(const ProxyFacts&, std::string*);
};

constexpr Section kSections[] = {
    {"Server", Server},     {"Clients", Clients},         {"Memory", Memory}, {"Persistence", Persistence},
    {"Stats", Stats},       {"Replication", Replication}, {"CPU", Cpu},       {"Cluster", Cluster},
    {"Keyspace", Keyspace}, {"Ringproxy", Ringproxy},
};

bool IsWanted(const wire::Request& request, std::string_view section) {
  constexpr std::string_view kWholesale[] = {"default", "all", "everything"};
  if (request.size() == 1) return true;
  for (size_t i = 1; i < request.size(); ++i) {
    const auto is_it = [&](std::string_view name) { return wire::EqualsIgnoringCase(request[i], name); };
    if (is_it(section) || std::ranges::any_of(kWholesale, is_it)) return true;
  }
  return false;
}

}  // namespace

LocalOutcome AnswerInfo(const LocalCall& call) {
  const ProxyFacts facts = call.view.Facts();
  std::string text;
  for (const Section& section : kSections) {
    if (!IsWanted(call.request, section.name)) continue;
    if (!text.empty()) text.append("\r\n");
    text.append("# ").append(section.name).append("\r\n");
    section.append(facts, &text);
  }
  wire::AppendBulk(text, call.out);
  return LocalOutcome::kAnswered;
}

}  // namespace ringproxy::proxy
