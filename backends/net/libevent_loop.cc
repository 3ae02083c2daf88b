#include "backends/net/libevent_loop.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>

#include "backends/net/libevent_stream.h"

namespace ringproxy::net {
namespace {

class LibeventTimer final : public Timer {
 public:
  LibeventTimer(const EventHome& home, std::function<void()> on_expiry)
      : home_(home), on_expiry_(std::move(on_expiry)) {
    event_ = evtimer_new(
        home.base, [](int, short, void* self) { static_cast<LibeventTimer*>(self)->OnExpiry(); }, this);
  }
  ~LibeventTimer() override { event_free(event_); }

  void Arm(Duration wait) override {
    const timeval tv{wait.count() / 1'000'000, wait.count() % 1'000'000};
    evtimer_add(event_, &tv);
    // It is kept here, since libevent would have to search for it.
    armed_ = true;
  }
  void Disarm() override {
    evtimer_del(event_);
    armed_ = false;
  }
  bool armed() const override { return armed_; }

 private:
  void OnExpiry() {
    home_.Wake();
    armed_ = false;
    on_expiry_();
  }

  const EventHome& home_;
  event* event_;
  bool armed_ = false;
  std::function<void()> on_expiry_;
};

event_base* NewBase() {
  event_config* config = event_config_new();
  // A loop is used by one thread (Post has its own lock), so libevent needs none.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  assert(base != nullptr);
  return base;
}

}  // namespace

void LibeventLoop::FreeBase::operator()(event_base* base) const {
  event_base_free(base);
}

LibeventLoop::LibeventLoop(Resolver& resolver)
    : resolver_(resolver),
      base_(NewBase()),
      home_{base_.get(), *this},
      lingering_(std::make_unique<LingeringSockets>(base_.get())),
      mailbox_(std::make_unique<Mailbox>(home_)) {}

LibeventLoop::~LibeventLoop() {
  mailbox_.reset();
}

std::unique_ptr<Timer> LibeventLoop::NewTimer(std::function<void()> on_expiry) {
  return std::make_unique<LibeventTimer>(home_, std::move(on_expiry));
}

std::unique_ptr<Stream> LibeventLoop::Connect(const Endpoint& endpoint, StreamObserver& observer) {
  auto stream = std::make_unique<LibeventStream>(home_, observer);
  if (!stream->ConnectNow(endpoint)) stream->ResolveAndConnect(endpoint, *this, resolver_);
  return stream;
}

std::unique_ptr<Stream> LibeventLoop::Adopt(int fd, StreamObserver& observer) {
  return std::make_unique<LibeventStream>(home_, observer, fd, lingering_.get());
}

void LibeventLoop::EndSocket(int fd) {
  if (shutdown(fd, SHUT_WR) == 0) return lingering_->Add(fd);
  close(fd);
}

// By the first now() of a turn, see EventHome.
TimePoint LibeventLoop::Read() const {
  return Keep(std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()));
}

void LibeventLoop::Measure(NextTurn before, NextTurn after) {
  const TimePoint began = now();
  Forget();
  const TimePoint ended = now();
  turn_meter_({.waited = before == NextTurn::kMayWait ? began - turn_ended_ : Duration(0), .took = ended - began});
  turn_ended_ = ended;
  // Between two turns of which the second does not wait the clock is read once: the one's end is the other's beginning.
  if (after == NextTurn::kMayWait) Forget();
}

void LibeventLoop::Run() {
  NextTurn next = NextTurn::kMayWait;
  turn_ended_ = now();
  Forget();
  while (!stopping_) {
    const NextTurn before = next;
    // A turn that holds output back for the next one does not wait for news before it.
    event_base_loop(base_.get(), EVLOOP_ONCE | (before == NextTurn::kAtOnce ? EVLOOP_NONBLOCK : 0));
    if (end_of_turn_) next = end_of_turn_();
    turn_meter_ ? Measure(before, next) : Forget();
  }
}

void LibeventLoop::Stop() {
  // It is posted, so that a loop that waits is woken and only its own thread touches the flag.
  Post([this] { stopping_ = true; });
}

}  // namespace ringproxy::net
