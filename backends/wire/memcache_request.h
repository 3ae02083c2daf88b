// backends/wire/memcache_request.h – Frames the requests of memcached clients, classic text and meta.
//
// Purpose: finds where one request ends, which command it is, where its words lie, and what stands in the way of
// forwarding it. A node must never disagree with the proxy about where a request ends: the next client's would be read
// as this one's data. So every number that decides about a data block is checked here, whatever a node would say, and a
// line that a node might not read whole goes no further.
// Source: protocol.txt and the behaviour of memcached 1.6. It departs from the server where that would parse a refused
// value as commands: the data block is swallowed (semantics.md 7, 22, 30).
// Threads: one owner; one parser serves many clients, each with its own Progress. Lifetime: see request().
// Promise: the work is linear in the bytes, however they are cut, and the result does not depend on the cuts. A warm
// parser does not allocate for a small request.
#pragma once

#include <string>
#include <string_view>

#include "backends/wire/error_text.h"
#include "backends/wire/limits.h"
#include "backends/wire/memcache_command.h"
#include "backends/wire/memcache_line.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

class MemcacheParser {
 public:
  enum class MemcacheStatus : uint8_t {
    kNeedMore,
    kRequest,
    kRefused,  // reply() is the answer; the connection goes on after size() bytes and swallow() more.
    kBad,      // reply() is the answer, if any; where the next request starts cannot be known, or it is nobody's.
  };

  // What is known of a request that is not wholly there. A client's own; starts as {}.
  struct Progress {
    size_t scanned = 0;  // The line does not end before it.
    size_t needed = 0;   // The least size of the request, more than was given.
  };

  // `admin_commands`: whether its clients may change how the nodes run.
  explicit MemcacheParser(const Limits& limits, bool admin_commands = false)
      : limits_(limits), admin_commands_(admin_commands) {}

  // Frames the request that starts at bytes[0]. After kNeedMore call again with the same bytes plus more (they may
  // have moved); after anything else `progress` is {} again.
  MemcacheStatus Parse(std::string_view bytes, Progress* progress);

  // The bytes of `bytes` that it took.
  size_t size() const { return size_; }

  // After kRequest. `encoded()` is what goes to a node once Unwanted() is blanked, the arguments are the words of the
  // line without noreply; both are views into the bytes given.
  const Request& request() const { return request_; }
  const MemcacheSpec& spec() const { return *spec_; }
  // nullptr for a command that does not exist. Also after kRefused.
  const MemcacheSpec* known_spec() const { return spec_; }
  // Of a command with one key: the bytes that decide about its node.
  std::string_view routing_key() const { return routing_key_; }
  // The same as the line has it: base64 where the two differ.
  std::string_view key_word() const { return line_[1]; }
  // What the client does not want to see, and where the word that says so lies in `bytes`: it is to be overwritten by
  // spaces. Its size is 0 if there is none.
  Quiet quiet() const { return quiet_; }
  ArgumentSpan unwanted() const { return unwanted_; }
  // Where this request has a cas token or asks for one.
  CasPlace cas() const { return cas_; }

  // After kRefused and kBad: a line, or nothing where the client does not want one; what it counts as.
  std::string_view reply() const { return reply_; }
  ErrorCode error() const { return error_; }
  // After kRefused: so many bytes beyond size() belong to the refused request.
  uint64_t swallow() const { return swallow_; }

 private:
  MemcacheStatus ReadLine(std::string_view bytes, size_t line_end);
  MemcacheStatus ReadPlain();
  MemcacheStatus ReadKeys();
  MemcacheStatus ReadStorage(std::string_view bytes);
  MemcacheStatus ReadMeta(std::string_view bytes);
  MemcacheStatus HeedMetaFlags(size_t first_flag);
  MemcacheStatus ReadSize(std::string_view word, uint64_t* data);
  // The data block of `data` bytes behind the line.
  MemcacheStatus ReadData(std::string_view bytes, uint64_t data);
  void TakeNoreply();
  MemcacheStatus Accept();
  // `line`: the words where the error has its own.
  MemcacheStatus Refuse(ErrorCode code, std::string_view line = {}, uint64_t swallow = 0);

  Limits limits_;
  bool admin_commands_;
  MemcacheLine line_;  // Without noreply.
  const MemcacheSpec* spec_ = nullptr;
  Request request_;
  std::string_view routing_key_;
  std::string decoded_key_;
  std::string reply_;
  ArgumentSpan unwanted_{};
  size_t size_ = 0;
  size_t needed_ = 0;
  uint64_t swallow_ = 0;
  Quiet quiet_ = Quiet::kNone;
  CasPlace cas_ = CasPlace::kNone;
  ErrorCode error_ = ErrorCode::kSyntax;
};

// Whether the client has asked not to see this reply.
bool IsUnwanted(Quiet quiet, std::string_view reply);

}  // namespace ringproxy::wire
