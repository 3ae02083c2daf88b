#include "proxy/session/client_desk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "proxy/session/session_table.h"

namespace ringproxy::proxy {
namespace {

void ReplyError(std::string_view words, backends::ReplySink& sink, backends::Ticket ticket) {
  std::string error;
  wire::AppendError(words, &error);
  sink.OnReply(ticket, backends::Reply(std::string_view(error)));
}

// A server's buffer holds the command while it is done. Here it may have been taken out of it by then.
ClientFacts FactsOfAsker(const Session& session, size_t command_bytes) {
  ClientFacts facts = session.Facts();
  facts.request_bytes = std::max(facts.request_bytes, command_bytes);
  return facts;
}

}  // namespace

ClientDesk::ClientDesk(ClientIo& io, SessionTable& sessions, std::vector<ListenerContext>& listeners,
                       backends::ReplySink& sink, ClientPosts posts)
    : io_(io),
      sessions_(sessions),
      listeners_(listeners),
      sink_(sink),
      posts_(std::move(posts)),
      patience_(io.io.loop, [this] { OnTime(); }),
      pauses_(io.io.loop, [this] { EndPauses(); }) {}

void ClientDesk::Ask(const RoutedRequest& routed, const ClientState& asker, uint32_t listener,
                     backends::Ticket ticket) {
  if (routed.spec.name == "client|info") {
    std::string info;
    AppendInfo(ticket.owner, asker.flavour.protocol, routed.request.encoded().size(), &info);
    return sink_.OnReply(ticket, backends::Reply(std::string_view(info)));
  }
  std::string error;
  std::optional<ClientQuestion> question = ReadClientQuestion(routed.request, &error);
  if (!question) return sink_.OnReply(ticket, backends::Reply(std::string_view(error)));
  WaitingClients& waiting = question->deed == ClientQuestion::Deed::kList ? lists_ : deeds_;
  if (waiting.size() >= kMostWaiting)
    return ReplyError("ERR too many clients ask about the others: ask again later", sink_, ticket);
  question->listener = listener;
  question->asker = asker.id;
  question->asker_bytes = FactsOfAsker(sessions_.At(ticket.owner), routed.request.encoded().size()).request_bytes;
  waiting.push_back({ticket, asker.flavour.protocol, std::make_shared<ClientQuestion>(std::move(*question))});
  BeginNext();
}

void ClientDesk::AppendInfo(uint32_t owner, uint8_t protocol, size_t command_bytes, std::string* out) const {
  std::string line;
  AppendClientLine(FactsOfAsker(sessions_.At(owner), command_bytes), io_.io.loop.now(), &line);
  wire::AppendText(line, protocol, out);
}

void ClientDesk::BeginNext() {
  while (missing_ == 0 && (!lists_.empty() || !deeds_.empty())) {
    AskingClient next = TakeNext();
    if (!sessions_.Awaits(next.ticket)) continue;
    asked_ = std::move(next);
    answer_ = {};
    missing_ = posts_.workers;
    until_ = io_.io.loop.now() + kPatience;
    patience_.FireBy(until_);
    const uint64_t number = ++number_;
    if (posts_.ask) return posts_.ask(asked_.question, number);
    return OnAnswer(number, Answer(*asked_.question));
  }
}

ClientDesk::AskingClient ClientDesk::TakeNext() {
  const bool was_list = asked_.question && asked_.question->deed == ClientQuestion::Deed::kList;
  WaitingClients& from = deeds_.empty() || (!was_list && !lists_.empty()) ? lists_ : deeds_;
  AskingClient next = std::move(from.front());
  from.pop_front();
  return next;
}

void ClientDesk::OnAnswer(uint64_t number, ClientAnswer&& answer) {
  // It has come too late.
  if (missing_ == 0 || number != number_) return;
  answer_.Add(std::move(answer));
  if (--missing_ == 0) Finish();
}

void ClientDesk::Finish() {
  const AskingClient asking = asked_;
  ClientAnswer answer = std::exchange(answer_, {});
  const bool ends = answer.kills_asker;
  if (sessions_.Awaits(asking.ticket)) {
    std::string reply;
    AppendClientAnswer(*asking.question, std::move(answer), asking.protocol, &reply);
    if (reply.size() > io_.io.memory.most_taken()) {
      sink_.OnFailure(asking.ticket, {wire::ErrorCode::kOutOfMemory});
    } else {
      sink_.OnReply(asking.ticket, backends::Reply(std::string_view(reply)));
    }
    // It has its reply before its connection ends.
    if (ends) sessions_.At(asking.ticket.owner).Drain();
  }
  BeginNext();
}

void ClientDesk::OnTime() {
  if (missing_ == 0) return;
  if (io_.io.loop.now() < until_) return patience_.FireBy(until_);
  // An answer to it would be taken for the next one's.
  missing_ = 0;
  ++number_;
  // Who is told may ask again at once.
  const WaitingClients asked = {asked_};
  const WaitingClients deeds = std::exchange(deeds_, {});
  const WaitingClients lists = std::exchange(lists_, {});
  for (const WaitingClients* waiting : {&asked, &deeds, &lists}) FailAll(*waiting);
  BeginNext();
}

void ClientDesk::FailAll(const WaitingClients& waiting) {
  for (const AskingClient& asking : waiting) {
    if (sessions_.Awaits(asking.ticket))
      ReplyError("ERR a worker of ringproxy does not answer: try again", sink_, asking.ticket);
  }
}

ClientAnswer ClientDesk::Answer(const ClientQuestion& question) {
  using Deed = ClientQuestion::Deed;
  ClientAnswer answer;
  if (question.deed == Deed::kPause || question.deed == Deed::kUnpause) {
    question.deed == Deed::kPause ? Pause(question) : EndPause(listeners_[question.listener]);
    return answer;
  }
  const net::TimePoint now = io_.io.loop.now();
  sessions_.ForEach([&](Session& session) {
    ClientFacts facts = session.Facts();
    if (session.closed() || facts.listener != question.listener) return;
    const bool is_asker = facts.client.id == question.asker;
    if (is_asker) facts.request_bytes = question.asker_bytes;
    if (!question.filter.Fits(facts, now) || (is_asker && question.filter.skips_asker)) return;
    if (question.deed == Deed::kList) {
      auto& line = answer.lines.emplace_back(facts.client.id, std::string());
      return AppendClientLine(facts, now, &line.second);
    }
    const uint32_t owner = session.requests().owner();
    if (question.deed == Deed::kUnblock && (!io_.waits.IsWaiting(owner) || io_.waits.IsEnding(owner))) return;
    ++answer.count;
    if (question.deed == Deed::kUnblock)
      return io_.waits.Cut(owner, question.with_error ? WaitEnd::kError : WaitEnd::kTimeout);
    is_asker ? static_cast<void>(answer.kills_asker = true) : session.Close("ended by CLIENT KILL");
  });
  return answer;
}

void ClientDesk::Pause(const ClientQuestion& question) {
  ClientPause& pause = listeners_[question.listener].pause;
  using HeldCommands = ClientPause::HeldCommands;
  pause.Extend(question.all ? HeldCommands::kAll : HeldCommands::kWrites, io_.io.loop.now() + question.time);
  pauses_.FireBy(pause.until);
  sessions_.ForEach([&](Session& session) {
    if (!session.closed() && session.Facts().listener == question.listener) session.requests().Stop();
  });
}

void ClientDesk::EndPause(ListenerContext& listener) {
  if (!listener.pause.is_on()) return;
  // Who has left meanwhile is gone before what it sent is done.
  sessions_.ForEach([&](Session& session) {
    if (!session.closed() && session.Facts().listener == listener.index) session.Tick(io_.io.loop.now());
  });
  listener.pause = {};
  sessions_.ForEach([&](Session& session) {
    if (session.Facts().listener == listener.index) session.Resume();
  });
}

void ClientDesk::EndPauses() {
  const net::TimePoint now = io_.io.loop.now();
  for (ListenerContext& listener : listeners_) {
    if (!listener.pause.is_on()) continue;
    listener.pause.until <= now ? EndPause(listener) : pauses_.FireBy(listener.pause.until);
  }
}

}  // namespace ringproxy::proxy
