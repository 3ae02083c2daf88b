// How a node connection comes about: from the first attempt to the end of the handshake.
#include <cstring>
#include <random>

#include "backends/node_connection.h"
#include "backends/own_trouble.h"

namespace ringproxy::backends {
namespace {

// Until an attempt that failed for a reason of this process's own is repeated: half of it at least.
constexpr net::Duration kOwnTroubleWait = std::chrono::milliseconds(50);

}  // namespace

void NodeConnection::Connect() {
  if (const net::Duration wait = guard_.WaitToConnect(); wait > net::Duration(0)) {
    Enter(State::kBackoff);
    timer_->Arm(wait);
    return;
  }
  Enter(State::kConnecting);
  StartAttempt();
  ArmUntil(connect_deadline_);
}

void NodeConnection::StartAttempt() {
  connect_deadline_ = io_.loop.now() + settings_.timeouts.connect;
  stream_ = io_.loop.Connect(settings_.endpoint, *this);
}

// The attempt never reached the node: its back-off, its guard and whoever waits take it for one that goes on.
void NodeConnection::Postpone(int error) {
  NoteOwnTrouble(Attempt::kNode, error, io_.loop.now());
  stream_.reset();
  const auto most = kOwnTroubleWait.count();
  connect_deadline_ = io_.loop.now() + net::Duration(std::uniform_int_distribution(most / 2, most)(io_.random));
  timer_->Disarm();
  FailLate();
  if (!timer_->armed()) ArmUntil(connect_deadline_);
}

void NodeConnection::Hurry() {
  if (state_ == State::kBackoff) Connect();
}

void NodeConnection::OnConnected(int error) {
  if (IsOwnTrouble(error)) return Postpone(error);
  if (error != 0) return Break(std::strerror(error));
  Enter(State::kHandshaking);
  std::string first;
  handshake_->Start(&first);
  SendHandshake(first);
}

// Apart from output_: requests that wait for the handshake are queued there already.
bool NodeConnection::SendHandshake(const std::string& text) {
  if (text.empty()) return true;
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  const net::IoResult written = stream_->Write({&piece, 1});
  if (written.status == net::IoStatus::kOk && written.bytes == text.size()) return true;
  Break("handshake could not be sent");
  return false;
}

bool NodeConnection::ContinueHandshake(std::string_view reply) {
  std::string next;
  const Handshake::Step step = handshake_->OnReply(reply, &next);
  if (step == Handshake::Step::kRefused) {
    Break(handshake_->refusal());
    return false;
  }
  if (step == Handshake::Step::kDone) BecomeReady();
  return SendHandshake(next);
}

}  // namespace ringproxy::backends
