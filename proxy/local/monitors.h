// proxy/local/monitors.h – The clients of one worker that have said MONITOR, and what they read.
//
// Purpose: while any client of the process monitors, each worker writes down the commands of its clients, and what a
// turn of the loop has brought goes to all workers that have monitors, by way of whoever joins the workers.
// Threads: its worker's. Lifetime: all that it is given outlives it. Bounds: kMost monitors; kMostUnderWay bytes of
// lines are on their way to others. When there are more, and when a monitor does not read, it is disconnected: whoever
// reads a stream reads all of it, or its share.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/earliest_timer.h"
#include "backends/ticket.h"
#include "backends/wire/command.h"
#include "backends/wire/request.h"
#include "proxy/local/local_commands.h"
#include "proxy/state/message_sink.h"

namespace ringproxy::proxy {

// The lines of one worker. Any thread may hold it.
class MonitorLines {
 public:
  // `under_way`: bytes of lines that somebody holds.
  MonitorLines(std::string text, bool has_gap, std::shared_ptr<std::atomic<size_t>> under_way)
      : text_(std::move(text)), has_gap_(has_gap), under_way_(std::move(under_way)) {
    under_way_->fetch_add(text_.size(), std::memory_order_relaxed);
  }
  ~MonitorLines() { under_way_->fetch_sub(text_.size(), std::memory_order_relaxed); }
  MonitorLines(const MonitorLines&) = delete;
  MonitorLines& operator=(const MonitorLines&) = delete;

  std::string_view text() const { return text_; }
  // Some are missing.
  bool has_gap() const { return has_gap_; }

 private:
  const std::string text_;
  const bool has_gap_;
  const std::shared_ptr<std::atomic<size_t>> under_way_;
};

// How a worker reaches the others; without it there are none.
struct MonitorPosts {
  // Its own monitors want one of so many commands; 0: it has none. All workers are told, then OnConfirmed comes.
  std::function<void(uint32_t one_in)> watch{};
  // To every worker that has monitors, this one included.
  std::function<void(std::shared_ptr<const MonitorLines>)> lines{};
};

class Monitors {
 public:
  static constexpr size_t kMost = 4;
  static constexpr size_t kMostUnderWay = 4 << 20;

  // `follow`: whether the worker's clients are to be watched has changed.
  Monitors(net::Loop& loop, backends::ReplySink& sink, MessageSink& messages, MonitorPosts posts,
           std::function<void(bool)> follow);

  // Answers the ticket when commands are written down everywhere. `one_in`: it reads one of so many; 0: nobody
  // understands how many. False: it is refused.
  bool Start(uint32_t session, uint32_t one_in, backends::Ticket ticket);
  // It monitors no more, if it does.
  void End(uint32_t session);

  // Whether the worker's clients are watched.
  bool is_on() const { return one_in_ > 0; }
  // A request that a client has made. Requires: is_on().
  void Tell(const wire::CommandSpec& spec, const wire::Request& request, const ClientState& client);

  // From the others. 0: nobody monitors.
  void OnWatched(uint32_t one_in);
  void OnConfirmed();
  void OnLines(const MonitorLines& lines);

 private:
  struct MonitorEntry {
    uint32_t session;
    uint32_t one_in;
    uint32_t passed = 0;        // Commands since the last one that it has read.
    bool is_confirmed = false;  // Its +OK has been said.
  };

  void Watch(std::optional<backends::Ticket> ticket);
  void SendLines();
  void Show(MonitorEntry& entry, std::string_view text);

  const net::Clock& clock_;
  backends::ReplySink& sink_;
  MessageSink& messages_;
  const MonitorPosts posts_;
  const std::function<void(bool)> follow_;
  net::EarliestTimer timer_;  // While there are lines.
  std::vector<MonitorEntry> monitors_;
  std::deque<std::optional<backends::Ticket>> unconfirmed_;
  uint32_t one_in_ = 0;  // Of the commands of all clients that are written down.
  uint32_t passed_ = 0;
  std::string lines_;
  bool has_gap_ = false;
  std::shared_ptr<std::atomic<size_t>> under_way_ = std::make_shared<std::atomic<size_t>>(0);
};

}  // namespace ringproxy::proxy
