// tests/sim/sim_lists.h – The lists of a simulated Redis node, and the connections that wait for what is pushed to
// them.
//
// Purpose: an element goes to whoever has waited longest for its list, as with Redis. All that was ever pushed, and
// when it was taken, is kept, so that a run can tell at its end what has become of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/net/loop.h"

namespace ringproxy::sim {

class SimLists {
 public:
  using ListKey = std::pair<uint64_t, std::string>;  // In a database.
  enum class ListEnd : uint8_t { kLeft, kRight };
  struct WaitingConnection {
    uint64_t connection;
    int protocol;
    uint64_t database;
    std::vector<std::string> keys;
    ListEnd end;
  };
  // What a connection that waits is told.
  using Tell = std::function<void(uint64_t connection, std::string reply)>;

  SimLists(const net::Clock& clock, Tell tell) : clock_(clock), tell_(std::move(tell)) {}

  // How many there are then, as Redis counts: before anybody takes one.
  size_t Push(const ListKey& key, std::string_view element, ListEnd end);
  // The reply, if there is an element.
  std::string Pop(const WaitingConnection& wanted);
  // Returns a number for EndWait.
  uint64_t Wait(WaitingConnection waiting);
  // Its time is over, if it still waits.
  void EndWait(uint64_t number);
  // False: the connection does not wait.
  bool Unblock(uint64_t connection);
  void Forget(uint64_t connection);

  size_t waiting() const { return waiting_.size(); }
  // What was given back is not among these again.
  const std::vector<std::string>& pushed() const { return pushed_; }
  // And not given back: when, by element.
  const std::map<std::string, net::TimePoint>& taken() const { return taken_; }
  void ForEachElement(const std::function<void(const std::string&)>& visit) const;

 private:
  static std::string Nil(int protocol) { return protocol == 3 ? "_\r\n" : "*-1\r\n"; }
  void Serve();

  const net::Clock& clock_;
  Tell tell_;
  std::map<ListKey, std::deque<std::string>> lists_;
  std::map<uint64_t, WaitingConnection> waiting_;  // The oldest first.
  uint64_t last_ = 0;
  std::vector<std::string> pushed_;
  std::map<std::string, net::TimePoint> taken_;
};

}  // namespace ringproxy::sim
