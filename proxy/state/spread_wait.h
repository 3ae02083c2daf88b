// proxy/state/spread_wait.h – One client's wait at several nodes, as it stands. See SpreadWaits.
//
// Threads: its worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/lane.h"
#include "backends/link/pinned_links.h"
#include "backends/net/block_pool.h"
#include "backends/net/loop.h"
#include "backends/ticket.h"
#include "proxy/route/held_snapshot.h"
#include "proxy/route/router.h"
#include "proxy/state/popped_data.h"
#include "proxy/state/probe.h"
#include "proxy/state/spread_request.h"
#include "proxy/state/wait_patience.h"

namespace ringproxy::proxy {

// What waits at one node, for one list or for all keys that lie there.
struct SpreadWaiter {
  // So many misses in a row: the link has been cut off without a word, and the node will never read what is on it.
  static constexpr uint32_t kMostMissed = 16;

  enum class WaiterState : uint8_t {
    kIdle,   // To be sent.
    kArmed,  // At the node.
    kWoken,  // Its list had something.
    kOver,   // It is not sent again.
  };
  // Asks the node to end what waits over the link as if its time were over, if its number is known.
  void Unblock(backends::Ticket ask);
  void OnUnblocked(std::string_view reply);
  // It cannot be ended so: its link is closed at once.
  void GiveUp();

  std::vector<uint32_t> keys{};
  std::unique_ptr<backends::PinnedLease> link = nullptr;
  WaiterState state = WaiterState::kIdle;
  int64_t number = 0;     // Of the link at its node; 0: not known, below: the node does not tell it.
  uint32_t unblocks = 0;  // CLIENT UNBLOCKs that are not answered.
  uint32_t missed = 0;    // Those to which it was not waiting.
  bool is_ended = false;  // By one of them: the reply is on its way.
  net::Block data{};      // Of streams.
};

// Of streams: why there is nothing, if that is what the client reads.
struct SpreadError {
  void SetFailure(const wire::Failure& said);

  std::string words;                     // Of a node;
  std::optional<wire::Failure> failure;  // or what happened, in the name of these.
  std::string pool;
  std::string node;
};

struct SpreadWait {
  // What follows when nothing is at the nodes any more.
  enum class Next : uint8_t { kProbes, kTurns, kEnd };
  struct SpreadClient {
    backends::Ticket ticket{};
    backends::Lane lane{};
    uint32_t listener = 0;
    uint32_t links = 0;  // That it has for itself besides.
  };

  // What is asked with the ticket of a wait, by its slot: for each waiter, all of these.
  enum SpreadQuestion : uint32_t { kProbe, kStreamEnd, kCommand, kNumber, kUnblock, kQuestions };
  backends::Ticket TicketOf(uint32_t place, SpreadQuestion question, size_t waiter = 0) const {
    const uint32_t slot = static_cast<uint32_t>(waiter) * kQuestions + question;
    return {place, generation, slot, backends::Ticket::Kind::kSpreadWait};
  }

  // How long it is still to wait, at least the least that servers know; none: without end.
  std::optional<double> LeftAt(net::TimePoint now) const;
  bool IsOverAt(net::TimePoint now) const;
  // The key's owner, by this configuration.
  NodeId NodeOf(const HeldSnapshot& held, uint32_t key) const;
  // All links go back, and tickets for the waiters lead nowhere.
  void DropWaiters();
  // Of a waiter for streams.
  void TakeReply(uint32_t waiter, backends::Reply&& reply, net::TimePoint now, net::BlockPool& blocks);
  // The data of all waiters as one reply; none: there is none.
  net::Block TakeStreams(net::BlockPool& blocks);

  SpreadClient client{};
  uint32_t generation = 0;  // Of the place, and of its waiters.
  SpreadRequest request{};
  PoppedFrom from{};
  std::optional<net::TimePoint> end = std::nullopt;
  std::optional<Probe> probe = std::nullopt;          // Under way,
  std::optional<uint32_t> probed_for = std::nullopt;  // for this waiter; otherwise in the order of the keys, of which
  uint32_t next = 0;                                  // this is the next. With turns, the number of the turn.
  std::vector<SpreadWaiter> waiters{};
  std::optional<Next> ending = std::nullopt;  // The waiters are to end.
  SpreadError error{};
  WaitEnd end_as{};          // Set: the client does not wait for what is not there yet.
  bool has_ended = false;    // The client, its side.
  bool is_answered = false;  // Or gone.
  bool takes_turns = false;
};

}  // namespace ringproxy::proxy
