#include "proxy/observe/info_text.h"

#include <algorithm>
#include <concepts>

#include "backends/wire/ascii.h"
#include "conf/version.h"

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

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

void Server(const ProxyFacts& facts, std::string* text) {
  // A library that reads `cluster` here asks for slots and connects to the nodes past the proxy.
  Line("redis_mode", "standalone", text);
  Line("ringproxy_version", conf::Version(), text);
  Line("process_id", facts.process_id, text);
  Line("tcp_port", facts.tcp_port, text);
}

// A node counts links, which clients share and of which one that waits may have several. Who reads this compares it
// with CLIENT LIST, and nobody can track keys here.
void Clients(const ProxyFacts& facts, std::string* text) {
  Line("connected_clients", facts.of_listener.connected, text);
  Line("blocked_clients", facts.of_listener.blocked, text);
  Line("tracking_clients", 0, text);
}

// Clients wait for loading:0 before they send anything, and the nodes that do not load serve them.
void Persistence(const ProxyFacts&, std::string* text) {
  Line("loading", 0, text);
}

void Replication(const ProxyFacts&, std::string* text) {
  // Libraries send writes only to a master.
  Line("role", "master", text);
  Line("connected_slaves", 0, text);
  // Nobody can replicate from a proxy; what reads these fields finds that nothing ever changes.
  Line("master_replid", std::string(40, '0'), text);
  Line("master_repl_offset", 0, text);
}

void Cluster(const ProxyFacts&, std::string* text) {
  Line("cluster_enabled", 0, text);
}

void AppendPools(const ProxyFacts& facts, std::string* text) {
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

// What is of the proxy itself; the nodes' own is in the other sections, under the names of Redis.
void Ringproxy(const ProxyFacts& facts, std::string* text) {
  Line("ringproxy_uptime_in_seconds", facts.uptime.count(), text);
  Line("ringproxy_workers", facts.workers, text);
  Line("ringproxy_connected_clients", facts.clients, text);
  Line("ringproxy_maxclients", facts.max_clients, text);
  Line("ringproxy_used_memory_rss", facts.resident_bytes, text);
  Line("ringproxy_total_connections_received", facts.accepted_total, text);
  Line("ringproxy_total_commands_processed", facts.requests_total, text);
  Line("ringproxy_total_net_input_bytes", facts.bytes_in_total, text);
  Line("ringproxy_total_net_output_bytes", facts.bytes_out_total, text);
  Line("ringproxy_total_error_replies", facts.errors_total, text);
  Line("ringproxy_used_cpu_sys", Seconds(facts.cpu_system), text);
  Line("ringproxy_used_cpu_user", Seconds(facts.cpu_user), text);
  AppendPools(facts, text);
}

// The sections of Redis in its order. `own`: what the proxy says itself, whatever nodes say of it. `of_nodes`: the rest
// is theirs.
struct SectionRow {
  std::string_view name;
  bool is_default;
  void (*own)(const ProxyFacts&, std::string*);
  bool of_nodes;
};

constexpr SectionRow kSections[] = {
    {"Server", true, Server, true},         {"Clients", true, Clients, true},
    {"Memory", true, nullptr, true},        {"Persistence", true, Persistence, true},
    {"Stats", true, nullptr, true},         {"Replication", true, Replication, false},
    {"CPU", true, nullptr, true},           {"Modules", true, nullptr, true},
    {"Commandstats", false, nullptr, true}, {"Errorstats", true, nullptr, true},
    {"Latencystats", false, nullptr, true}, {"Cluster", true, Cluster, false},
    {"Keyspace", true, nullptr, true},      {"Ringproxy", true, Ringproxy, false},
};

const SectionRow* FindSection(std::string_view name) {
  const auto row = std::ranges::find(kSections, name, &SectionRow::name);
  return row == std::end(kSections) ? nullptr : row;
}

// By this clients choose features: of those nodes that have told it just now, and of the others what is known.
backends::ServerVersion LeastVersion(const ProxyFacts& facts, const FleetReport& report) {
  backends::ServerVersion told;
  if (const ReportSection* const server = report.Find("Server")) {
    const auto line = std::ranges::find(server->lines, "redis_version", &ReportLine::name);
    if (line != server->lines.end()) told = backends::ServerVersion::Parse(line->value);
  }
  const backends::ServerVersion known = facts.redis_version;
  if (told.is_known() && known.is_known()) return std::min(told, known);
  return told.is_known() ? told : known.is_known() ? known : kTableVersion;
}

bool SaysItself(std::string_view own, std::string_view name) {
  // Each line of `own` ends with a line end, and no value holds one.
  for (size_t at = 0; at < own.size(); at = own.find('\n', at) + 1) {
    const std::string_view rest = own.substr(at);
    if (rest.starts_with(name) && rest.substr(name.size()).starts_with(':')) return true;
  }
  return false;
}

void AppendSection(std::string_view name, std::string_view own, const ReportSection* told, std::string* text) {
  if (!text->empty()) text->append("\r\n");
  text->append("# ").append(name).append("\r\n").append(own);
  if (told == nullptr) return;
  for (const ReportLine& line : told->lines) {
    if (!SaysItself(own, line.name)) Line(line.name, line.value, text);
  }
}

}  // namespace

