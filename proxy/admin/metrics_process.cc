#include "backends/own_trouble.h"
#include "conf/version.h"
#include "proxy/admin/metrics_families.h"
#include "proxy/control/descriptors.h"
#include "proxy/control/log.h"
#include "proxy/control/process_memory.h"

namespace ringproxy::proxy {
namespace {

void AddOwnTroubles(Families& families) {
  using backends::Attempt;
  const auto count = [](Attempt attempt) { return static_cast<double>(backends::OwnTroubles(attempt)); };
  MetricFamily& errors = families.Add(
      "descriptor_errors_total", MetricType::Counter,
      "Connections that could not be had for want of a descriptor, memory or a port; never held against a node.");
  for (const Attempt attempt : backends::kAttempts) AddValue(errors, {{"what", NameOf(attempt)}}, count(attempt));
  AddValue(families.Add("accept_errors_total", MetricType::Counter,
                        "Times that waiting clients, of the admin port too, could not be accepted."),
           {}, count(Attempt::kAccept) + count(Attempt::kAdmin));
}

void AddDescriptors(Families& families) {
  MetricFamily& descriptors =
      families.Add("descriptors", MetricType::Gauge,
                   "Open descriptors of the process (used), and the most that it may have (limit).");
  AddValue(descriptors, {{"what", "used"}}, static_cast<double>(DescriptorsUsed()));
  AddValue(descriptors, {{"what", "limit"}}, static_cast<double>(DescriptorLimit()));
}

struct MemoryRow {
  const char* what;
  backends::Counter MemoryStats::*counter;
};

constexpr MemoryRow kMemory[] = {
    {"blocks", &MemoryStats::blocks_in_use},
    {"kept", &MemoryStats::blocks_kept},
    {"requests", &MemoryStats::requests},
    {"replies", &MemoryStats::replies},
};

void AddMemory(AllStats workers, const net::ProcessMemory& memory, Families& families) {
  MetricFamily& bytes = families.Add(
      "memory_bytes", MetricType::Gauge,
      "Memory of the process (resident) and the most that it may have (limit). Of it the blocks that hold what clients "
      "and nodes said (blocks), of those what clients have sent and is not taken yet (requests) and what they have "
      "still to be given (replies); blocks that are kept for the next ones (kept).");
  AddValue(bytes, {{"what", "resident"}}, static_cast<double>(ResidentBytes()));
  AddValue(bytes, {{"what", "limit"}}, static_cast<double>(memory.limit()));
  for (const MemoryRow& row : kMemory) {
    uint64_t total = 0;
    for (const auto& worker : workers) total += (worker->memory.*row.counter).value();
    AddValue(bytes, {{"what", row.what}}, static_cast<double>(total));
  }
}

// How late a worker is for its clients, and how much more it could do.
void AddLoops(AllStats workers, Families& families) {
  MetricFamily& busy = families.Add("worker_busy_ratio", MetricType::Gauge,
                                    "Share of the last second in which the worker did not wait for events.");
  MetricFamily& delay = families.Add(
      "worker_loop_delay_seconds", MetricType::Histogram,
      "How long each turn of the worker's loop took, for which whatever becomes ready meanwhile has to wait.");
  for (size_t w = 0; w < workers.size(); ++w) {
    const Labels labels{{"worker", std::to_string(w)}};
    const backends::Histogram* const turns = &workers[w]->loop.delay();
    AddValue(busy, labels, workers[w]->loop.busy_ratio());
    AddHistogram(delay, labels, {&turns, 1});
  }
}

}  // namespace

void AddProcess(AllStats workers, const net::ProcessMemory& memory, Families& families) {
  MetricFamily& errors = families.Add("errors_total", MetricType::Counter, "Errors that the proxy itself answered.");
  // Codes that never occurred are shown too: a series that begins with its first error shows no increase at that
  // moment.
  for (size_t code = 0; code < wire::kErrorCodes; ++code) {
    uint64_t total = 0;
    for (const auto& worker : workers) total += worker->errors[code].value();
    AddValue(errors, {{"code", std::string(wire::ErrorName(static_cast<wire::ErrorCode>(code)))}},
             static_cast<double>(total));
  }
  uint64_t stale = 0;
  for (const auto& worker : workers) stale += worker->clients.stale_replies.value();
  AddValue(families.Add("stale_replies_total", MetricType::Counter, "Replies for clients that had left."), {},
           static_cast<double>(stale));
  uint64_t subscriptions = 0;
  for (const auto& worker : workers) subscriptions += worker->clients.subscriptions.value();
  AddValue(families.Add("subscriptions", MetricType::Gauge,
                        "Channels and patterns that clients listen to, each client's counted."),
           {}, static_cast<double>(subscriptions));
  MetricFamily& partial = families.Add("partial_replies_total", MetricType::Counter,
                                       "Multi-gets of which some nodes failed, by what the client got.");
  const auto add_partial = [&](const char* outcome, backends::Counter PartialStats::*counter) {
    uint64_t total = 0;
    for (const auto& worker : workers) total += (worker->partial.*counter).value();
    AddValue(partial, {{"outcome", outcome}}, static_cast<double>(total));
  };
  add_partial("error", &PartialStats::errors);
  add_partial("miss", &PartialStats::misses);
  MetricFamily& sessions = families.Add("worker_sessions", MetricType::Gauge, "Client connections of each worker.");
  for (size_t w = 0; w < workers.size(); ++w) {
    AddValue(sessions, {{"worker", std::to_string(w)}}, static_cast<double>(workers[w]->clients.open.value()));
  }
  AddLoops(workers, families);
  AddOwnTroubles(families);
  AddDescriptors(families);
  AddMemory(workers, memory, families);
  AddValue(families.Add("log_lines_dropped_total", MetricType::Counter,
                        "Lines of the log that could not be written, or came faster than they could be."),
           {}, static_cast<double>(LogLinesDropped()));
  // This release never goes over to another configuration while it runs: see Server::OnSignal.
  AddValue(families.Add("config_version", MetricType::Gauge, "Number of the configuration in force."), {}, 1);
  AddValue(families.Add("build_info", MetricType::Gauge, "Always 1; the label says which release runs."),
           {{"version", std::string(conf::Version())}}, 1);
}

}  // namespace ringproxy::proxy
