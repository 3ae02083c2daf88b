// tests/sim/sim_loop.h – Simulated time and a network of simulated streams, all from one seed.
//
// Purpose: the whole proxy runs in one thread; chunking, delays, refusals and resets are drawn from the seed, so a
// failing seed fails again. Time moves only when nothing is left to do now. Each thread of the proxy sees it as a Loop
// of its own: a SimThread.
// Ownership: the loop owns the wires between both ends; a Stream given to the proxy is a handle on one end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backends/net/loop.h"

namespace ringproxy::sim {

class SimLoop;

// The far end of a stream of the proxy: a simulated client or node.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void OnBytes(std::string_view bytes) = 0;
  // The proxy closed its end, or the network reset the connection.
  virtual void OnClosed() = 0;
};

// One connection between the proxy and a peer.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  Wire(SimLoop& loop, Peer* peer) : loop_(loop), peer_(peer) {}

  // The peer's side.
  void Send(std::string_view bytes);  // Arrives later, in random chunks.
  void FinishSending();               // After all that was sent: end of stream.
  void Reset();                       // Both ends learn of it at once; bytes under way are lost.
  void SetReading(bool on) {
    peer_reads_ = on;
    Pump();
  }  // A peer that does not read fills the proxy's socket.
  // Without delay and whole, both ways; the proxy is told before this returns. For asking what it does right now.
  void SendAtOnce(std::string_view bytes);
  bool broken() const { return broken_; }

 private:
  friend class SimLoop;
  friend class SimStream;
  static constexpr size_t kSocketBytes = 4096;  // So little that short writes are common.

  void Pump();  // Moves what the proxy wrote to the peer.

  SimLoop& loop_;
  Peer* peer_;
  std::string to_proxy_;                     // Arrived, not yet read.
  std::string to_peer_;                      // Written by the proxy, not yet delivered.
  net::StreamObserver* observer_ = nullptr;  // The proxy's end; nullptr once it is closed.
  net::TimePoint last_arrival_{};
  bool connecting_ = false;
  int connect_error_ = 0;
  bool end_of_stream_ = false;
  bool broken_ = false;
  bool watch_reads_ = true;
  bool watch_writes_ = false;
  bool peer_reads_ = true;
  bool pumping_ = false;
  bool at_once_ = false;
};

// Who opened a connection to a node, and when.
struct Caller {
  uint32_t thread;
  net::TimePoint since;
};

class SimLoop final : public net::Clock {
 public:
  explicit SimLoop(uint64_t seed) : random_(seed) {}

  std::unique_ptr<net::Timer> NewTimer(std::function<void()> on_expiry);
  std::unique_ptr<net::Stream> Connect(uint32_t thread, const net::Endpoint& endpoint, net::StreamObserver& observer);
  void AddEndOfTurn(std::function<net::NextTurn()> hook) { ends_of_turn_.push_back(std::move(hook)); }

  // Runs `work` after `wait`; returns a number for Cancel.
  uint64_t After(net::Duration wait, std::function<void()> work);
  void Cancel(uint64_t number);

  // Who answers connections to `port`: gets the wire and returns its peer, or nullptr to refuse.
  using Accept = std::function<Peer*(std::shared_ptr<Wire>, Caller)>;
  void ListenOn(uint16_t port, Accept accept) { accepts_[port] = std::move(accept); }
  // The proxy's end of a new connection from `peer`.
  std::unique_ptr<net::Stream> AdoptWire(std::shared_ptr<Wire> wire, net::StreamObserver& observer);
  std::shared_ptr<Wire> NewWire(Peer* peer) { return std::make_shared<Wire>(*this, peer); }

  // Turns until `deadline` of simulated time, or until nothing can happen any more.
  void RunUntil(net::TimePoint deadline);

  uint64_t Random(uint64_t below) { return std::uniform_int_distribution<uint64_t>(0, below - 1)(random_); }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  net::Duration RandomDelay(net::Duration most) {
    return net::Duration(Random(static_cast<uint64_t>(most.count()) + 1));
  }
  size_t open_streams() const { return streams_.size(); }

 private:
  friend class SimStream;

  net::TimePoint Read() const override { return now_; }
  // Runs what is due, then tells each ready stream once, in random order.
  bool RunDue();
  bool TellReady();
  static bool IsReady(const Wire& wire);
  static void Tell(Wire& wire);
  net::NextTurn EndTurn();

  std::mt19937_64 random_;
  net::TimePoint now_{};
  uint64_t next_number_ = 1;
  std::map<std::pair<net::TimePoint, uint64_t>, std::function<void()>> events_;  // By time, then order of creation.
  std::map<uint64_t, net::TimePoint> event_times_;
  std::map<uint16_t, Accept> accepts_;
  std::map<uint64_t, std::shared_ptr<Wire>> streams_;  // Open ends of the proxy, by number: a stable order.
  std::vector<uint64_t> ready_;                        // Scratch.
  std::vector<std::function<net::NextTurn()>> ends_of_turn_;
};

}  // namespace ringproxy::sim
