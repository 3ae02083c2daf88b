// proxy/state/give_backs.h – What was popped for clients that have left goes back to its node.
//
// Purpose: a server frees a client as soon as that has ended its side, so it pops nothing for it then. A wait that the
// proxy has to end at the node is ended a moment later, and what the node has popped in between is pushed back over
// the link that has popped it. A client that has ended its side only, and may still read, reads that nothing came.
// Where the node refuses the push it is asked again a few times. Then who still reads gets the data, and else it is
// lost, which is counted and said. What was sent and is not answered is not sent again: twice is worse than never.
// Threads: its worker's. Lifetime: what it is given outlives it. Bounds: one for each leased link; the data counts as
// any block, and is not kept for another try when memory is short. Promise: one OnReply or OnFailure to the sink for
// each Start that has a reader, unless that leaves.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "backends/lane.h"
#include "backends/link/pinned_links.h"
#include "backends/net/earliest_timer.h"
#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/held_snapshot.h"
#include "proxy/route/router.h"
#include "proxy/state/popped_data.h"

namespace ringproxy::proxy {

class GiveBacks final : public backends::ReplySink {
 public:
  // So often is the node asked within its timeouts.request.
  static constexpr uint32_t kMostTries = 3;

  // Who has waited, and may still read.
  struct PoppedReader {
    backends::Ticket ticket{};
    uint32_t client = 0;
    uint8_t protocol = 2;
  };
  // Whose key it was, by which the node is found.
  struct PoppedOwner {
    uint32_t listener = 0;
    backends::Flavour flavour{};
  };
  struct PoppedData {
    PoppedFrom from = PoppedFrom::kNone;
    net::Block reply{};                                     // Of the node.
    std::unique_ptr<backends::PinnedLease> link = nullptr;  // To the node, in the database of the command.
    std::optional<PoppedOwner> owner = std::nullopt;        // Where no link has popped it: one is leased if need be.
    bool is_clean = false;                                  // Nothing else is on the link: it may serve others then.
    bool is_marked = false;                                 // The link, when the reply came; else by Start.
    std::optional<PoppedReader> reader = std::nullopt;      // None: the client is gone.
  };

  // `held`: the configuration in force.
  GiveBacks(backends::ReplySink& sink, backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held)
      : sink_(sink), io_(io), held_(held), timer_(io.loop, [this] { OnTime(); }) {}
  ~GiveBacks();

  // Requires: HasPopped; a link, or an owner to whom the reply's key belongs.
  void Start(PoppedData&& popped);
  // The client is gone.
  void Leave(uint32_t client);
  bool is_idle() const { return tasks_.in_use() == 0; }
  // What was popped cannot even be tried to be given back: counts and says it.
  void OnLost(const backends::PinnedLease& link, std::string_view why);
  void OnLost(const PoppedData& popped, std::string_view why);

  // Of the node, for tickets of Kind::kGiveBack.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  struct GiveBackTask {
    PoppedData popped{};
    uint32_t generation = 0;  // Of the place.
    uint32_t tries = 0;
    std::optional<net::TimePoint> again = std::nullopt;  // When it is tried again.
  };

  // By the configuration in force, as whoever looks for it next does. Requires: an owner.
  NodeId NodeOf(const PoppedData& popped) const;
  void LogLost(std::string_view pool, std::string_view node, std::string_view why);
  void Try(uint32_t place);
  void TryLater(uint32_t place, std::string_view why);
  void OnTime();
  // It will not be given back.
  void GiveUp(uint32_t place, std::string_view why);
  // The place is free, and tickets for it lead nowhere.
  PoppedData Take(uint32_t place);

  backends::ReplySink& sink_;
  backends::WorkerIo& io_;
  const std::unique_ptr<HeldSnapshot>& held_;
  net::EarliestTimer timer_;
  net::PlaceList<GiveBackTask, std::deque<GiveBackTask>> tasks_;
  std::unordered_map<uint32_t, uint32_t> by_client_;  // Those that still read.
};

}  // namespace ringproxy::proxy
