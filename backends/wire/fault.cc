#include "backends/wire/fault.h"

#include <algorithm>
#include <span>

namespace ringproxy::wire {
namespace {

constexpr std::string_view kNodeFaults[] = {"LOADING", "MASTERDOWN", "CLUSTERDOWN"};

// Texts that begin with one of those words, but that only some of the requests read.
constexpr std::string_view kOfSomeRequests[] = {"CLUSTERDOWN Hash slot not served",
                                                "CLUSTERDOWN The cluster is down and only accepts read commands"};

constexpr std::string_view kAliveToPing[] = {"MISCONF", "READONLY", "OOM", "NOREPLICAS", "NOPERM", "BUSY"};

// What a memcached without room (-M) says of a write. Other memory errors, such as that of a get without room for its
// reply, concern the node itself.
constexpr std::string_view kServerError = "SERVER_ERROR ";
constexpr std::string_view kRefusedWrites[] = {
    "object too large",         "out of memory storing object", "out of memory\r\n",
    "Out of memory allocating", "Out of memory incrementing",   "Out of memory during read",
};

// The first word of an error; empty for every other reply.
std::string_view ErrorWord(std::string_view reply) {
  return reply.starts_with('-') ? reply.substr(1, reply.find_first_of(" \r") - 1) : std::string_view();
}

bool IsOneOf(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool BeginsLikeOneOf(std::string_view text, std::span<const std::string_view> beginnings) {
  return std::ranges::any_of(beginnings, [text](std::string_view beginning) { return text.starts_with(beginning); });
}

}  // namespace

Fault RedisFault(std::string_view reply) {
  if (!reply.starts_with('-')) return Fault::kNone;  // Nearly all of them.
  if (!IsOneOf(ErrorWord(reply), kNodeFaults) || BeginsLikeOneOf(reply.substr(1), kOfSomeRequests)) return Fault::kNone;
  return Fault::kHard;
}

bool IsAliveToPing(std::string_view reply) {
  return reply.starts_with('+') || IsOneOf(ErrorWord(reply), kAliveToPing);
}

Fault MemcacheFault(std::string_view reply) {
  if (!reply.starts_with(kServerError)) return Fault::kNone;
  return BeginsLikeOneOf(reply.substr(kServerError.size()), kRefusedWrites) ? Fault::kNone : Fault::kSoft;
}

}  // namespace ringproxy::wire