InfoSections::InfoSections(const wire::Request& request, size_t first) {
  default_ = request.size() <= first;
  for (size_t i = first; i < request.size(); ++i) {
    const std::string_view word = request[i];
    if (wire::EqualsIgnoringCase(word, "default")) {
      default_ = true;
    } else if (wire::EqualsIgnoringCase(word, "all")) {
      default_ = all_ = true;
    } else if (wire::EqualsIgnoringCase(word, "everything")) {
      default_ = all_ = everything_ = true;
    } else if (word.size() <= kLongestName && names_.size() < kMostNames) {
      names_.emplace_back(word);
    }
  }
}

bool InfoSections::Wants(std::string_view section) const {
  const SectionRow* const row = FindSection(section);
  if (row != nullptr ? (row->is_default && default_) || all_ : everything_) return true;
  return std::ranges::any_of(names_, [&](const std::string& name) {
    // Sections that modules make have names of their own; this word stands for all of them.
    const bool is_of_module = row == nullptr && wire::EqualsIgnoringCase(name, "modules");
    const bool is_list = section == "Modules" && wire::EqualsIgnoringCase(name, "module_list");
    return is_of_module || is_list || wire::EqualsIgnoringCase(section, name);
  });
}

bool InfoSections::needs_nodes() const {
  if (default_) return true;
  return std::ranges::any_of(names_, [](const std::string& name) {
    return std::ranges::none_of(
        kSections, [&](const SectionRow& row) { return !row.of_nodes && wire::EqualsIgnoringCase(row.name, name); });
  });
}

bool InfoSections::is_default() const {
  if (all_ || everything_) return false;
  return std::ranges::all_of(names_, [](const std::string& name) {
    return std::ranges::any_of(kSections, [&](const SectionRow& row) {
      return row.is_default && row.name != "Modules" &&
             wire::EqualsIgnoringCase(row.name, name);  // That word stands for more.
    });
  });
}

std::string InfoText(const ProxyFacts& facts, const FleetReport& report, const InfoSections& sections) {
  std::string text;
  std::string own;
  for (const SectionRow& row : kSections) {
    // Those of modules stand before the proxy's own.
    if (row.own == Ringproxy) {
      for (const ReportSection& told : report.sections) {
        if (FindSection(told.name) == nullptr && sections.Wants(told.name)) AppendSection(told.name, {}, &told, &text);
      }
    }
    if (!sections.Wants(row.name)) continue;
    own.clear();
    if (row.own == Server) Line("redis_version", LeastVersion(facts, report).text(), &own);
    if (row.own != nullptr) row.own(facts, &own);
    if (row.own == Ringproxy && report.nodes > 0) {
      Line("ringproxy_nodes", report.nodes, &own);
      if (!report.silent.empty()) Line("ringproxy_nodes_silent", Joined(report.silent), &own);
      if (!report.differing.empty()) Line("ringproxy_nodes_differ", Joined(report.differing), &own);
    }
    AppendSection(row.name, own, row.of_nodes ? report.Find(row.name) : nullptr, &text);
  }
  return text;
}

}  // namespace ringproxy::proxy
