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
  LibeventTimer(event_base* base, std::function<void()> on_expiry) : on_expiry_(std::move(on_expiry)) {
    event_ = evtimer_new(
        base, [](int, short, void* self) { static_cast<LibeventTimer*>(self)->OnExpiry(); }, this);
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
    armed_ = false;
    on_expiry_();
  }

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
      lingering_(std::make_unique<LingeringSockets>(base_.get())),
      mailbox_(std::make_unique<Mailbox>(base_.get())) {}

LibeventLoop::~LibeventLoop() {
  mailbox_.reset();
}

std::unique_ptr<Timer> LibeventLoop::NewTimer(std::function<void()> on_expiry) {
  return std::make_unique<LibeventTimer>(base_.get(), std::move(on_expiry));
}

std::unique_ptr<Stream> LibeventLoop::Connect(const Endpoint& endpoint, StreamObserver& observer) {
  auto stream = std::make_unique<LibeventStream>(base_.get(), observer);
  if (!stream->ConnectNow(endpoint)) stream->ResolveAndConnect(endpoint, *this, resolver_);
  return stream;
}

std::unique_ptr<Stream> LibeventLoop::Adopt(int fd, StreamObserver& observer) {
  return std::make_unique<LibeventStream>(base_.get(), observer, fd, lingering_.get());
}

void LibeventLoop::EndSocket(int fd) {
  if (shutdown(fd, SHUT_WR) == 0) return lingering_->Add(fd);
  close(fd);
}

// By the first now() of a turn: libevent offers no hook between waking and the first callback.
TimePoint LibeventLoop::Read() const {
  return Keep(std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()));
}

void LibeventLoop::Run() {
  NextTurn next = NextTurn::kMayWait;
  while (!stopping_) {
    Forget();
    // A turn that holds output back for the next one does not wait for news before it.
    event_base_loop(base_.get(), EVLOOP_ONCE | (next == NextTurn::kAtOnce ? EVLOOP_NONBLOCK : 0));
    if (end_of_turn_) next = end_of_turn_();
  }
}

void LibeventLoop::Stop() {
  // It is posted, so that a loop that waits is woken and only its own thread touches the flag.
  Post([this] { stopping_ = true; });
}

}  // namespace ringproxy::net
