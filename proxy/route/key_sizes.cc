#include "proxy/route/key_sizes.h"

#include <algorithm>
#include <utility>

#include "backends/wire/memcache_binary.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/resp_reply.h"
#include "proxy/route/router.h"
#include "ring/hash.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;

constexpr uint32_t kOneIn = 64;
// Of a multi-get; the keys behind these are not looked at.
constexpr size_t kMostKeys = 128;
constexpr size_t kMostKeyBytes = 8 << 10;
// So many requests under way are followed without a look at the heap, if they have one key of usual length.
constexpr size_t kWarmPlaces = 64;
constexpr size_t kKeptBytes = ring::BiggestKeys::kLongestKey;

// An error says nothing of the value, and its text may be longer than that.
bool SaysNoSize(std::string_view reply) {
  return reply.starts_with('-') || wire::IsMemcacheError(reply) || wire::IsBinaryError(reply);
}

}  // namespace

KeySizes::KeySizes(size_t pools, backends::ReplySink& sink) : sink_(sink), pools_(pools) {
  for (size_t i = 0; i < kWarmPlaces; ++i) {
    FollowedReply& followed = followed_[followed_.Acquire()];
    followed.keys.reserve(1);
    followed.bytes.reserve(kKeptBytes);
  }
  for (uint32_t i = kWarmPlaces; i-- > 0;) followed_.Release(i);
}

// xorshift64 (Marsaglia 2003): the next one is 1 to 127 requests away, 64 on average.
void KeySizes::DrawCountdown() {
  dice_ ^= dice_ << 13;
  dice_ ^= dice_ >> 7;
  dice_ ^= dice_ << 17;
  countdown_ = 1 + static_cast<uint32_t>((dice_ >> 32) % (2 * kOneIn - 1));
}

bool KeySizes::Remember(const DatabaseKey& noted, uint32_t pool, FollowedReply* followed) {
  const std::string_view key = noted.text().substr(0, ring::BiggestKeys::kLongestKey);
  if (followed->keys.size() == kMostKeys || followed->bytes.size() + key.size() > kMostKeyBytes) return false;
  followed->keys.push_back({pool, static_cast<uint32_t>(key.size())});
  followed->bytes.append(key);
  return true;
}

void KeySizes::Note(uint32_t pool, std::string_view key, size_t bytes, bool in_reply) {
  // Most keys are smaller than those that are listed, and need no hash.
  if (!pools_[pool].MayList(bytes)) return;
  key = key.substr(0, ring::BiggestKeys::kLongestKey);
  pools_[pool].Note(ring::Hash(ring::HashAlgorithm::kXxh3, key), key, bytes, in_reply);
}

Ticket KeySizes::Follow(const wire::CommandSpec& spec, const wire::Request& request,
                        std::optional<std::string_view> routing_key, const ListenerSnapshot& listener,
                        uint16_t database, Ticket ticket) {
  if (countdown_ == 0) DrawCountdown();
  if (spec.usual.work == wire::Work::kScript) return ticket;
  positions_.clear();
  if (!routing_key && wire::HasOneKey(spec)) routing_key = wire::FirstKey(spec, request);
  if (!routing_key) {
    if (wire::FindKeys(spec, request, &positions_) != wire::KeyResult::kOk) return ticket;
    if (positions_.size() == 1) routing_key = request[positions_.front()];
  }
  if (!routing_key) {
    if (spec.merge == wire::Merge::kInKeyOrder)
      return FollowKeys(request, ReplyForm::kElements, listener, database, ticket);
    if (spec.merge == wire::Merge::kValues)
      return FollowKeys(request, ReplyForm::kMemcacheValues, listener, database, ticket);
    if (spec.keys.kind == wire::KeyKind::kRange && spec.keys.step == 2) NoteArguments(request, listener, database);
    return ticket;
  }
  const uint32_t pool = RoutePool(listener, *routing_key);
  const DatabaseKey noted(database, *routing_key);
  Note(pool, noted.text(), request.encoded().size(), false);
  if (followed_.in_use() >= kMostFollowed) return ticket;
  const uint32_t place = followed_.Acquire();
  FollowedReply& followed = followed_[place];
  followed.ticket = ticket;
  followed.form = ReplyForm::kOfOneKey;
  Remember(noted, pool, &followed);
  return {place, 0, 0, Ticket::Kind::kFollowed};
}

