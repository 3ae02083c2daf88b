// tests/proxy/guard/limiter_fixture.h – A RateLimiter, and what becomes of the requests that it was asked about.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "proxy/guard/rate_limiter.h"
#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {

class LimiterFixture : public GuardFixture, protected RateLimiter::Observer {
 protected:
  using Verdict = RateLimiter::Verdict;

  // What became of requests, by the number that Admit has given them.
  struct Events {
    std::vector<uint32_t> admitted;  // After a wait.
    std::vector<uint32_t> refused;   // After a wait.
    std::vector<uint32_t> replied;
    std::vector<uint32_t> failed;
    bool operator==(const Events&) const = default;
  };

  void Make(std::vector<conf::Limit> limits) { Make(LimitedFleet(std::move(limits))); }
  void Make(conf::Config config) {
    limiter_.reset();
    Hold(std::move(config));
    limiter_.emplace(Parts());
    limiter_->Adopt(*snapshot_);
  }
  // Of a worker's limiter.
  RateLimiter::LimiterParts Parts() {
    return {.io = io_, .shared = *shared_, .worker = 0, .sink = *this, .observer = *this};
  }

  // Its request is number next_ - 1.
  Verdict Admit(std::string_view line, const ClientIdentity& client = Client(1), uint32_t listener = kWeb) {
    const Asked asked(listener, line, client);
    Ticket ticket{0, 0, next_, Ticket::Kind::kSession};
    admitting_ = true;
    decision_ = limiter_->Admit(*held_, asked, &ticket);
    admitting_ = false;
    if (decision_.verdict == Verdict::kAdmitted) tickets_[next_] = ticket;
    ++next_;
    Flush();
    return decision_.verdict;
  }
  // How many of `count` in a row are admitted at once.
  int Admitted(int count, std::string_view line, const ClientIdentity& client = Client(1)) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += Admit(line, client) == Verdict::kAdmitted ? 1 : 0;
    return admitted;
  }
  // Of the request that was admitted last.
  const Ticket& Last() { return tickets_.rbegin()->second; }
  void Reply(uint32_t number, std::string_view reply = "+OK\r\n") {
    const Ticket ticket = tickets_.at(number);
    OnReply(ticket, backends::Reply(reply));
    Flush();
  }
  Events TakeEvents() { return std::exchange(events_, {}); }
  // The store has no tokens left for the lease of a slow limit, and has said so.
  void EmptyLease() {
    Admit("get x");
    Grant(0, 0, 1000);
    TakeQuestions();
  }

  void OnReply(Ticket ticket, backends::Reply&& reply) override {
    if (backends::ReplySink* sink = SinkOf(ticket)) return sink->OnReply(ticket, std::move(reply));
    events_.replied.push_back(ticket.slot);
  }
  void OnFailure(Ticket ticket, const wire::Failure& failure) override {
    if (backends::ReplySink* sink = SinkOf(ticket)) return sink->OnFailure(ticket, failure);
    events_.failed.push_back(ticket.slot);
  }
  void OnAdmitted(Ticket waiting, Ticket use) override {
    EXPECT_FALSE(admitting_);
    events_.admitted.push_back(waiting.slot);
    tickets_[waiting.slot] = use;
  }
  void OnRefused(Ticket waiting, const RateLimiter::Decision& decision) override {
    EXPECT_FALSE(admitting_);
    events_.refused.push_back(waiting.slot);
    decision_ = decision;
  }
  // The limiter's, of its tickets.
  backends::ReplySink* SinkOf(Ticket ticket) {
    if (ticket.kind == Ticket::Kind::kLimit) return &*limiter_;
    return ticket.kind == Ticket::Kind::kStore ? &limiter_->store() : nullptr;
  }

  std::optional<RateLimiter> limiter_;
  uint32_t next_ = 0;
  bool admitting_ = false;
  RateLimiter::Decision decision_;
  std::map<uint32_t, Ticket> tickets_;
  Events events_;
};

}  // namespace ringproxy::proxy
