// tests/sim/sim_client.h – A simulated client: pipelines random commands and checks that every reply is its own. Which
// commands, and what may answer them, is said by the classes that derive from it.
//
// A value always names its key, so a reply that belongs to another request shows. Of the keys that it alone writes the
// client knows what they hold, so a value that is lost shows too.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "backends/wire/reply_framer.h"
#include "tests/sim/own_keys.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

// The largest value that the proxy may take; the clients' own values stay below.
inline constexpr size_t kLargestValue = 100'000;

// How an error begins that says that too many flavours are in use.
inline constexpr std::string_view kNoPlaceForFlavour = "-ERR node n";

class SimClient : public Peer {
 public:
  // `consistency`: of what it reads of its own keys.
  SimClient(SimLoop& loop, uint32_t number, Consistency consistency, std::unique_ptr<wire::ReplyFramer> framer)
      : loop_(loop),
        number_(number),
        framer_(std::move(framer)),
        wire_(loop.NewWire(this)),
        own_(loop, number, consistency) {}

  std::shared_ptr<Wire> wire() { return wire_; }
  // What one client does. It sends bursts until the commands are out, then finishes by one of: half-close, QUIT, or a
  // reset in between; unless it stays to the end.
  struct Plan {
    uint32_t commands;
    net::Duration longest_pause;  // Between two bursts.
    bool stays;
    std::string header = {};  // What a proxy on its way sends before its first burst.
  };
  void Start(Plan plan);
  // All nodes are well. Those that stayed send a last round, in which nothing may fail, and finish.
  void FinishWell();

  void OnBytes(std::string_view bytes) override;
  void OnClosed() override { closed_ = true; }

  bool closed() const { return closed_; }
  bool left_early() const { return left_early_; }
  size_t unanswered() const { return expected_.size(); }
  size_t answered() const { return answered_; }
  // What was wrong, empty if nothing.
  const std::string& complaint() const { return complaint_; }

 protected:
  // True when `reply` may answer the request. Called once with each reply that may be its own.
  using Check = std::function<bool(std::string_view reply)>;
  // True when the request may have gone without a reply. `any_failed`: a failure was shown that may be its own.
  using Silence = std::function<bool(bool any_failed)>;

  virtual void SendRandomCommand(std::string* out) = 0;
  // The last command: what is expected of it, if anything.
  virtual void SendQuit(std::string* out) = 0;
  // What the proxy may say instead of a node.
  virtual bool IsNodeFailure(std::string_view reply) const = 0;
  // Of those, what it may say though all nodes are well.
  virtual bool MayFailWell(std::string_view) const { return false; }

  bool all_is_well() const { return all_is_well_; }

  void Expect(std::string encoded, Check check, std::string* out);
  // The reply may be kept back. Such requests are followed by one that is answered always, before any other: a failure
  // does not say whose it is.
  void ExpectPerhaps(std::string encoded, Check check, Silence silence, std::string* out);
  Check OrFailure(Check check) const;
  // Of a request that writes `key`: after a failure nobody knows what it holds.
  Check OrLost(const std::string& key, Check check);

  // One that every client of this protocol uses, or sometimes one of its own.
  std::string RandomKey();
  std::string SharedKey();
  std::string RandomValue(const std::string& key);
  SimLoop& loop() { return loop_; }
  OwnKeys& own() { return own_; }
  uint32_t number() const { return number_; }

 private:
  struct Expected {
    std::string request;
    Check check;
    Silence silence;  // None: it has to be answered.
  };

  void Burst();
  void Finish();
  void Complain(std::string_view what, std::string_view request, std::string_view reply);
  void OnReplyBytes(std::string_view reply);
  void SettleSilences(const std::string& request);

  SimLoop& loop_;
  uint32_t number_;
  std::unique_ptr<wire::ReplyFramer> framer_;
  std::shared_ptr<Wire> wire_;
  OwnKeys own_;
  std::deque<Expected> expected_;
  size_t shown_failures_ = 0;  // Of the requests that may be silent, since the last that may not.
  size_t wrong_silences_ = 0;
  size_t silences_ = 0;
  std::string input_;
  std::string complaint_;
  Plan plan_{};
  bool all_is_well_ = false;
  size_t answered_ = 0;
  bool closed_ = false;
  bool left_early_ = false;
};

}  // namespace ringproxy::sim
