// proxy/route/key_sizes.h – Which keys have the largest values, by pool, as requests and replies show them.
//
// One request in 64, by chance, and every one of kLargeRequest or more is followed: its size counts for its key,
// and its ticket is exchanged for one that comes by here, so that the reply's size counts as well. Of a multi-get each
// value counts for its own key, of MSET each argument. What concerns several keys otherwise, and scripts, show no key's
// size. Keys that differ only behind their first 256 bytes count as one. A key is noted as DatabaseKey has it.
// Threads: its worker's; a view is immutable and may be handed to any. Lifetime: the sink outlives it.
// Cost: a decrement and a comparison for each request. Memory: that of kMostFollowed requests under way; others are not
// followed.
// Promise: each ticket that Follow gives out is answered once, and then the one it was given for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/wire/command.h"
#include "proxy/route/database_key.h"
#include "proxy/route/snapshot.h"
#include "ring/biggest_keys.h"

namespace ringproxy::proxy {

// A worker's biggest keys by pool, as they were at some second.
using KeySizesView = std::vector<std::vector<ring::BiggestKeys::BigKey>>;

class KeySizes final : public backends::ReplySink {
 public:
  static constexpr size_t kMostFollowed = 512;
  static constexpr size_t kLargeRequest = 32 << 10;

  KeySizes(size_t pools, backends::ReplySink& sink);

  // Whether the next request, of so many bytes, is one to follow.
  bool IsDue(size_t bytes) { return --countdown_ == 0 || bytes >= kLargeRequest; }
  // The ticket with which the request is to be sent. `routing_key`: in place of the key in the request.
  backends::Ticket Follow(const wire::CommandSpec& spec, const wire::Request& request,
                          std::optional<std::string_view> routing_key, const ListenerSnapshot& listener,
                          uint16_t database, backends::Ticket ticket);

  // For tickets of Kind::kFollowed.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // Once a second.
  void Tick();
  std::shared_ptr<const KeySizesView> View() const;
  size_t open() const { return followed_.in_use(); }

 private:
  struct FollowedKey {
    uint32_t pool;
    uint32_t size;  // Of its bytes in FollowedReply::bytes.
  };
  enum class ReplyForm : uint8_t {
    kOfOneKey,
    kElements,       // An array with an element for each key.
    kMemcacheValues  // VALUE blocks in the order of the keys, without those that miss.
  };
  struct FollowedReply {
    backends::Ticket ticket;
    ReplyForm form = ReplyForm::kOfOneKey;
    std::vector<FollowedKey> keys;
    std::string bytes;  // Of all keys.
  };

  void DrawCountdown();
  void NoteArguments(const wire::Request& request, const ListenerSnapshot& listener, uint16_t database);
  backends::Ticket FollowKeys(const wire::Request& request, ReplyForm form, const ListenerSnapshot& listener,
                              uint16_t database, backends::Ticket ticket);
  // False when it has enough keys.
  static bool Remember(const DatabaseKey& key, uint32_t pool, FollowedReply* followed);
  void Note(uint32_t pool, std::string_view key, size_t bytes, bool in_reply);
  void Measure(const FollowedReply& followed, std::string_view reply);
  void MeasureElements(const FollowedReply& followed, std::string_view reply);
  void MeasureValues(const FollowedReply& followed, std::string_view reply);
  backends::Ticket Release(uint32_t place);

  backends::ReplySink& sink_;
  std::vector<ring::BiggestKeys> pools_;
  net::PlaceList<FollowedReply> followed_;
  wire::KeyPositions positions_;  // Scratch.
  uint32_t countdown_ = 1;
  uint64_t dice_ = 0x9E3779B97F4A7C15;
};

}  // namespace ringproxy::proxy
