// tools/benchmark/request_set.h – All requests of a run as one cyclic run of bytes, and what each must be answered
// with. Purpose: the load generator sends slices of these bytes and compares slices of those answers; it formats
// nothing while
//   it measures.
// Threads: immutable once built.
// Promises: every request has the same length. Keys are "s<value bytes>:<ten digits>" in a fixed shuffled order, so
// that
//   neighbours in a pipeline fall on different nodes; a value starts with its key (see canned_replies.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::bench {

enum class Protocol { kRedis, kMemcached, kMemcachedBinary };
enum class CommandKind {
  kGet,
  kSet,
  kMget,
  kMulti,  // MULTI, so many GETs of one key, EXEC.
};

struct RequestShape {
  Protocol protocol = Protocol::kRedis;
  CommandKind command = CommandKind::kGet;
  size_t value_bytes = 64;
  size_t keys = 10'000;
  size_t mget_keys = 16;            // kMulti: commands.
  std::vector<size_t> chosen = {};  // Only the keys with these numbers; empty = all of them.
};

// One bulk (or status, or array head) of a reply: a text that must match, `body` bytes of any kind, then CRLF if
// `tail`.
struct Piece {
  std::string_view text;
  size_t body = 0;
  bool tail = false;
};

class RequestSet {
 public:
  explicit RequestSet(const RequestShape& shape);
  RequestSet(const RequestSet&) = delete;
  RequestSet& operator=(const RequestSet&) = delete;

  Protocol protocol() const { return shape_.protocol; }
  size_t count() const { return count_; }
  size_t request_bytes() const { return bytes_.size() / count_; }

  // The bytes from `offset` of the endless stream on: at most `length`, fewer where the cycle starts anew.
  std::string_view Slice(uint64_t offset, uint64_t length) const;

  size_t pieces_per_reply() const { return pieces_.size() / count_; }
  // The pieces of the reply to request number `request` of the endless stream.
  const Piece* ReplyTo(uint64_t request) const { return &pieces_[request % count_ * pieces_per_reply()]; }

 private:
  void BuildRedis(const std::vector<std::string>& keys);
  void BuildMemcache(const std::vector<std::string>& keys);
  void BuildGets(const std::vector<std::string>& keys);
  void BuildSets(const std::vector<std::string>& keys);
  void BuildMgets(const std::vector<std::string>& keys);
  void BuildMultis(const std::vector<std::string>& keys);
  void BuildMemcacheGets(const std::vector<std::string>& keys, size_t per_request);
  void BuildMemcacheSets(const std::vector<std::string>& keys);
  void BuildBinaryGets(const std::vector<std::string>& keys);
  void ExpectValue(size_t index);
  std::string HeadOfValue(const std::string& key) const;

  RequestShape shape_;
  size_t count_ = 0;
  std::string bytes_;
  // "$64\r\n" and the key; memcached: "VALUE key 0 64\r\n", in binary a header and the flags, and the key.
  std::vector<std::string> value_heads_;
  std::string array_head_;
  std::vector<Piece> pieces_;
};

}  // namespace ringproxy::bench
