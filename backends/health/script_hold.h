// backends/health/script_hold.h – Whether clients' scripts keep a node from everybody else, as one worker knows it.
//
// Purpose: a node that runs a script for long tells others that it is BUSY, but not those whose requests stand behind
// the script on the same link. So the node is asked over another one (ScriptProbe), and what it says is kept here as
// long as a script of this worker's is unanswered: who would stand behind it reads that. Only what the node says to
// that question counts, since a script can answer anything. Threads: its worker's; the notice tells all workers.
// Lifetime: clock and notice outlive it. Bounds: kMostWords.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "backends/health/busy_notice.h"
#include "backends/net/loop.h"

namespace ringproxy::backends {

class ScriptHold {
 public:
  static constexpr size_t kMostWords = 512;

  ScriptHold(const net::Clock& clock, BusyNotice& notice) : clock_(clock), notice_(notice) {}
  ~ScriptHold() { Forget(); }
  ScriptHold(const ScriptHold&) = delete;
  ScriptHold& operator=(const ScriptHold&) = delete;

  // `watch`: is called when a script is sent while none is under way; then OnTick is called from time to time as long
  // as any() is true.
  void SetWatch(std::function<void()> watch) { watch_ = std::move(watch); }

  // One enters a link, or leaves it: it is answered, or never will be. `entered`: when it did.
  void OnSent();
  void OnGone(net::TimePoint entered);
  bool any() const { return young_ + old_ > 0; }

  // True: one has been under way since before the last tick, and the node is to be asked what it says.
  bool OnTick();
  // What it has said; anything but a node's BUSY, and an empty one, which is none: it is not known to be busy.
  void OnAnswer(std::string_view reply);
  // The words in which the node refuses everybody, as an error without its type and its end; empty: it does not.
  const std::string& words() const { return words_; }

 private:
  void Forget();

  const net::Clock& clock_;
  BusyNotice& notice_;
  std::function<void()> watch_;
  net::TimePoint ticked_{};
  uint64_t young_ = 0;  // Scripts under way that were sent since the last tick, and those before.
  uint64_t old_ = 0;
  std::string words_;  // If there are any the notice is up.
};

}  // namespace ringproxy::backends
