#include "backends/link/listing_link.h"

#include <cassert>
#include <utility>

namespace ringproxy::backends {
namespace {

// metadump ends its lines by \n alone.
std::string_view WithoutEnd(std::string_view line) {
  line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

ListingLink::ListingLink(WorkerIo& io, ListingUser& user)
    : io_(io),
      user_(user),
      input_(io.blocks),
      said_(io.blocks),
      timer_(io.loop.NewTimer([this] { Fail(wire::ErrorCode::kTimeout); })) {}

void ListingLink::Start(const NodeSettings& settings, std::string request, std::string_view item) {
  assert(!stream_);
  settings_ = settings;
  request_ = std::move(request);
  item_ = item;
  has_begun_ = false;
  handshake_ = NewHandshake(settings_.protocol, settings_.auth);
  const net::Duration patience = conf::TotalOf(settings_.timeouts);
  net::Endpoint endpoint = settings_.endpoint;
  endpoint.patience = patience;
  timer_->Arm(patience);
  stream_ = io_.loop.Connect(endpoint, *this);
}

void ListingLink::Hold(bool is_held) {
  if (!stream_) return;
  stream_->WatchReads(!is_held);
  is_held ? timer_->Disarm() : timer_->Arm(conf::LongestOf(settings_.timeouts));
}

void ListingLink::Close() {
  timer_->Disarm();
  stream_.reset();
  handshake_.reset();
  input_.Clear();
  said_.Clear();
}

void ListingLink::Fail(wire::ErrorCode code) {
  Close();
  user_.OnListingFailed(code);
}

void ListingLink::OnConnected(int error) {
  if (error != 0) return Fail(wire::ErrorCode::kNodeDown);
  std::string greeting;
  handshake_->Start(&greeting);
  Say(greeting);
}

void ListingLink::Say(std::string_view text) {
  said_.Append(text);
  Flush();
}

void ListingLink::Flush() {
  const net::IoResult written = said_.Flush(*stream_);
  if (written.status == net::IoStatus::kError) return Fail(wire::ErrorCode::kNodeDown);
  stream_->WatchWrites(written.status == net::IoStatus::kWouldBlock);
}

void ListingLink::OnReadable() {
  const net::IoResult result = input_.Fill(*stream_, io_.read_buffer, kAtOnce);
  if (!handshake_) timer_->Arm(conf::LongestOf(settings_.timeouts));
  if (handshake_ && !Greet()) return;
  if (!handshake_) TakeLines();
  if (!stream_) return;
  if (result.status == net::IoStatus::kEnd || result.status == net::IoStatus::kError)
    return Fail(wire::ErrorCode::kNodeDown);
  if (input_.bytes().size() > kLongestLine) return Fail(wire::ErrorCode::kBadReply);
  input_.Keep(0);
}

bool ListingLink::Greet() {
  for (size_t end = input_.bytes().find('\n'); handshake_ && end != std::string_view::npos;
       end = input_.bytes().find('\n')) {
    const std::string reply(input_.bytes().substr(0, end + 1));
    input_.Consume(end + 1);
    std::string next;
    switch (handshake_->OnReply(reply, &next)) {
      case Handshake::HandshakeStep::kMore: Say(next); break;
      case Handshake::HandshakeStep::kDone:
        handshake_.reset();
        timer_->Arm(conf::LongestOf(settings_.timeouts));
        Say(request_);
        break;
      case Handshake::HandshakeStep::kRefused:
      case Handshake::HandshakeStep::kUnfit: Fail(wire::ErrorCode::kNodeDown); break;
    }
    if (!stream_) return false;
  }
  return true;
}

void ListingLink::TakeLines() {
  const std::string_view bytes = input_.bytes();
  size_t listed = 0;
  std::string last;
  size_t end = bytes.find('\n');
  for (; end != std::string_view::npos; end = bytes.find('\n', listed)) {
    const std::string_view line = bytes.substr(listed, end + 1 - listed);
    const bool is_ok = !std::exchange(has_begun_, true) && WithoutEnd(line) == "OK";
    if (!is_ok && !line.starts_with(item_)) {
      last = WithoutEnd(line);
      break;
    }
    listed = end + 1;
  }
  if (listed > 0) user_.OnLines(bytes.substr(0, listed));
  if (!stream_) return;
  if (end == std::string_view::npos) return input_.Consume(listed);
  // Whatever may follow is nobody's.
  Close();
  user_.OnLastLine(last);
}

}  // namespace ringproxy::backends
