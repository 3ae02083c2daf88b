// proxy/guard/lease_script.h – What is asked of the store of global limits, and what it answers: the one script.
//
// Purpose: a token bucket (GCRA) in one key of a Redis server, from which proxies lease tokens in batches. The script
// reads the server's TIME once, keeps whole microseconds (written by %.0f: Lua's own way loses digits), rounds the time
// of a grant up, and never believes a stored time further ahead than a bucket can be (a server whose clock was set
// back, or a new master whose clock is behind): the burst, and debt of a second or of one token for each lessee.
// Debt has to be believed so far, or lessees who all owe a token at a slow limit would be forgiven for ever.
// A key expires when its bucket has been full for a second.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::proxy {

// The bucket as the store keeps it.
struct LeaseTerms {
  conf::Rate rate;
  uint64_t burst = 1;
};

struct LeaseRequest {
  uint64_t want = 0;     // Tokens to get, as many as there are of them …
  uint64_t least = 1;    // … but none at all when there are fewer than this.
  uint64_t debt = 0;     // Tokens spent before the store could be asked: charged in any case.
  uint32_t lessees = 1;  // Who may owe tokens at the same time: see above.
  // The store was out of reach, and this lessee went by its own share meanwhile: a bucket that the store does not know
  // (it has lost its data) begins empty and not full.
  bool after_outage = false;
};

struct LeaseReply {
  uint64_t granted = 0;
  // Of a refusal: until `least` tokens will be there if nobody else takes any; kNoRetry if there never are so many.
  net::Duration retry_after{0};
  uint32_t used_thousandths = 0;  // Of the bucket: 1000 = empty, above = in debt.
};

inline constexpr net::Duration kNoRetry{-1};

// EVALSHA of the script, or EVAL with its text, for one key: appended as one RESP request.
enum class ScriptForm : uint8_t { kHash, kText };
void AppendLeaseCall(ScriptForm form, std::string_view key, const LeaseTerms& terms, const LeaseRequest& request,
                     std::string* out);
// nullopt: not the script's reply (an error, say).
std::optional<LeaseReply> ParseLeaseReply(std::string_view reply);

// A process tells that it lives, and learns how many do: those that told so within the last five seconds. The reply is
// an integer.
void AppendMembersCall(ScriptForm form, std::string_view key, std::string_view id, std::string* out);
std::optional<uint32_t> ParseMembersReply(std::string_view reply);

// "-NOSCRIPT …": the same call has to be made with the text, once.
bool IsNoScript(std::string_view reply);

std::string_view LeaseScript();
std::string_view MembersScript();
// What SCRIPT LOAD answers to a script.
std::string ScriptHash(std::string_view script);

}  // namespace ringproxy::proxy
