#include "proxy/session/arrivals.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "backends/line_limit.h"

namespace ringproxy::proxy {

void Arrivals::Add(ListenerContext& listener, ClientState client, std::unique_ptr<Greeting> greeting,
                   const SessionTable::MakeStream& make_stream) {
  Arrival& arrival = arrivals_.emplace_back(*this, listener, std::move(client), std::move(greeting));
  arrival.place = std::prev(arrivals_.end());
  arrival.end = clock_.now() + kLongest;
  arrival.stream = make_stream(arrival);
}

void Arrivals::Continue(Arrival& arrival) {
  switch (arrival.greeting->Continue(arrival.stream, arrival.client)) {
    case Greeting::GreetingStatus::kUnderWay: return;
    case Greeting::GreetingStatus::kWhole: return BeginSession(arrival);
    case Greeting::GreetingStatus::kWrong: return Refuse(arrival, "is wrong");
    case Greeting::GreetingStatus::kLeft: return Refuse(arrival, "was not whole when it left");
  }
}

void Arrivals::BeginSession(Arrival& arrival) {
  Places begun;
  begun.splice(begun.begin(), arrivals_, arrival.place);
  begin_(arrival.listener, std::move(arrival.client), [&](net::StreamObserver& session) {
    arrival.stream->SetObserver(session);
    return std::move(arrival.stream);
  });
}

void Arrivals::Refuse(Arrival& arrival, std::string_view why) {
  static backends::LineLimit lines;
  lines.Log(clock_.now(), spdlog::level::warn, "client {} of listener {} is closed: {} {}", arrival.client.address,
            arrival.listener.conf.name, arrival.greeting->name(), why);
  arrival.listener.stats.greeting_failures.Add();
  Close(arrival);
}

void Arrivals::Close(Arrival& arrival) {
  // As a session counts itself: who had to be told its greeting was a client of the listener, too.
  arrival.listener.stats.accepted.Add();
  arrival.listener.stats.closed.Add();
  arrivals_.erase(arrival.place);
}

void Arrivals::CloseAll() {
  while (!arrivals_.empty()) Close(arrivals_.front());
}

void Arrivals::Tick() {
  static const std::string late = fmt::format("was not whole after {}s", kLongest / std::chrono::seconds(1));
  const net::TimePoint now = clock_.now();
  while (!arrivals_.empty() && arrivals_.front().end <= now) Refuse(arrivals_.front(), late);
}

}  // namespace ringproxy::proxy
