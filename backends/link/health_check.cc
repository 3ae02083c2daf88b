#include "backends/link/health_check.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "backends/health/silence_watch.h"
#include "backends/net/connect_error.h"
#include "backends/own_trouble.h"
#include "backends/wire/resp_encode.h"
#include "conf/units.h"

namespace ringproxy::backends {
namespace {

const conf::Auth kNoAuth;

std::unique_ptr<ItemSizeQuestion> NewItemSizeQuestion(conf::Protocol protocol) {
  return protocol == conf::Protocol::kMemcached ? std::make_unique<ItemSizeQuestion>() : nullptr;
}

std::unique_ptr<ServerQuestion> NewServerQuestion(conf::Protocol protocol) {
  return protocol == conf::Protocol::kRedis ? std::make_unique<ServerQuestion>() : nullptr;
}

std::unique_ptr<Handshake> MaintenanceQuestion(const std::string& key) {
  if (key.empty()) return nullptr;
  std::string request;
  wire::AppendArrayHeader(2, &request);
  wire::AppendBulk("EXISTS", &request);
  wire::AppendBulk(key, &request);
  return NewQuestion(std::move(request), ":0", "its maintenance key exists");
}

// FLUSHALL and not FLUSHDB: clients reach all databases through the proxy, and what the node missed may be in any.
std::unique_ptr<Handshake> FlushQuestion(conf::Protocol protocol) {
  constexpr const char* kOtherwise = "it could not be emptied";
  if (protocol == conf::Protocol::kMemcached) return NewQuestion("flush_all\r\n", "OK", kOtherwise);
  return NewQuestion("*1\r\n$8\r\nFLUSHALL\r\n", "+OK", kOtherwise);
}

// What Redis and memcached say to a connection beyond maxclients or -c.
bool IsFull(std::string_view refusal) {
  return refusal == "ERR max number of clients reached" || refusal == "ERROR Too many open connections";
}

}  // namespace

HealthCheck::HealthCheck(WorkerIo& io, const NodeSettings& settings, const conf::Health& options,
                         std::function<bool()> is_busy)
    : io_(io),
      settings_(settings),
      options_(options),
      is_busy_(std::move(is_busy)),
      ask_{.login = NewHandshake(settings.protocol, settings.auth),
           .probe = NewHandshake(settings.protocol, kNoAuth),
           .maintenance = MaintenanceQuestion(options.maintenance_key),
           .item_size = NewItemSizeQuestion(settings.protocol),
           .server = NewServerQuestion(settings.protocol),
           .flush = FlushQuestion(settings.protocol),
           .commands = std::make_unique<CommandQuestion>()},
      stream_(io, settings.protocol),
      timer_(io.loop.NewTimer([this] { OnTimer(); })) {}

void HealthCheck::Check(Done done) {
  // A connection that was kept has logged in before.
  std::vector<Handshake*> questions = {stream_.is_open() ? ask_.probe.get() : ask_.login.get()};
  // A server that was replaced by another release has closed the connection.
  if (ask_.item_size && !stream_.is_open()) questions.push_back(ask_.item_size.get());
  if (ask_.maintenance) questions.push_back(ask_.maintenance.get());
  // The last one, since it may leave the connection of no use.
  if (ask_.server && !stream_.is_open()) questions.push_back(ask_.server.get());
  Ask(std::move(questions), std::move(done));
}

void HealthCheck::Flush(Done done) {
  std::vector<Handshake*> questions = {ask_.flush.get()};
  if (!stream_.is_open()) questions.insert(questions.begin(), ask_.login.get());
  Ask(std::move(questions), std::move(done));
}

void HealthCheck::AskCommands(Done done) {
  std::vector<Handshake*> questions = {ask_.commands.get()};
  if (!stream_.is_open()) questions.insert(questions.begin(), ask_.login.get());
  Ask(std::move(questions), std::move(done));
}

void HealthCheck::Ask(std::vector<Handshake*> questions, Done done) {
  assert(!running());
  done_ = std::move(done);
  questions_ = std::move(questions);
  patience_ = options_.timeout;
  was_busy_ = is_busy_();
  timer_->Arm(patience_);
  if (stream_.is_open()) return AskNext();
  net::Endpoint endpoint = settings_.endpoint;
  endpoint.patience = patience_;
  stream_.Open(endpoint, *this);
}

void HealthCheck::OnConnected(int error) {
  if (IsOwnTrouble(error)) {
    NoteOwnTrouble(Attempt::kCheck, error, io_.loop.now());
    return Finish(CheckOutcome::kNotAsked, std::strerror(error));
  }
  if (error != 0) return Finish(CheckOutcome::kBad, net::ConnectErrorText(settings_.endpoint, error));
  AskNext();
}

void HealthCheck::AskNext() {
  std::string text;
  questions_.front()->Start(&text);
  HandleWritten(stream_.Say(text));
}

void HealthCheck::HandleWritten(const net::IoResult& written) {
  if (written.status != net::IoStatus::kError) return;
  running() ? Finish(CheckOutcome::kBad, "a check could not be sent") : Stop();
}

void HealthCheck::OnReadable() {
  const net::IoResult result = stream_.Fill();
  while (running()) {
    const FramedStream::FrameStatus status = stream_.Next();
    if (status == FramedStream::FrameStatus::kBad) return Finish(CheckOutcome::kBad, "not a reply of its protocol");
    if (status == FramedStream::FrameStatus::kNeedMore) break;
    // It is copied, since the answer may drop the stream with its buffer.
    const std::string reply(stream_.reply().bytes());
    stream_.reply().Drop();
    OnReply(reply);
  }
  // The answer may have closed it.
  if (!stream_.is_open()) return;
  const bool ended = result.status == net::IoStatus::kEnd || result.status == net::IoStatus::kError;
  if (running()) {
    if (ended) return Finish(CheckOutcome::kBad, "closed by the node");
    if (std::max(stream_.input_bytes(), stream_.bytes_needed()) > kMostAnswer)
      return Finish(CheckOutcome::kBad, "a reply that is too long");
    return stream_.Keep();
  }
  // Servers close idle connections; the next check opens another.
  if (ended || stream_.has_input()) Stop();
}

void HealthCheck::OnReply(std::string_view reply) {
  std::string next;
  switch (questions_.front()->OnReply(reply, &next)) {
    case Handshake::HandshakeStep::kMore: return HandleWritten(stream_.Say(next));
    case Handshake::HandshakeStep::kUnfit:
    case Handshake::HandshakeStep::kRefused: {
      const std::string& why = questions_.front()->refusal();
      // A script keeps the node from telling whether it shall serve.
      const bool is_open = questions_.front() == ask_.maintenance.get() && why.starts_with("BUSY ");
      if (is_open) return Finish(CheckOutcome::kNotAsked, why);
      return Finish(IsFull(why) ? CheckOutcome::kFull : CheckOutcome::kBad, why);
    }
    case Handshake::HandshakeStep::kDone: questions_.erase(questions_.begin());
  }
  if (!stream_.has_said_all()) return Finish(CheckOutcome::kBad, "a reply to what was not sent yet");
  if (questions_.empty()) {
    if (ask_.server && ask_.server->is_left_open()) stream_.Drop();
    return Finish(CheckOutcome::kGood, {});
  }
  AskNext();
}

// What was under way at the last look may have been the last that kept the node from answering.
void HealthCheck::OnTimer() {
  const bool is_busy = is_busy_();
  if ((std::exchange(was_busy_, is_busy) || is_busy) && patience_ < SilenceWatch::kLongestCheck) {
    const net::Duration more = std::min<net::Duration>(options_.timeout, SilenceWatch::kLongestCheck - patience_);
    patience_ += more;
    return timer_->Arm(more);
  }
  // The node itself has not been silent.
  if (stream_.is_resolving()) return Finish(CheckOutcome::kBad, net::UnresolvedText(settings_.endpoint));
  Finish(CheckOutcome::kNoAnswer, "no answer to a check within " + conf::FormatDuration(patience_));
}

void HealthCheck::Finish(CheckOutcome outcome, const std::string& why) {
  // The question ends before `done` is called, which may ask the next one.
  const Done done = std::move(done_);
  done_ = nullptr;
  timer_->Disarm();
  const std::string reason = why;  // The question's own text may go with Stop.
  // A reply that comes late after all would be read as the one to the next check.
  if (outcome != CheckOutcome::kGood) Stop();
  done(outcome, reason);
}

void HealthCheck::Stop() {
  done_ = nullptr;
  timer_->Disarm();
  stream_.Drop();
  questions_.clear();
}

}  // namespace ringproxy::backends
