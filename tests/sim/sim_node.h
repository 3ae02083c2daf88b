// tests/sim/sim_node.h – A simulated server, slow on purpose, that checks that every key is its own. What it speaks is
// said by the classes that derive from it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

// In the errors of a sick node, before the key that it was asked for: so a client sees whether an error is its own.
inline constexpr std::string_view kAskedFor = " asked for ";

class SimNode {
  class Connection;

 public:
  // `owns(key)`: whether the node may be asked for the key.
  SimNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns);
  virtual ~SimNode();

  // Faults; data survive all of them.
  void Kill();  // Resets every connection and refuses new ones.
  void Refuse() { refuses_ = true; }
  void Revive();
  void Stall(bool on);                            // Reads and carries out, but answers nothing until it is over.
  void Deafen(bool on);                           // Reads nothing.
  void Delay(net::Duration by);                   // Every reply, in order.
  void Sicken(std::optional<uint64_t> sickness);  // Errors in place of replies: which, and whether PING sees it.
  void Garble(bool on) { garbles_ = on; }         // Nonsense in place of a reply, or half of one and the end.
  void ResetOne();                                // One connection breaks.
  void SilenceAll();                              // Connections are forgotten on the way; new ones are fine.
  void HalfCloseAll();                            // Ends its side of every connection and goes on reading.
  void Mute(bool on);                             // Breaks all connections; new ones are never answered.
  void ResetInHandshake(bool on);                 // Breaks all connections; new ones break at their first bytes.
  // How long every check has had to fail, without a break.
  net::Duration unwell_for() const { return unwell_since_ ? loop_.now() - *unwell_since_ : net::Duration(0); }
  // By when it has read what came then, within `patience`: it may have been deaf.
  net::TimePoint ReadsBy(net::TimePoint came, net::Duration patience) const;
  // Whether it answered late then, or not at all.
  bool WasLate(net::TimePoint at) const;
  // The end of all faults, and of slow replies.
  void Heal();

  uint16_t port() const { return port_; }
  // What it has been asked for that it should not have been.
  size_t wrong_requests() const { return wrong_requests_; }
  size_t requests() const { return requests_; }
  // Connections that the proxy did not give up though they had talked nonsense.
  size_t ignored_nonsense() const { return ignored_nonsense_; }
  size_t open_connections(uint32_t thread) const;
  // Of those, such as have been greeted and are plain, or are not.
  size_t PlainConnections(uint32_t thread) const;
  size_t FlavourConnections(uint32_t thread) const;
  // Those that one client has had for itself, or that carried subscriptions, closed ones too.
  size_t OwnConnectionsEver(uint32_t thread) const;
  // All that have been greeted, other than those that are plain and that all clients share.
  size_t OtherConnections(uint32_t thread) const;
  // Of the last ones, those that have been greeted for so long that the proxy must have heard of it.
  size_t SettledOtherConnections(uint32_t thread) const;
  // Those that will never answer again and that the proxy still holds. One of one client alone is noticed by the next
  // that has it, one with subscriptions by its silence alone, which takes longer than a run: these are not counted.
  size_t useless_connections() const;
  bool HasUselessOwn() const;
  bool HasUselessSubscription() const;
  // The most connections that `thread` tried to open within a second.
  size_t MostConnectsASecond(uint32_t thread) const;

 protected:
  // What a connection has been made by its greeting.
  struct Speech {
    uint64_t connection = 0;  // Its number.
    uint64_t database = 0;
    int protocol = 2;
    bool is_greeted = false;  // Something was answered.
    net::TimePoint greeted_at{};
    bool is_plain = true;      // It has asked for no protocol and no database.
    bool is_choosing = false;  // It has, and the answer is still under way, or was a refusal.
    bool is_refused = false;
    bool is_in_multi = false;           // Commands are queued, those that were refused excepted.
    bool is_aborted = false;            // One was.
    std::vector<std::string> queued{};  // As they came.
    bool is_waiting = false;            // The reply to its last request comes with Tell, and nothing is read before.
    bool has_subscribed = false;
    bool is_subscribed = false;
    bool is_own = false;  // Of one client alone, by what was said on it.
    struct WatchedKey {
      uint64_t database;
      std::string key;
      uint64_t version;
    };
    std::vector<WatchedKey> watched{};
  };

  // Appends the reply to the first request of `input` and returns that request's bytes; 0 while it is not whole.
  virtual size_t AnswerFirst(std::string_view input, Speech* speech, std::string* reply) = 0;
  // What no framer of its protocol may take for a reply.
  virtual std::string Nonsense() = 0;
  virtual void OnConnectionGone(const Speech&) {}
  // The reply for which the connection waits, if it is still there.
  void Tell(uint64_t connection, std::string reply);
  // A message that nobody has asked for.
  void Push(uint64_t connection, const std::string& message);
  // A sick node that says so in a handshake must not be asked over that connection.
  virtual bool ShowsToPing(uint64_t sickness) const = 0;

  static bool IsOther(const Speech& speech);
  void CountRequest() { ++requests_; }
  size_t Count(const std::function<bool(const Connection&)>& wanted) const;
  void CheckKey(std::string_view key) { wrong_requests_ += owns_(key) ? 0 : 1; }
  void CountWrongRequest() { ++wrong_requests_; }
  const std::optional<uint64_t>& sickness() const { return sickness_; }
  SimLoop& loop() { return loop_; }

 private:
  struct FaultTime {
    net::TimePoint begin;
    net::TimePoint end = net::TimePoint::max();  // It lasts.
  };

  Peer* Accept(std::shared_ptr<Wire> wire, Caller caller);
  void ResetAll();
  void NoteHealth();
  void Note(std::vector<FaultTime>* times, bool on);
  bool ShowsSickness() const;

  SimLoop& loop_;
  uint16_t port_;
  std::function<bool(std::string_view)> owns_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Caller> callers_;
  size_t wrong_requests_ = 0;
  size_t requests_ = 0;
  bool refuses_ = false;
  bool stalled_ = false;
  bool deaf_ = false;
  std::vector<FaultTime> deaf_times_;
  std::vector<FaultTime> late_times_;
  bool garbles_ = false;
  bool mute_ = false;
  bool resets_in_handshake_ = false;
  bool healed_ = false;
  net::Duration delay_{0};
  std::optional<uint64_t> sickness_;
  uint64_t sicknesses_ = 0;  // So far.
  bool dead_ = false;
  std::optional<net::TimePoint> unwell_since_;
  size_t ignored_nonsense_ = 0;
};

}  // namespace ringproxy::sim
