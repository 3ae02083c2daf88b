// proxy/observe/info_desk.h – INFO: asks the nodes of a listener's pools, and answers all who wait for it.
//
// Purpose: of one listener a single question is under way, whoever asks; those who come meanwhile share the next one,
// which begins some time after it: so no crowd of clients makes a node or a worker busy with INFO, and nobody reads
// what was told before he asked. INFO @NODE is passed on to that node.
// Threads: its worker's. Lifetime: all that it is given outlives it. Promise: each ticket is answered once. Bounds: a
// client has one INFO waiting; of a node's reply kMostOfNode is read.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/net/earliest_timer.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/local/local_commands.h"
#include "proxy/observe/fleet_report.h"
#include "proxy/observe/info_text.h"
#include "proxy/route/routed_request.h"

namespace ringproxy::proxy {

class InfoDesk final : public backends::ReplySink {
 public:
  static constexpr size_t kMostOfNode = 1 << 20;
  // Between the beginnings of two questions. The answer is read on the worker's loop, which takes the longer the more
  // nodes there are.
  static constexpr net::Duration kPause = std::chrono::milliseconds(10);
  static constexpr net::Duration kPauseOfNode = std::chrono::milliseconds(1);
  // What a client may be told that has done nothing yet.
  static constexpr net::Duration kFresh = std::chrono::seconds(1);

  // `held`: the snapshot in force.
  InfoDesk(backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held, const ProxyView& view,
           backends::ReplySink& sink);

  // True: the reply is appended, as the nodes need not be asked. `is_new`: the client has not asked any node yet.
  bool AnswerNow(const wire::Request& request, uint32_t listener, uint8_t protocol, bool is_new, std::string* out);
  // The others.
  void Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);

  // Of the nodes.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  struct AskedInfo {
    backends::Ticket ticket;
    uint8_t protocol;
    InfoSections sections;
  };
  struct ListenerInfo {
    std::vector<AskedInfo> next;   // They wait for the next question.
    std::vector<AskedInfo> asked;  // For the one that is under way.
    std::vector<std::shared_ptr<backends::NodeRecord>> nodes;
    std::vector<std::string> texts;  // Of the nodes; empty: none yet.
    size_t missing = 0;              // Nodes that have not answered.
    bool is_under_way = false;
    bool asks_all = false;
    std::optional<net::TimePoint> begun;
    FleetReport report;
    bool has_all = false;  // The report has more than the default sections.
    std::optional<net::TimePoint> told_at;
  };

  ListenerInfo& Of(uint32_t listener);
  static net::Duration PauseOf(const ListenerInfo& info) {
    return kPause + kPauseOfNode * static_cast<int64_t>(info.nodes.size());
  }
  void BeginDue();
  void BeginOrWait(uint32_t listener);
  void Begin(uint32_t listener);
  void OnPart(backends::Ticket ticket, std::string_view text);
  void Finish(uint32_t listener);
  void AskNode(std::string_view name, const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  ProxyFacts FactsFor(uint32_t listener) const;

  backends::WorkerIo& io_;
  const std::unique_ptr<HeldSnapshot>& held_;
  const ProxyView& view_;
  backends::ReplySink& sink_;
  std::vector<ListenerInfo> listeners_;
  net::EarliestTimer timer_;
};

}  // namespace ringproxy::proxy
