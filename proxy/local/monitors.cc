#include "proxy/local/monitors.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/local/monitor_line.h"

namespace ringproxy::proxy {

Monitors::Monitors(net::Loop& loop, backends::ReplySink& sink, MessageSink& messages, MonitorPosts posts,
                   std::function<void(bool)> follow)
    : clock_(loop),
      sink_(sink),
      messages_(messages),
      posts_(std::move(posts)),
      follow_(std::move(follow)),
      timer_(loop, [this] { SendLines(); }) {}

bool Monitors::Start(uint32_t session, uint32_t one_in, backends::Ticket ticket) {
  const auto refuse = [&](std::string_view why) {
    sink_.OnReply(ticket, backends::Reply(why));
    return false;
  };
  if (one_in == 0) return refuse("-ERR syntax error\r\n");
  const auto known = std::ranges::find(monitors_, session, &MonitorEntry::session);
  if (known == monitors_.end()) {
    if (monitors_.size() >= kMost) return refuse("-ERR max number of monitors reached\r\n");
    monitors_.push_back({session, one_in});
  }
  Watch(ticket);
  return true;
}

void Monitors::End(uint32_t session) {
  if (std::erase_if(monitors_, [&](const MonitorEntry& entry) { return entry.session == session; }) > 0)
    Watch(std::nullopt);
}

void Monitors::Watch(std::optional<backends::Ticket> ticket) {
  uint32_t least = 0;
  for (const MonitorEntry& entry : monitors_) least = least == 0 ? entry.one_in : std::min(least, entry.one_in);
  unconfirmed_.push_back(ticket);
  if (posts_.watch) return posts_.watch(least);
  OnWatched(least);
  OnConfirmed();
}

void Monitors::OnWatched(uint32_t one_in) {
  const bool changes = is_on() != (one_in > 0);
  one_in_ = one_in;
  if (changes) follow_(is_on());
}

void Monitors::OnConfirmed() {
  const std::optional<backends::Ticket> ticket = unconfirmed_.front();
  unconfirmed_.pop_front();
  if (!ticket) return;
  const auto entry = std::ranges::find(monitors_, ticket->owner, &MonitorEntry::session);
  if (entry != monitors_.end()) entry->is_confirmed = true;
  sink_.OnReply(*ticket, backends::Reply(std::string_view("+OK\r\n")));
}

void Monitors::Tell(const wire::CommandSpec& spec, const wire::Request& request, const ClientState& client) {
  if (!IsShownToMonitors(spec) || ++passed_ < one_in_) return;
  passed_ = 0;
  if (lines_.size() + under_way_->load(std::memory_order_relaxed) > kMostUnderWay) {
    has_gap_ = true;
  } else {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    AppendMonitorLine(std::chrono::duration_cast<std::chrono::microseconds>(now), client.flavour.database,
                      client.address, spec, request, &lines_);
  }
  timer_.FireBy(clock_.now());
}

void Monitors::SendLines() {
  const auto lines =
      std::make_shared<const MonitorLines>(std::exchange(lines_, {}), std::exchange(has_gap_, false), under_way_);
  posts_.lines ? posts_.lines(lines) : OnLines(*lines);
}

void Monitors::OnLines(const MonitorLines& lines) {
  // Whoever is told may leave.
  const std::vector<MonitorEntry> before = monitors_;
  for (const MonitorEntry& each : before) {
    const auto entry = std::ranges::find(monitors_, each.session, &MonitorEntry::session);
    // Its first reply is the +OK.
    if (entry == monitors_.end() || !entry->is_confirmed) continue;
    lines.has_gap() ? messages_.OnGap(each.session) : Show(*entry, lines.text());
  }
}

void Monitors::Show(MonitorEntry& entry, std::string_view text) {
  const uint32_t written = std::max<uint32_t>(one_in_, 1);
  if (entry.one_in <= written) return messages_.OnLines(entry.session, text);
  std::string share;
  while (!text.empty()) {
    // What is within a line has no end of a line.
    const size_t size = text.find("\r\n") + 2;
    entry.passed += written;
    if (entry.passed >= entry.one_in) {
      entry.passed -= entry.one_in;
      share.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  if (!share.empty()) messages_.OnLines(entry.session, share);
}

}  // namespace ringproxy::proxy
