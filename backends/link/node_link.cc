#include "backends/link/node_link.h"

#include <cassert>
#include <cstring>
#include <random>

#include "backends/net/connect_error.h"
#include "backends/own_trouble.h"

namespace ringproxy::backends {
namespace {

// Until an attempt that failed for a reason of this process's own is repeated: half of it at least.
constexpr net::Duration kOwnTroubleWait = std::chrono::milliseconds(50);

net::Duration DrawOwnTroubleWait(std::mt19937_64& random) {
  const auto most = kOwnTroubleWait.count();
  return net::Duration(std::uniform_int_distribution(most / 2, most)(random));
}

bool MayMove(LinkState from, LinkState to) {
  switch (to) {
    case LinkState::kIdle: return false;
    case LinkState::kConnecting: return from != LinkState::kDraining && from != LinkState::kGreeting;
    case LinkState::kGreeting: return from == LinkState::kConnecting;
    case LinkState::kReady: return from == LinkState::kGreeting;
    case LinkState::kBackoff: return from != LinkState::kDraining;
    case LinkState::kDraining: return from == LinkState::kReady;
    case LinkState::kClosed: return from != LinkState::kClosed;
  }
  return false;
}

}  // namespace

NodeLink::NodeLink(const LinkParts& parts, User& user, Flavour flavour)
    : parts_(parts),
      user_(user),
      flavour_(flavour),
      next_flavour_(flavour),
      stream_(parts.io, parts.settings.protocol, &parts.pushes),
      timer_(parts.io.loop.NewTimer([this] { OnTimer(); })),
      batch_(parts.io.blocks),
      backoff_(parts.settings.reconnect) {}

NodeLink::~NodeLink() {
  if (state_ == LinkState::kReady) parts_.stats.ready_connections.Subtract(1);
}

void NodeLink::Enter(LinkState next) {
  assert(MayMove(state_, next));
  if (state_ == LinkState::kReady) parts_.stats.ready_connections.Subtract(1);
  state_ = next;
  if (state_ == LinkState::kReady) parts_.stats.ready_connections.Add();
  // One deadline for connecting and the greeting together.
  if (state_ != LinkState::kGreeting) timer_->Disarm();
}

void NodeLink::Become(Flavour flavour) {
  next_flavour_ = flavour;
  if (state_ != LinkState::kIdle && state_ != LinkState::kClosed) return;
  flavour_ = flavour;
  backoff_.Reset();
  first_attempt_ = true;
}

void NodeLink::Connect() {
  if (const net::Duration wait = user_.WaitToConnect(); wait > net::Duration(0)) {
    Enter(LinkState::kBackoff);
    timer_->Arm(wait);
    return;
  }
  Enter(LinkState::kConnecting);
  StartAttempt();
}

void NodeLink::StartAttempt() {
  timer_->Arm(parts_.settings.timeouts.connect);
  net::Endpoint endpoint = parts_.settings.endpoint;
  endpoint.patience = parts_.settings.timeouts.connect;
  stream_.Open(endpoint, *this, flavour_);
}

void NodeLink::Hurry() {
  if (state_ == LinkState::kBackoff) Connect();
}

void NodeLink::OnConnected(int error) {
  if (IsOwnTrouble(error)) {
    // The attempt never reached the node: its back-off, its user and whoever waits take it for one that goes on.
    NoteOwnTrouble(Attempt::kNode, error, parts_.io.loop.now());
    stream_.Drop();
    timer_->Arm(DrawOwnTroubleWait(parts_.io.random));
    return;
  }
  if (error != 0) return Break(net::ConnectErrorText(parts_.settings.endpoint, error));
  Enter(LinkState::kGreeting);
  std::string greeting;
  handshake_ = NewHandshake(parts_.settings.protocol, parts_.settings.auth, flavour_);
  handshake_->Start(&greeting);
  if (stream_.Say(greeting).status == net::IoStatus::kError) Break("handshake could not be sent");
}

void NodeLink::Greet() {
  while (state_ == LinkState::kGreeting) {
    const std::optional<ReplyFrame> reply = NextReply();
    if (!reply) return;
    std::string next;
    const Handshake::HandshakeStep step = handshake_->OnReply(reply->bytes(), &next);
    reply->Drop();
    if (step == Handshake::HandshakeStep::kRefused) return Break(handshake_->refusal());
    // Nothing that waits may leave: in front of it stands a SELECT that was refused.
    if (step == Handshake::HandshakeStep::kUnfit) return Break(handshake_->refusal(), Outlook::kUnfit);
    if (stream_.Say(next).status == net::IoStatus::kError) return Break("handshake could not be sent");
    if (step != Handshake::HandshakeStep::kDone) continue;
    if (!stream_.has_said_all()) return Break("a reply to what was not sent yet");
    Enter(LinkState::kReady);
    parts_.stats.connects.Add();
    ready_since_ = parts_.io.loop.now();
    // Servers close idle connections, so the attempt after this connection may be waited for again.
    first_attempt_ = true;
    user_.OnReady(handshake_->version());
    if (!batch_.empty()) MarkForFlush();
  }
  // What was kept for the link is not written yet: no reply can be to that, but pushes may have come.
  if (NextReply() || (state_ == LinkState::kReady && stream_.has_input() && !stream_.is_push())) {
    Break("a reply that nobody asked for");
  }
}

void NodeLink::Flush() {
  marked_ = false;
  // The link may have broken since it entered itself into the list.
  if (state_ != LinkState::kReady && state_ != LinkState::kDraining) return;
  const net::IoResult written = stream_.Flush(batch_);
  parts_.stats.bytes_sent.Add(written.bytes);
  if (written.status == net::IoStatus::kError) return Break(std::strerror(written.error));
  user_.OnFlushed(written.bytes, batch_.size());
}

void NodeLink::OnWritable() {
  if (state_ != LinkState::kGreeting) return Flush();
  if (stream_.Flush().status == net::IoStatus::kError) Break("handshake could not be sent");
}

// The user's calls and the greeting may close or break the link, which it leaves one of these states by.
void NodeLink::OnReadable() {
  const auto is_open = [this] {
    return state_ == LinkState::kGreeting || state_ == LinkState::kReady || state_ == LinkState::kDraining;
  };
  const net::IoResult result = stream_.Fill();
  parts_.stats.bytes_received.Add(result.bytes);
  if (result.bytes > 0) {
    state_ == LinkState::kGreeting ? Greet() : user_.OnBytes();
    if (!is_open()) return;
  }
  stream_.Keep();
  // Servers of text alone, and what stands before them, may have no words for it.
  const bool is_answer = state_ == LinkState::kGreeting && flavour_.is_binary();
  if (result.status == net::IoStatus::kEnd) return is_answer ? Break({}, Outlook::kUnfit) : Break("closed by the node");
  if (result.status == net::IoStatus::kError) return Break(std::strerror(result.error));
}

void NodeLink::OnTimer() {
  switch (state_) {
    case LinkState::kBackoff: return Connect();
    case LinkState::kConnecting:
      // The pause after a trouble of this process's own is over.
      if (!stream_.is_open()) return StartAttempt();
      return Break(stream_.is_resolving() ? net::UnresolvedText(parts_.settings.endpoint) : "connecting timed out");
    case LinkState::kGreeting: return Break("the handshake timed out");
    case LinkState::kReady:
    case LinkState::kDraining:
    case LinkState::kIdle:
    case LinkState::kClosed: return;
  }
}

void NodeLink::Drain(bool replies_to_come) {
  reopens_ = false;
  if (state_ == LinkState::kClosed || state_ == LinkState::kDraining) return;
  if (state_ != LinkState::kReady || !replies_to_come) return Close();
  Enter(LinkState::kDraining);
}

void NodeLink::Reopen() {
  reopens_ = state_ == LinkState::kDraining;
  if (state_ == LinkState::kClosed) Connect();
}

void NodeLink::Close() {
  Enter(LinkState::kClosed);
  stream_.Drop();
  batch_.Clear();
  flavour_ = next_flavour_;
  user_.OnLost({});
  if (std::exchange(reopens_, false)) Connect();
}

void NodeLink::Break(std::string_view why, Outlook outlook) {
  // Nobody will send anything through it, so there is nothing to come back for.
  if (state_ == LinkState::kDraining) return Close();
  const bool was_ready = state_ == LinkState::kReady;
  const Flavour flavour = std::exchange(flavour_, next_flavour_);
  stream_.Drop();
  // Nothing is ever sent twice: nobody knows what became of bytes that left, and those that did not may go elsewhere.
  batch_.Clear();
  const bool lasted = was_ready && parts_.io.loop.now() - ready_since_ >= parts_.settings.reconnect.initial;
  if (lasted) backoff_.Reset();
  if (was_ready && backoff_.failures() == 0) {
    // Once only when it broke as soon as it was ready, or the two would go on like that without a pause.
    if (!lasted) backoff_.OnFailure();
    // A node that was fine a moment ago is asked again at once, since servers close idle connections all the time.
    first_attempt_ = outlook == Outlook::kGood;
    Connect();
  } else {
    if (!was_ready && outlook != Outlook::kUnfit) parts_.stats.connect_failures.Add();
    backoff_.OnFailure();
    first_attempt_ = false;
    Enter(LinkState::kBackoff);
    timer_->Arm(backoff_.Next(parts_.io.random));
    if (outlook == Outlook::kUnfit) return user_.OnRefused(flavour, why);
    user_.OnConnectFailed(why);  // Also when it was had twice, and not kept for long.
  }
  // This comes last: if another attempt is under way by now, what the user sends again from within can wait for it.
  user_.OnLost(was_ready ? why : std::string_view());
}

}  // namespace ringproxy::backends