// MSET: each key stands before its value.
void KeySizes::NoteArguments(const wire::Request& request, const ListenerSnapshot& listener, uint16_t database) {
  for (const uint32_t position : positions_) {
    const std::string_view key = request[position];
    Note(RoutePool(listener, key), DatabaseKey(database, key).text(), request[position + 1].size(), false);
  }
}

Ticket KeySizes::FollowKeys(const wire::Request& request, ReplyForm form, const ListenerSnapshot& listener,
                            uint16_t database, Ticket ticket) {
  if (followed_.in_use() >= kMostFollowed) return ticket;
  const uint32_t place = followed_.Acquire();
  FollowedReply& followed = followed_[place];
  followed.ticket = ticket;
  followed.form = form;
  for (const uint32_t position : positions_) {
    const std::string_view key = request[position];
    if (!Remember({database, key}, RoutePool(listener, key), &followed)) break;
  }
  return {place, 0, 0, Ticket::Kind::kFollowed};
}

void KeySizes::Measure(const FollowedReply& followed, std::string_view reply) {
  if (SaysNoSize(reply)) return;
  if (followed.form == ReplyForm::kOfOneKey) return Note(followed.keys[0].pool, followed.bytes, reply.size(), true);
  followed.form == ReplyForm::kElements ? MeasureElements(followed, reply) : MeasureValues(followed, reply);
}

void KeySizes::MeasureElements(const FollowedReply& followed, std::string_view reply) {
  wire::ArrayReader elements(reply);
  std::string_view rest = followed.bytes;
  for (const FollowedKey& described : followed.keys) {
    if (elements.remaining() == 0) return;
    Note(described.pool, rest.substr(0, described.size), elements.Next().size(), true);
    rest.remove_prefix(described.size);
  }
}

void KeySizes::MeasureValues(const FollowedReply& followed, std::string_view reply) {
  wire::ValueReader values(reply);
  std::string_view rest = followed.bytes;
  for (const FollowedKey& described : followed.keys) {
    const std::string_view key = rest.substr(0, described.size);
    rest.remove_prefix(described.size);
    if (!values.Peek()) return;
    if (values.Peek()->key != key) continue;
    Note(described.pool, key, values.Peek()->whole.size(), true);
    values.Advance();
  }
}

Ticket KeySizes::Release(uint32_t place) {
  FollowedReply& followed = followed_[place];
  followed.keys.clear();
  followed.bytes.clear();
  if (followed.bytes.capacity() > kKeptBytes) std::string().swap(followed.bytes);
  if (followed.keys.capacity() > kMostKeys) std::vector<FollowedKey>().swap(followed.keys);
  followed_.Release(place);
  return followed.ticket;
}

void KeySizes::OnReply(Ticket ticket, backends::Reply&& reply) {
  Measure(followed_[ticket.owner], reply.bytes());
  sink_.OnReply(Release(ticket.owner), std::move(reply));
}

void KeySizes::OnFailure(Ticket ticket, const wire::Failure& failure) {
  sink_.OnFailure(Release(ticket.owner), failure);
}

void KeySizes::Tick() {
  for (ring::BiggestKeys& pool : pools_) pool.Tick();
}

std::shared_ptr<const KeySizesView> KeySizes::View() const {
  auto view = std::make_shared<KeySizesView>();
  for (const ring::BiggestKeys& pool : pools_) view->push_back(pool.Top());
  return view;
}

}  // namespace ringproxy::proxy
