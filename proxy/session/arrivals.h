// proxy/session/arrivals.h – Clients of one worker that were accepted and whose session has not begun: a greeting has
// to come first.
//
// Purpose: begins the session of each whose greeting is whole. Whose greeting is wrong, or not whole after kLongest, or
// who leaves before, is closed without words, and the log names it. They count as clients of their listener, and none
// costs the others more than its own bytes.
// Threads: its worker's. Lifetime: what it is given outlives it.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "proxy/session/greeting.h"
#include "proxy/session/session_table.h"

namespace ringproxy::proxy {

class Arrivals {
 public:
  // By the tick that follows.
  static constexpr net::Duration kLongest = std::chrono::seconds(5);

  // Begins a session on the stream that the last argument makes for it.
  using Begin = std::function<void(ListenerContext&, ClientState, const SessionTable::MakeStream&)>;
  Arrivals(const net::Clock& clock, Begin begin) : clock_(clock), begin_(std::move(begin)) {}

  void Add(ListenerContext& listener, ClientState client, std::unique_ptr<Greeting> greeting,
           const SessionTable::MakeStream& make_stream);
  // Since the worker drains.
  void CloseAll();
  // About once a second.
  void Tick();

 private:
  struct Arrival;
  using Places = std::list<Arrival>;  // Their streams need a place that stays. The oldest is the first.

  struct Arrival final : net::StreamObserver {
    Arrival(Arrivals& its_owner, ListenerContext& its_listener, ClientState its_client, std::unique_ptr<Greeting> first)
        : owner(its_owner), listener(its_listener), client(std::move(its_client)), greeting(std::move(first)) {}
    void OnConnected(int) override {}
    void OnReadable() override { owner.Continue(*this); }
    void OnWritable() override { owner.Continue(*this); }

    Arrivals& owner;
    ListenerContext& listener;
    ClientState client;
    std::unique_ptr<Greeting> greeting;
    std::unique_ptr<net::Stream> stream = nullptr;
    net::TimePoint end{};
    Places::iterator place{};
  };

  // It may be gone afterwards.
  void Continue(Arrival& arrival);
  void BeginSession(Arrival& arrival);
  // `why`, for the log, goes on after the greeting's name.
  void Refuse(Arrival& arrival, std::string_view why);
  void Close(Arrival& arrival);

  const net::Clock& clock_;
  Begin begin_;
  Places arrivals_;
};

}  // namespace ringproxy::proxy
