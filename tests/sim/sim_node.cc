#include "tests/sim/sim_node.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

namespace ringproxy::sim {

class SimNode::Connection final : public Peer {
 public:
  static constexpr std::chrono::seconds kKeepalive{5};

  Connection(SimNode& node, std::shared_ptr<Wire> wire, uint32_t thread)
      : node_(node), wire_(std::move(wire)), thread_(thread), silent_(node.mute_), fragile_(node.resets_in_handshake_) {
    if (node_.ShowsSickness()) refused_by_ = node_.sicknesses_;
    if (node_.deaf_) wire_->SetReading(false);
    speech_.connection = node_.connections_.size() + 1;
  }
  // Work that is still scheduled must not find a dead connection.
  ~Connection() override { *alive_ = false; }

  void OnBytes(std::string_view bytes) override {
    if (fragile_) return Reset();
    input_ += bytes;
    is_forgotten_ = false;
    Serve();
  }
  void OnClosed() override {
    closed_ = true;
    node_.OnConnectionGone(speech_);
  }
  // Ends its waiting.
  void Tell(std::string reply) {
    speech_.is_waiting = false;
    SendSoon(std::move(reply));
    Serve();
  }
  void Push(const std::string& message) { SendSoon(message); }
  void Serve() {
    std::string replies;
    while (!input_.empty() && !speech_.is_waiting) {
      const size_t before = node_.requests_;
      const size_t used = node_.AnswerFirst(input_, &speech_, &replies);
      if (used == 0) break;
      const bool too_early = refused_by_ == node_.sicknesses_ && node_.ShowsSickness();
      if (too_early && node_.requests_ > before) node_.CountWrongRequest();
      input_.erase(0, used);
    }
    if (!replies.empty()) SendSoon(std::move(replies));
  }

  void SendDue() {
    if (node_.stalled_ || closed_ || silent_) return;
    std::string due;
    for (; !waiting_.empty() && waiting_.front().due <= node_.loop_.now(); waiting_.pop_front()) {
      due += waiting_.front().replies;
    }
    if (due.empty()) return;
    if (waiting_.empty() && !speech_.is_refused) speech_.is_choosing = false;
    if (!node_.garbles_) return wire_->Send(due);
    // Whoever has sent nonsense once is out of step for ever, so nothing that looks like a reply may follow.
    silent_ = true;
    if (node_.loop_.Chance(0.7)) return TalkNonsense();
    wire_->Send(due.substr(0, node_.loop_.Random(due.size())));
    wire_->FinishSending();
  }
  void Reset() { wire_->Reset(); }
  void Silence() {
    silent_ = true;
    if (speech_.is_own) return;
    // TCP finds that a connection is dead over which nobody asks anything, as it may be with those of flavours and the
    // control link.
    is_forgotten_ = true;
    node_.loop_.After(kKeepalive, [this, alive = alive_] {
      if (*alive && !closed_ && is_forgotten_) Reset();
    });
  }
  void HalfClose() {
    if (closed_ || silent_) return;
    silent_ = true;
    wire_->FinishSending();
  }
  void SetReading(bool on) { wire_->SetReading(on); }

  bool closed() const { return closed_; }
  bool silent() const { return silent_; }
  uint32_t thread() const { return thread_; }
  const Speech& speech() const { return speech_; }

 private:
  struct Waiting {
    net::TimePoint due;
    std::string replies;
  };

