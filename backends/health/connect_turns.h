// backends/health/connect_turns.h – Whose turn it is to connect to a node, where each of many clients needs a link of
// its own.
//
// Purpose: a server accepts between two commands, and until then its kernel keeps no more connections than the backlog
// of its listening socket: 511 as Redis asks for it, 128 where the kernel allows no more. What comes beyond is dropped
// without a word, and the repeated SYN finds timeouts.connect used up. So few attempts are under way at a time, and the
// others wait in the order in which they asked. Where the node is well the row moves as fast as it accepts; their
// clients wait for the link no longer than without it, which is conf::TotalOf. An attempt that fails while nothing
// says that the node is there is the end of all that wait: they would fail one after another.
// Threads: its worker's. Lifetime: outlives its turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "backends/net/loop.h"
#include "backends/stats.h"

namespace ringproxy::backends {

class ConnectTurn;

class ConnectTurns {
 public:
  // Under way at once at a node, from one worker. The least backlog has room for eight workers, of however many
  // proxies, and the usual one for thirty; a node that is a millisecond away is still reached thousands of times in a
  // second.
  static constexpr size_t kMost = 16;

  // `stats`: the node's, of this worker. No turn is given while none of its connections is ready.
  ConnectTurns(net::Loop& loop, const NodeStats& stats);

  // The node is there.
  void OnNodeWell();
  // It cannot be had: all that wait hear so, soon and not from within.
  void GiveUp();

 private:
  friend class ConnectTurn;

  bool HasTurn() const;
  // To those that wait, as many as there are.
  void Give();
  void EndRow();

  const NodeStats& stats_;
  std::map<uint64_t, ConnectTurn*> row_;  // Those that wait, in order.
  uint64_t next_place_ = 1;
  size_t taken_ = 0;
  uint64_t well_ = 0;  // How often the node was said to be there.
  bool ends_row_ = false;
  std::unique_ptr<net::Timer> timer_;  // Armed with that.
};

// That of one link.
class ConnectTurn {
 public:
  // `turns`: nullptr for a link that connects when it likes. `on_turn`: it need wait no more, since it has its turn
  // now; or, with false, since the node cannot be had.
  ConnectTurn(ConnectTurns* turns, std::function<void(bool has_turn)> on_turn)
      : turns_(turns), on_turn_(std::move(on_turn)) {}
  ~ConnectTurn() { End(); }
  ConnectTurn(const ConnectTurn&) = delete;
  ConnectTurn& operator=(const ConnectTurn&) = delete;

  // It connects in turns.
  bool is_needed() const { return turns_ != nullptr; }
  bool is_waiting() const { return place_ != 0; }
  // True: it has its turn, which lasts until End or Fail. False: it waits for it.
  bool Take();
  // The link is ready, or nobody needs it any more.
  void End();
  // Its attempt has failed.
  void Fail();

 private:
  friend class ConnectTurns;

  void Begin();

  ConnectTurns* turns_;
  std::function<void(bool)> on_turn_;
  uint64_t place_ = 0;  // In the row; 0: it waits for none.
  uint64_t well_ = 0;   // That of the turns when it had its own.
  bool is_taken_ = false;
};

}  // namespace ringproxy::backends
