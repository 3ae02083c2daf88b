// backends/net/loop.h – Time, timers, connections and turns: all that the proxy asks of an event loop.
//
// A turn is: wait for events, handle every ready one, then run the end-of-turn hook once. Work that is cheaper in
// batches (writes above all) is gathered during the turn and done in the hook.
// Two implementations: libevent_loop, and the simulator's in tests/sim.
// Threads: everything but Post is called on the loop's own thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "backends/net/stream.h"

namespace ringproxy::net {

using Duration = std::chrono::microseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  // The time this turn began: read once a turn, so that a batch costs one reading of the clock.
  TimePoint now() const { return is_read_ ? now_ : Read(); }

 protected:
  ~Clock() = default;
  virtual TimePoint Read() const = 0;
  // now() is `now` until Forget; without Keep, every call reads.
  TimePoint Keep(TimePoint now) const {
    is_read_ = true;
    return now_ = now;
  }
  void Forget() { is_read_ = false; }

 private:
  mutable TimePoint now_{};
  mutable bool is_read_ = false;
};

// One-shot; arming again replaces the deadline. Destroying it disarms it.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void Arm(Duration wait) = 0;
  virtual void Disarm() = 0;
  virtual bool armed() const = 0;
};

// Where to connect or listen: a host (name or numeric) and port, or a Unix socket's path.
struct Endpoint {
  std::string host;
  uint16_t port = 0;
  std::string unix_path;
  Duration keepalive{0};  // Of its connections over TCP: see keepalive.h.
  // How long its owner waits to be connected: each address of a host name gets a share. 0 = as long as the system does.
  Duration patience{0};
  uint32_t unix_mode = 0;  // Of the socket's file, where it listens; 0 = as the umask leaves it.
};

// What the end-of-turn hook wants of the next turn.
enum class NextTurn : uint8_t {
  kMayWait,  // Sleep until something is ready.
  kAtOnce,   // Only look what is ready: output is being held for a moment.
};

// One turn, measured.
struct TurnTimes {
  Duration waited{0};  // Asleep before it, since nothing was ready.
  Duration took{0};    // From waking to the end of the turn's work.
};

class Loop : public Clock {
 public:
  virtual ~Loop() = default;
  virtual std::unique_ptr<Timer> NewTimer(std::function<void()> on_expiry) = 0;
  // Never calls the observer before it returns; host names are resolved without blocking.
  virtual std::unique_ptr<Stream> Connect(const Endpoint& endpoint, StreamObserver& observer) = 0;
  // Runs `work` on the loop's thread in a coming turn. May be called from any thread.
  virtual void Post(std::function<void()> work) = 0;
  virtual void SetEndOfTurn(std::function<NextTurn()> hook) = 0;
  // Told of every turn after its end. Time that passes between two turns that do not wait belongs to the second.
  virtual void SetTurnMeter(std::function<void(const TurnTimes&)> meter) = 0;
};

}  // namespace ringproxy::net