  void TalkNonsense() {
    wire_->Send(node_.Nonsense());
    node_.loop_.After(net::Duration(10'000), [this, alive = alive_] {
      if (*alive && !closed_) ++node_.ignored_nonsense_;
    });
  }
  // A node never answers out of order.
  void SendSoon(std::string replies) {
    if (closed_ || silent_) return;
    SimLoop& loop = node_.loop_;
    // Now and then slower than the pool's request timeout.
    const bool slow = !node_.healed_ && loop.Chance(0.01);
    const net::Duration most(slow ? 60'000 : 800);
    last_due_ = std::max(last_due_, loop.now() + node_.delay_ + loop.RandomDelay(most));
    waiting_.push_back({last_due_, std::move(replies)});
    loop.After(last_due_ - loop.now(), [this, alive = alive_] {
      if (*alive) SendDue();
    });
  }

  SimNode& node_;
  std::shared_ptr<Wire> wire_;
  uint32_t thread_;
  std::string input_;
  Speech speech_;
  std::deque<Waiting> waiting_;
  net::TimePoint last_due_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool closed_ = false;
  bool silent_;                         // Carries out what it is asked and will never answer.
  bool is_forgotten_ = false;           // Cut off without a word, and nothing was sent over it since.
  bool fragile_;                        // Breaks at its first bytes.
  std::optional<uint64_t> refused_by_;  // The sickness during which it was opened.
};

SimNode::SimNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns)
    : loop_(loop), port_(port), owns_(std::move(owns)) {
  loop_.ListenOn(port, [this](std::shared_ptr<Wire> wire, Caller caller) { return Accept(std::move(wire), caller); });
}

SimNode::~SimNode() = default;

void SimNode::Tell(uint64_t connection, std::string reply) {
  Connection& told = *connections_[connection - 1];
  if (told.speech().is_waiting) told.Tell(std::move(reply));
}

void SimNode::Push(uint64_t connection, const std::string& message) {
  connections_[connection - 1]->Push(message);
}

Peer* SimNode::Accept(std::shared_ptr<Wire> wire, Caller caller) {
  callers_.push_back(caller);
  if (refuses_) return nullptr;
  connections_.push_back(std::make_unique<Connection>(*this, std::move(wire), caller.thread));
  return connections_.back().get();
}

void SimNode::ResetAll() {
  for (auto& connection : connections_) connection->Reset();
}

void SimNode::Kill() {
  refuses_ = true;
  dead_ = true;
  NoteHealth();
  ResetAll();
}

void SimNode::Revive() {
  refuses_ = dead_ = false;
  NoteHealth();
}

void SimNode::NoteHealth() {
  const bool unwell = dead_ || stalled_ || deaf_ || ShowsSickness();
  if (!unwell) return unwell_since_.reset();
  if (!unwell_since_) unwell_since_ = loop_.now();
}

bool SimNode::ShowsSickness() const {
  return sickness_ && ShowsToPing(*sickness_);
}

void SimNode::Note(std::vector<FaultTime>* times, bool on) {
  const bool was_on = !times->empty() && times->back().end == net::TimePoint::max();
  if (on && !was_on) times->push_back({loop_.now()});
  if (!on && was_on) times->back().end = loop_.now();
}

void SimNode::Delay(net::Duration by) {
  delay_ = by;
  Note(&late_times_, stalled_ || by > net::Duration(0));
}

void SimNode::Stall(bool on) {
  stalled_ = on;
  Note(&late_times_, on || delay_ > net::Duration(0));
  NoteHealth();
  for (auto& connection : connections_) connection->SendDue();
}

void SimNode::Deafen(bool on) {
  deaf_ = on;
  Note(&deaf_times_, on);
  NoteHealth();
  for (auto& connection : connections_) connection->SetReading(!on);
}

net::TimePoint SimNode::ReadsBy(net::TimePoint came, net::Duration patience) const {
  for (const FaultTime& deaf : deaf_times_) {
    if (deaf.begin <= came + patience && came < deaf.end) return deaf.end + patience;
  }
  return came + patience;
}

bool SimNode::WasLate(net::TimePoint at) const {
  return std::ranges::any_of(late_times_, [at](const FaultTime& time) { return time.begin <= at && at < time.end; });
}

void SimNode::Sicken(std::optional<uint64_t> sickness) {
  sickness_ = sickness;
  ++sicknesses_;
  NoteHealth();
}

void SimNode::ResetOne() {
  const auto open = std::ranges::find_if(connections_, [](const auto& connection) { return !connection->closed(); });
  if (open != connections_.end()) (*open)->Reset();
}

void SimNode::SilenceAll() {
  for (auto& connection : connections_) connection->Silence();
}

void SimNode::HalfCloseAll() {
  for (auto& connection : connections_) connection->HalfClose();
}

void SimNode::Mute(bool on) {
  mute_ = on;
  if (on) ResetAll();
}

void SimNode::ResetInHandshake(bool on) {
  resets_in_handshake_ = on;
  if (on) ResetAll();
}

void SimNode::Heal() {
  healed_ = true;
  garbles_ = mute_ = resets_in_handshake_ = false;
  Delay({});
  sickness_.reset();
  Revive();
  Stall(false);
  Deafen(false);
}

bool SimNode::IsOther(const Speech& speech) {
  return speech.is_greeted && (!speech.is_plain || speech.is_own) && !speech.is_refused;
}

size_t SimNode::Count(const std::function<bool(const Connection&)>& wanted) const {
  return static_cast<size_t>(std::ranges::count_if(
      connections_, [&](const auto& connection) { return !connection->closed() && wanted(*connection); }));
}

size_t SimNode::open_connections(uint32_t thread) const {
  return Count([&](const Connection& connection) { return connection.thread() == thread; });
}

size_t SimNode::PlainConnections(uint32_t thread) const {
  return Count([&](const Connection& connection) {
    const Speech& speech = connection.speech();
    return connection.thread() == thread && speech.is_greeted && speech.is_plain && !speech.is_own;
  });
}

size_t SimNode::FlavourConnections(uint32_t thread) const {
  return Count([&](const Connection& connection) {
    const Speech& speech = connection.speech();
    return connection.thread() == thread && speech.is_greeted && !speech.is_plain && !speech.is_own &&
           !speech.is_refused;
  });
}

size_t SimNode::OwnConnectionsEver(uint32_t thread) const {
  return static_cast<size_t>(std::ranges::count_if(connections_, [&](const auto& connection) {
    return connection->thread() == thread && connection->speech().is_own;
  }));
}

size_t SimNode::OtherConnections(uint32_t thread) const {
  return Count(
      [&](const Connection& connection) { return connection.thread() == thread && IsOther(connection.speech()); });
}

size_t SimNode::SettledOtherConnections(uint32_t thread) const {
  constexpr net::Duration kLongestWay = std::chrono::milliseconds(100);
  return Count([&](const Connection& connection) {
    const Speech& speech = connection.speech();
    return connection.thread() == thread && IsOther(speech) && loop_.now() - speech.greeted_at > kLongestWay;
  });
}

size_t SimNode::useless_connections() const {
  return Count([](const Connection& connection) { return connection.silent() && !connection.speech().is_own; });
}

bool SimNode::HasUselessOwn() const {
  return Count([](const Connection& connection) { return connection.silent() && connection.speech().is_own; }) > 0;
}

bool SimNode::HasUselessSubscription() const {
  return Count([](const Connection& connection) { return connection.silent() && connection.speech().has_subscribed; }) >
         0;
}

size_t SimNode::MostConnectsASecond(uint32_t thread) const {
  std::vector<net::TimePoint> times;
  for (const Caller& caller : callers_) {
    if (caller.thread == thread) times.push_back(caller.since);
  }
  std::ranges::sort(times);
  size_t most = 0;
  for (size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= std::chrono::seconds(1)) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

}  // namespace ringproxy::sim
