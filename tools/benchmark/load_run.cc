// tools/benchmark/load_run.cc – see load_run.h.
#include "tools/benchmark/load_run.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

namespace ringproxy::bench {
namespace {

constexpr size_t kScratchBytes = size_t{256} << 10;
constexpr int kEventsPerTurn = 256;
constexpr double kNsPerSecond = 1e9;
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
// Far longer than a proxy lets a request wait: what is not answered by then is lost.
constexpr uint64_t kDrainNs = 5'000'000'000;

uint64_t Ns(double seconds) {
  return static_cast<uint64_t>(seconds * kNsPerSecond);
}

// From here on the server answers in RESP3.
void SpeakResp3(int fd) {
  constexpr std::string_view kGreeting = "HELLO 3\r\nPING\r\n";
  constexpr std::string_view kEnd = "+PONG\r\n";
  if (send(fd, kGreeting.data(), kGreeting.size(), MSG_NOSIGNAL) < 0) Die("send HELLO");
  std::string reply;
  while (!reply.ends_with(kEnd)) {
    char piece[1024];
    const ssize_t got = recv(fd, piece, sizeof piece, 0);
    if (got <= 0) Die("the reply to HELLO");
    reply.append(piece, static_cast<size_t>(got));
  }
  if (!reply.starts_with('%')) Die("HELLO 3, which was refused");
}

}  // namespace

LoadRun::LoadRun(const LoadOptions& options)
    : options_(options), set_(options.shape), scratch_(kScratchBytes), costs_(options.watched, options.count_calls_of) {
  prctl(PR_SET_TIMERSLACK, 1);  // The open loop wakes on time, not within the usual 50 us.
  if (!options_.trace.empty()) trace_ = std::make_unique<Trace>(options_.trace);
}

LoadReport LoadRun::Run() {
  Connect();
  start_ns_ = NowNs();
  // A run of so many requests has no warm-up, since all of them count.
  begin_ns_ = options_.requests > 0 ? start_ns_ : start_ns_ + Ns(options_.warmup);
  const bool ends_by_time = options_.requests == 0 && !options_.until_stdin_ends;
  end_ns_ = ends_by_time ? begin_ns_ + Ns(options_.seconds) : kNever;
  if (options_.until_stdin_ends) WatchStdin();
  if (!open_loop()) {
    for (const auto& connection : connections_) SendBatch(*connection);
  }
  while (true) {
    const uint64_t now_ns = NowNs();
    if (!measuring_ && now_ns >= begin_ns_) BeginWindow(now_ns);
    const bool all_done = options_.requests > 0 && report_.latency_ns.total() + report_.errors >= options_.requests;
    if (all_done || now_ns >= end_ns_) {
      EndWindow(now_ns);
      break;
    }
    if (open_loop()) SendDue(now_ns);
    Turn(measuring_ ? end_ns_ : begin_ns_);
  }
  Drain();
  if (trace_) trace_->Close();
  return report_;
}

// Once: its end stays readable for ever.
void LoadRun::WatchStdin() {
  epoll_.Add(STDIN_FILENO, EPOLLIN | EPOLLONESHOT, nullptr);
}

void LoadRun::Connect() {
  for (size_t i = 0; i < options_.connections; ++i) {
    // Each connection begins elsewhere in the cycle, or all of them would ask for the same key at the same time.
    const uint64_t first_request = i * set_.count() / options_.connections;
    Fd fd = ConnectTo(options_.address);
    if (options_.resp3) SpeakResp3(fd.get());
    connections_.push_back(std::make_unique<LoadConnection>(std::move(fd), set_, first_request));
    connections_.back()->Register(epoll_);
    if (options_.one_at_a_time) idle_.push_back(connections_.back().get());
  }
}

void LoadRun::BeginWindow(uint64_t now_ns) {
  report_.latency_ns = Histogram{};  // What went wrong during the warm-up stays counted.
  report_.bytes = ByteCounts{};
  costs_.Begin();
  // The window of an open loop is that of its schedule, so that waking up late loses no request.
  if (!open_loop()) begin_ns_ = now_ns;
  measuring_ = true;
}

void LoadRun::EndWindow(uint64_t now_ns) {
  report_.spent = costs_.End();
  report_.seconds = static_cast<double>(now_ns - begin_ns_) / kNsPerSecond;
  measuring_ = false;
  stopping_ = true;
}

void LoadRun::Drain() {
  const uint64_t give_up_ns = NowNs() + kDrainNs;
  const auto outstanding = [this] {
    uint64_t sum = 0;
    for (const auto& connection : connections_) sum += connection->open() ? connection->outstanding() : 0;
    return sum;
  };
  while (outstanding() > 0 && NowNs() < give_up_ns) Turn(give_up_ns);
  report_.unanswered = outstanding();
}

void LoadRun::Turn(uint64_t until_ns) {
  const uint64_t wake_ns = open_loop() && !stopping_ ? std::min(until_ns, DueNs(issued_)) : until_ns;
  const uint64_t now_ns = NowNs();
  const int64_t wait_ns = wake_ns == kNever ? -1 : static_cast<int64_t>(wake_ns > now_ns ? wake_ns - now_ns : 0);
  epoll_event events[kEventsPerTurn];
  const int ready = epoll_.Wait(events, kEventsPerTurn, wait_ns);
  for (int i = 0; i < ready; ++i) {
    // Standard input has ended, and with it the run.
    if (events[i].data.ptr == nullptr) {
      end_ns_ = NowNs();
      continue;
    }
    auto& connection = *static_cast<LoadConnection*>(events[i].data.ptr);
    const bool was_busy = connection.outstanding() > 0;
    // Errors and hang-ups are met by reading, too.
    if ((events[i].events & ~uint32_t{EPOLLOUT}) != 0 && !connection.Read(scratch_, *this, report_.bytes)) {
      Lose(connection);
      continue;
    }
    if ((events[i].events & EPOLLOUT) != 0) Send(connection);
    if (!connection.open() || connection.outstanding() > 0) continue;
    if (!open_loop()) SendBatch(connection);
    if (options_.one_at_a_time && was_busy) idle_.push_back(&connection);
  }
}

void LoadRun::SendDue(uint64_t now_ns) {
  for (; DueNs(issued_) <= now_ns; ++issued_) {
    LoadConnection& connection = NextConnection();
    if (!connection.open()) continue;
    connection.Queue(1, DueNs(issued_));
    Send(connection);
  }
}

LoadConnection& LoadRun::NextConnection() {
  while (!idle_.empty()) {
    LoadConnection* const longest = idle_.front();
    idle_.pop_front();
    if (longest->open()) return *longest;
  }
  if (options_.one_at_a_time) ++report_.crowded;
  return *connections_[issued_ % connections_.size()];
}

uint64_t LoadRun::DueNs(uint64_t request) const {
  // Counted from the start: a sum of rounded steps would drift away from the rate.
  return start_ns_ + static_cast<uint64_t>(static_cast<double>(request) * kNsPerSecond / options_.rate);
}

void LoadRun::SendBatch(LoadConnection& connection) {
  if (stopping_ || (options_.requests > 0 && issued_ >= options_.requests)) return;
  const uint64_t left = options_.requests > 0 ? options_.requests - issued_ : options_.pipeline;
  const uint64_t count = std::min<uint64_t>(options_.pipeline, left);
  issued_ += count;
  connection.Queue(count, NowNs());
  Send(connection);
}

void LoadRun::Send(LoadConnection& connection) {
  if (!connection.Write(epoll_, report_.bytes)) Lose(connection);
}

void LoadRun::Lose(LoadConnection& connection) {
  ++report_.disconnects;
  connection.Close();
  // A trial may cost some connections on purpose; without any there is nothing left to measure.
  const bool any_left = std::ranges::any_of(connections_, [](const auto& other) { return other->open(); });
  if (!any_left) Die("the last connection was closed by the peer");
}

void LoadRun::OnReply(uint64_t started_ns, uint64_t now_ns, const std::string* error_text) {
  if (trace_) trace_->Add(started_ns, now_ns, error_text);
  // A scheduled request counts when its time fell into the window, however late its reply; else the reply's time
  // decides.
  const bool counts = open_loop() ? started_ns >= begin_ns_ && started_ns < end_ns_ : measuring_;
  if (error_text != nullptr) {
    ++report_.errors;
    if (report_.first_error.empty()) report_.first_error = *error_text;
  } else if (counts) {
    report_.latency_ns.Add(now_ns - started_ns);
  }
}

}  // namespace ringproxy::bench
