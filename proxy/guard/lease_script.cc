#include "proxy/guard/lease_script.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <initializer_list>
#include <limits>

#include "backends/wire/integer.h"
#include "backends/wire/resp_encode.h"
#include "ring/sha1.h"

namespace ringproxy::proxy {
namespace {

// Whole microseconds below 2^53 are exact in Lua's doubles; what is taken off first (now - tat) is small.
// The key is written only when the bucket has changed, so a refusal costs the store no write. A script that reads TIME
// and writes afterwards needs a server that replicates effects and not scripts, as Redis does since version 5.
constexpr std::string_view kLeaseScript = R"lua(
local amount, window, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local want, least, debt = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lessees, after_outage = tonumber(ARGV[7]), ARGV[8] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local per_token = window / amount
local tolerance = math.ceil(burst * per_token)
local furthest = now + tolerance + math.ceil(math.max(1000000, lessees * per_token))
local stored = tonumber(redis.call('GET', KEYS[1]) or '')
local tat = now
if stored then
  tat = math.min(math.max(stored, now), furthest)
elseif after_outage then
  tat = now + tolerance
end
tat = math.min(tat + math.ceil(debt * per_token), furthest)
local granted, retry_after = 0, 0
if want > 0 then
  least = math.min(math.max(least, 1), want)
  local free = math.min(burst, math.floor((now - tat + tolerance) / per_token))
  if least > burst then
    retry_after = -1
  elseif free >= least then
    granted = math.min(want, free)
    tat = tat + math.ceil(granted * per_token)
  else
    retry_after = math.max(1, math.ceil(least * per_token - tolerance - (now - tat)))
  end
end
if tat > now and tat ~= stored then
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', string.format('%.0f', math.ceil((tat - now) / 1000) + 1000))
end
return {granted, retry_after, math.floor((tat - now) * 1000 / tolerance)}
)lua";

// Who told a time that is still to come told it to a clock that has been set back since: it will tell again.
constexpr std::string_view kMembersScript = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - 5000000))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 10000)
return redis.call('ZCARD', KEYS[1])
)lua";

void AppendCall(ScriptForm form, std::string_view script, std::string_view hash, std::string_view key,
                std::initializer_list<std::string_view> arguments, std::string* out) {
  wire::AppendArrayHeader(4 + arguments.size(), out);
  wire::AppendBulk(form == ScriptForm::kHash ? "EVALSHA" : "EVAL", out);
  wire::AppendBulk(form == ScriptForm::kHash ? hash : script, out);
  wire::AppendBulk("1", out);
  wire::AppendBulk(key, out);
  for (const std::string_view argument : arguments) wire::AppendBulk(argument, out);
}

// Takes one `:123\r\n` off the front.
std::optional<int64_t> TakeInteger(std::string_view* reply) {
  const size_t end = reply->find("\r\n");
  if (end == std::string_view::npos || !reply->starts_with(':')) return std::nullopt;
  const std::optional<int64_t> value = wire::ParseInteger(reply->substr(1, end - 1));
  reply->remove_prefix(end + 2);
  return value;
}

}  // namespace

void AppendLeaseCall(ScriptForm form, std::string_view key, const LeaseTerms& terms, const LeaseRequest& request,
                     std::string* out) {
  static const std::string hash = ScriptHash(kLeaseScript);
  assert(terms.rate.amount > 0 && terms.burst > 0);
  const auto text = [](auto number) { return std::to_string(number); };
  AppendCall(form, kLeaseScript, hash, key,
             {text(terms.rate.amount), text(terms.rate.window.count()), text(terms.burst), text(request.want),
              text(request.least), text(request.debt), text(request.lessees), request.after_outage ? "1" : "0"},
             out);
}

std::optional<LeaseReply> ParseLeaseReply(std::string_view reply) {
  constexpr std::string_view kHeader = "*3\r\n";
  if (!reply.starts_with(kHeader)) return std::nullopt;
  reply.remove_prefix(kHeader.size());
  std::array<int64_t, 3> fields{};
  for (int64_t& field : fields) {
    const std::optional<int64_t> value = TakeInteger(&reply);
    if (!value) return std::nullopt;
    field = *value;
  }
  const auto [granted, retry_after_us, used] = fields;
  if (!reply.empty() || granted < 0 || retry_after_us < kNoRetry.count() || used < 0) return std::nullopt;
  const auto most = int64_t{std::numeric_limits<uint32_t>::max()};
  return LeaseReply{.granted = static_cast<uint64_t>(granted),
                    .retry_after = net::Duration(retry_after_us),
                    .used_thousandths = static_cast<uint32_t>(std::min(used, most))};
}

void AppendMembersCall(ScriptForm form, std::string_view key, std::string_view id, std::string* out) {
  static const std::string hash = ScriptHash(kMembersScript);
  AppendCall(form, kMembersScript, hash, key, {id}, out);
}

std::optional<uint32_t> ParseMembersReply(std::string_view reply) {
  const std::optional<int64_t> members = TakeInteger(&reply);
  if (!members || !reply.empty() || *members < 0 || *members > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(*members);
}

bool IsNoScript(std::string_view reply) {
  return reply.starts_with("-NOSCRIPT");
}

std::string_view LeaseScript() {
  return kLeaseScript;
}

std::string_view MembersScript() {
  return kMembersScript;
}

std::string ScriptHash(std::string_view script) {
  return ring::Sha1Hex(script);
}

}  // namespace ringproxy::proxy
