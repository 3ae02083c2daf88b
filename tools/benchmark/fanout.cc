// tools/benchmark/fanout.cc – see fanout.h.
#include "tools/benchmark/fanout.h"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

constexpr std::string_view kSubscribe = "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n";
constexpr std::string_view kSubscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
constexpr size_t kWarmUpMessages = 5;
constexpr uint64_t kPatienceNs = 10'000'000'000;
constexpr int kEventsAtOnce = 512;

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

void Say(int fd, std::string_view request) {
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) Die("send");
}

void Expect(int fd, std::string_view reply) {
  std::string got(reply.size(), '\0');
  const ssize_t size = recv(fd, got.data(), got.size(), MSG_WAITALL);
  if (size < 0 || got.substr(0, static_cast<size_t>(size)) != reply) Die("the reply was not " + std::string(reply));
}

class Fanout {
 public:
  explicit Fanout(const LoadOptions& options) : publisher_(ConnectTo(options.address)) {
    const std::string value(options.shape.value_bytes, 'x');
    publish_ = "*3\r\n$7\r\nPUBLISH\r\n" + Bulk("news") + Bulk(value);
    message_ = "*3\r\n$7\r\nmessage\r\n" + Bulk("news") + Bulk(value);
    published_ = ":" + std::to_string(options.listeners) + "\r\n";
    got_.resize(message_.size() + 1);
    for (size_t i = 0; i < options.listeners; ++i) {
      listeners_.push_back({ConnectTo(options.address)});
      Say(listeners_.back().fd.get(), kSubscribe);
      Expect(listeners_.back().fd.get(), kSubscribed);
      SetNonBlocking(listeners_.back().fd.get());
    }
    for (Listener& listener : listeners_) epoll_.Add(listener.fd.get(), EPOLLIN, &listener);
  }

  // Returns the nanoseconds until every listener has it.
  uint64_t PublishOne() {
    const uint64_t begin = NowNs();
    Say(publisher_.get(), publish_);
    size_t have_it = 0;
    epoll_event events[kEventsAtOnce];
    while (have_it < listeners_.size()) {
      const int count = epoll_.Wait(events, kEventsAtOnce, static_cast<int64_t>(kPatienceNs));
      if (NowNs() - begin > kPatienceNs) Die("a message did not come");
      for (int i = 0; i < count; ++i) have_it += Read(*static_cast<Listener*>(events[i].data.ptr)) ? 1 : 0;
    }
    const uint64_t took = NowNs() - begin;
    Expect(publisher_.get(), published_);
    return took;
  }

 private:
  struct Listener {
    Fd fd;
    size_t bytes = 0;  // Of the message that is under way.
  };

  // Whether the message is whole now.
  bool Read(Listener& listener) {
    const ssize_t size = recv(listener.fd.get(), got_.data(), got_.size(), 0);
    const auto got = static_cast<size_t>(std::max<ssize_t>(size, 0));
    if (size <= 0 || std::string_view(message_).substr(listener.bytes, got) != std::string_view(got_).substr(0, got)) {
      Die("a listener was cut off, or read another message");
    }
    listener.bytes = (listener.bytes + got) % message_.size();
    return listener.bytes == 0;
  }

  Fd publisher_;
  Epoll epoll_;
  std::vector<Listener> listeners_;
  std::string publish_, message_, published_, got_;
};

}  // namespace

FanoutReport RunFanout(const LoadOptions& options) {
  Fanout fanout(options);
  for (size_t i = 0; i < kWarmUpMessages; ++i) fanout.PublishOne();
  ProcessCosts costs(options.watched, options.count_calls_of);
  FanoutReport report;
  costs.Begin();
  for (size_t i = 0; i < options.messages; ++i) {
    const double seconds = static_cast<double>(fanout.PublishOne()) / 1e9;
    report.seconds += seconds;
    report.slowest_ms = std::max(report.slowest_ms, seconds * 1e3);
  }
  report.spent = costs.End();
  report.deliveries = options.messages * options.listeners;
  return report;
}

}  // namespace ringproxy::bench
