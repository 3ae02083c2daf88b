#include "proxy/state/deliveries.h"

#include <utility>

namespace ringproxy::proxy {

using backends::PinnedLease;

// The worker ends: nobody is told anything any more.
Deliveries::~Deliveries() {
  for (auto& [client, reply] : unwritten_) PinnedLease::Forget(std::move(reply.popped.link));
  for (LastReply& reply : leaving_) PinnedLease::Forget(std::move(reply.popped.link));
}

void Deliveries::Keep(uint32_t client, GiveBacks::PoppedData&& popped) {
  const size_t bytes = popped.reply.bytes().size();
  if (popped.link) {
    popped.link->Mark();
    popped.is_marked = true;
  }
  unwritten_.insert_or_assign(client, UnwrittenReply{std::move(popped), bytes});
}

void Deliveries::NoteWritten(uint32_t client, size_t bytes, bool all) {
  const auto found = unwritten_.find(client);
  if (found == unwritten_.end()) return;
  if (!all && bytes < found->second.left) {
    found->second.left -= bytes;
    return;
  }
  Release(std::move(found->second.popped));
  unwritten_.erase(found);
}

void Deliveries::SeeOff(uint32_t client, std::unique_ptr<net::Stream> stream) {
  if (leaving_.size() == kMost) Look();
  if (leaving_.size() == kMost) GiveUpFirst();
  stream->EndWrites();
  leaving_.push_back(
      {std::move(unwritten_.extract(client).mapped().popped), std::move(stream), io_.loop.now() + kPatience});
  // A peer nearby has answered already.
  Look();
}

void Deliveries::Leave(uint32_t client) {
  if (!Has(client)) return;
  give_backs_.Start(std::move(unwritten_.extract(client).mapped().popped));
}

void Deliveries::Look() {
  using net::LastWords;
  const net::TimePoint now = io_.loop.now();
  std::erase_if(leaving_, [this](LastReply& reply) {
    const LastWords words = reply.stream->last_words();
    if (words == LastWords::kRefused) give_backs_.Start(std::move(reply.popped));
    if (words == LastWords::kTaken) Release(std::move(reply.popped));
    return words != LastWords::kUnderWay;
  });
  while (!leaving_.empty() && leaving_.front().end <= now) GiveUpFirst();
  if (!leaving_.empty()) timer_.FireBy(now + kPause);
}

void Deliveries::GiveUpFirst() {
  LastReply reply = std::move(leaving_.front());
  leaving_.pop_front();
  give_backs_.OnLost(reply.popped, "it has neither taken nor refused it");
  Release(std::move(reply.popped));
}

void Deliveries::Release(GiveBacks::PoppedData&& popped) {
  GiveBacks::PoppedData released = std::move(popped);
  if (released.link && released.is_clean) PinnedLease::Return(std::move(released.link));
}

}  // namespace ringproxy::proxy
