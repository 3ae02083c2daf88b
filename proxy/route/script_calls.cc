#include "proxy/route/script_calls.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "ring/hash.h"
#include "ring/sha1.h"

namespace ringproxy::proxy {
namespace {

constexpr size_t kShaDigits = 40;
// Beyond so many under way a call is not followed, and what its reply would tell stays unknown.
constexpr size_t kMostFollowed = 16384;

// The node answers it before it looks at the script, so it brings none there.
bool IsMalformed(const wire::CommandSpec& spec, const wire::Request& request, wire::KeyPositions* keys) {
  return wire::FindKeys(spec, request, keys) == wire::KeyResult::kSyntax;
}

// As texts are kept; what is no SHA-1 is found nowhere.
std::string InLowerCase(std::string_view sha) {
  std::string lower(sha.substr(0, kShaDigits + 1));
  std::ranges::transform(lower, lower.begin(), wire::ToLower);
  return lower;
}

uint64_t ScopeOf(const Snapshot& snapshot, const ListenerSnapshot& listener) {
  std::string names;
  // No name has a line end.
  for (const uint32_t pool : listener.pools) names.append(snapshot.config.pools[pool].name).append("\n");
  return ring::Hash(ring::HashAlgorithm::kXxh3, names);
}

bool ShareAPool(const ListenerSnapshot& a, const ListenerSnapshot& b) {
  return std::ranges::any_of(a.pools,
                             [&b](uint32_t pool) { return std::ranges::find(b.pools, pool) != b.pools.end(); });
}

// It changes whenever a connection of this worker to the node becomes ready or ceases to be.
uint64_t GenerationOf(const Origin& origin, NodeId to, uint32_t worker) {
  const backends::NodeStats& stats = origin.held->pools[to.pool].nodes[to.node]->stats(worker);
  return 2 * stats.connects.value() - stats.ready_connections.value();
}

// An EVALSHA becomes an EVAL, and EVALSHA_RO EVAL_RO.
void PutText(const wire::Request& request, std::string_view text, net::BlockPool& blocks, RewrittenRequest* out) {
  const bool reads_only = request.name().size() > std::string_view("evalsha").size();
  const wire::ArgumentSpan name = request.argument(1);
  // What follows the SHA-1 stays as it is.
  const size_t rest = size_t{name.offset} + name.size + 2;
  std::string head;
  wire::AppendArrayHeader(request.size(), &head);
  out->arguments.clear();
  const auto append = [&](std::string_view argument, auto&& add) {
    wire::AppendBulkHeader(argument.size(), &head);
    out->arguments.push_back({static_cast<uint32_t>(head.size()), static_cast<uint32_t>(argument.size())});
    add(argument);
  };
  append(reads_only ? "EVAL_RO" : "EVAL", [&](std::string_view argument) { head.append(argument).append("\r\n"); });
  append(text, [&](std::string_view argument) { head.append(argument).append("\r\n"); });
  for (size_t i = 2; i < request.size(); ++i) {
    const wire::ArgumentSpan argument = request.argument(i);
    out->arguments.push_back({static_cast<uint32_t>(argument.offset - rest + head.size()), argument.size});
  }
  const std::string_view tail = request.encoded().substr(rest);
  out->block = blocks.Acquire(head.size() + tail.size());
  out->block.Append(head);
  out->block.Append(tail);
  out->request = wire::Request(out->block.bytes(), out->arguments);
}

// Those whose elements of EXEC's reply are no errors; none, if it is no array.
void ForEachThatRan(const auto& texts, std::string_view reply, auto&& visit) {
  wire::ArrayReader elements(reply);
  uint32_t place = 0;
  for (const auto& sent : texts) {
    for (; place < sent.place && elements.remaining() > 0; ++place) elements.Next();
    if (elements.remaining() == 0) return;
    ++place;
    if (!wire::IsError(elements.Next())) visit(sent);
  }
}

// The answer to SCRIPT EXISTS, with what is known here.
std::string MergeExists(std::string_view reply, std::string_view known) {
  const std::string head = "*" + std::to_string(known.size()) + "\r\n";
  constexpr size_t kElement = 4;  // :0 and a line end.
  std::string merged(reply);
  if (!reply.starts_with(head) || reply.size() != head.size() + known.size() * kElement) return merged;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == '1') merged[head.size() + i * kElement + 1] = '1';
  }
  return merged;
}

}  // namespace

ScriptCalls::ScriptCalls(backends::ReplySink& sink, net::BlockPool& blocks, uint32_t worker, ScriptPosts posts)
    : sink_(sink), blocks_(blocks), worker_(worker), posts_(std::move(posts)), texts_(posts_.text_bytes) {}

void ScriptCalls::Adopt(const Snapshot& snapshot) {
  ++epoch_;
  first_node_.clear();
  uint32_t nodes = 0;
  for (const PoolSnapshot& pool : snapshot.pools) {
    first_node_.push_back(nodes);
    nodes += static_cast<uint32_t>(pool.nodes.size());
  }
  texts_.ResetMarks(nodes);
  scopes_.clear();
  for (const ListenerSnapshot& listener : snapshot.listeners) {
    Scope& scope = scopes_.emplace_back(Scope{ScopeOf(snapshot, listener), {}});
    for (const ListenerSnapshot& other : snapshot.listeners) {
      if (ShareAPool(listener, other)) scope.touching.push_back(ScopeOf(snapshot, other));
    }
  }
}

bool ScriptCalls::MayCopy(std::string_view text) const {
  return texts_.MayHold(text.size()) && copied_bytes_ + text.size() <= texts_.most_bytes();
}

ScriptCalls::PreparedCall ScriptCalls::Prepare(RoutedRequest& routed, const Origin& origin, NodeId to,
                                               backends::Ticket ticket) {
  const bool is_followed = followed_.in_use() < kMostFollowed && !IsMalformed(routed.spec, routed.request, &keys_);
  if (!is_followed) return {std::move(routed), ticket};
  FollowedScript call{.ticket = ticket, .form = FollowedScript::Form::kCall};
  call.node = first_node_[to.pool] + to.node;
  call.generation = GenerationOf(origin, to, worker_);
  call.scope = scopes_[origin.listener].number;
  return NamesScript(routed.spec) ? PrepareName(routed, origin.lane, std::move(call))
                                  : PrepareText(routed, origin.lane, std::move(call));
}

ScriptCalls::PreparedCall ScriptCalls::PrepareText(RoutedRequest& routed, const backends::Lane& lane,
                                                   FollowedScript&& call) {
  const backends::Ticket ticket = call.ticket;
  const std::string_view text = routed.request[1];
  if (!MayCopy(text)) return {std::move(routed), ticket};
  call.sha = ring::Sha1Hex(text);
  call.brings_text = true;
  ScriptTexts::Script* script = texts_.Find(call.scope, call.sha);
  if (script == nullptr) {
    call.text = std::make_shared<const std::string>(text);
    call.text_bytes = text.size();
    // Libraries name it in the same pipeline.
    script = texts_.Propose(call.scope, call.sha, call.text, lane);
  }
  call.text = script->text;
  LoadMark& mark = script->marks[call.node];
  if (mark.IsLoaded(call.generation)) return {std::move(routed), ticket};
  mark = {LoadMark::LoadState::kUnderWay, lane, call.generation};
  const backends::Ticket followed = Open(std::move(call));
  return {std::move(routed), followed};
}

ScriptCalls::PreparedCall ScriptCalls::PrepareName(RoutedRequest& routed, const backends::Lane& lane,
                                                   FollowedScript&& call) {
  const backends::Ticket ticket = call.ticket;
  call.sha = InLowerCase(routed.request[1]);
  ScriptTexts::Script* const script = texts_.Find(call.scope, call.sha);
  if (script == nullptr || !script->MayUse(lane)) return {std::move(routed), ticket};
  LoadMark& mark = script->marks[call.node];
  const bool finds_it = mark.IsLoaded(call.generation) || mark.IsUnderWay(call.generation, lane);
  if (finds_it || !MayCopy(*script->text)) {
    const backends::Ticket followed = Open(std::move(call));
    return {std::move(routed), followed};
  }
  mark = {LoadMark::LoadState::kUnderWay, lane, call.generation};
  call.brings_text = true;
  call.text = script->text;
  call.text_bytes = script->text->size();
  PutText(routed.request, *script->text, blocks_, &rewritten_);
  // Only a large one is moved to the node: small blocks would make its writes slow.
  const bool is_large = rewritten_.block.size() >= net::kLargeFrame;
  const backends::Ticket followed = Open(std::move(call));
  RoutedRequest with_text{.spec = routed.spec, .request = rewritten_.request, .block = {}};
  if (is_large) with_text.block = std::move(rewritten_.block);
  with_text.command = routed.command;
  with_text.has_priority = routed.has_priority;
  return {std::move(with_text), followed};
}

std::optional<wire::Request> ScriptCalls::WithText(const wire::CommandSpec& spec, const wire::Request& request,
                                                   uint32_t listener, const TextWish& is_wanted) {
  const Scope& scope = scopes_[listener];
  if (!NamesScript(spec) || IsMalformed(spec, request, &keys_)) return std::nullopt;
  const ScriptTexts::Script* const script = texts_.Find(scope.number, InLowerCase(request[1]));
  // Asked before anything is copied: a client may name a large script very often.
  if (script == nullptr || script->proposed_by || !is_wanted(script->text)) return std::nullopt;
  PutText(request, *script->text, blocks_, &rewritten_);
  return rewritten_.request;
}

backends::Ticket ScriptCalls::Follow(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  FollowedScript followed{.ticket = ticket};
  followed.scope = scopes_[origin.listener].number;
  if (routed.spec.name == "script|flush") return FollowFlush(origin.listener, ticket);
  if (followed_.in_use() >= kMostFollowed) return ticket;
  if (routed.spec.name == "script|load") return FollowLoad(routed.request, std::move(followed));
  if (routed.spec.name != "script|exists") return ticket;
  followed.form = FollowedScript::Form::kExists;
  for (size_t i = 2; i < routed.request.size(); ++i)
    followed.known += texts_.Knows(followed.scope, InLowerCase(routed.request[i])) ? '1' : '0';
  return followed.known.find('1') == std::string::npos ? ticket : Open(std::move(followed));
}

backends::Ticket ScriptCalls::FollowLoad(const wire::Request& request, FollowedScript&& load) {
  const std::string_view text = request[2];
  if (!MayCopy(text)) return load.ticket;
  load.form = FollowedScript::Form::kLoad;
  load.sha = ring::Sha1Hex(text);
  load.text = std::make_shared<const std::string>(text);
  load.text_bytes = text.size();
  return Open(std::move(load));
}

backends::Ticket ScriptCalls::FollowFlush(uint32_t listener, backends::Ticket ticket) {
  const Scope& scope = scopes_[listener];
  // What comes behind it on this connection finds nothing any more.
  texts_.Forget(scope.touching);
  ++epoch_;
  if (!posts_.flush) return ticket;
  FollowedScript flush{.ticket = ticket, .form = FollowedScript::Form::kFlush};
  flush.to_come = 2;
  ++own_flushes_;
  const backends::Ticket followed = Open(std::move(flush));
  posts_.flush(scope.touching, followed.owner);
  return followed;
}

backends::Ticket ScriptCalls::FollowExec(std::span<const ExecText> texts, uint32_t listener, backends::Ticket ticket) {
  FollowedScript exec{.ticket = ticket, .form = FollowedScript::Form::kExec};
  exec.scope = scopes_[listener].number;
  for (const ExecText& sent : texts) {
    if (copied_bytes_ + exec.text_bytes + sent.text.size() > texts_.most_bytes() || !texts_.MayHold(sent.text.size()))
      continue;
    std::string sha = ring::Sha1Hex(sent.text);
    if (texts_.Knows(exec.scope, sha)) continue;
    exec.sent.push_back({sent.place, std::move(sha), std::make_shared<const std::string>(sent.text)});
    exec.text_bytes += sent.text.size();
  }
  return exec.sent.empty() || followed_.in_use() >= kMostFollowed ? ticket : Open(std::move(exec));
}

backends::Ticket ScriptCalls::Open(FollowedScript&& followed) {
  followed.epoch = epoch_;
  copied_bytes_ += followed.text_bytes;
  const uint32_t place = followed_.Acquire();
  followed_[place] = std::move(followed);
  return {place, 0, 0, backends::Ticket::Kind::kScript};
}

ScriptCalls::FollowedScript ScriptCalls::Take(uint32_t place) {
  FollowedScript followed = std::move(followed_[place]);
  followed_[place] = {};
  followed_.Release(place);
  copied_bytes_ -= followed.text_bytes;
  return followed;
}

void ScriptCalls::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  FollowedScript& entry = followed_[ticket.owner];
  if (entry.form == FollowedScript::Form::kFlush) {
    entry.reply = reply.Keep(blocks_);
    return FinishFlush(ticket.owner);
  }
  const FollowedScript followed = Take(ticket.owner);
  switch (followed.form) {
    case FollowedScript::Form::kCall: NoteCall(followed, reply.bytes()); break;
    case FollowedScript::Form::kLoad:
      if (followed.epoch == epoch_ && reply.bytes() == "$40\r\n" + followed.sha + "\r\n")
        Learn(followed.scope, followed.sha, followed.text);
      break;
    case FollowedScript::Form::kExec:
      if (followed.epoch != epoch_) break;
      ForEachThatRan(followed.sent, reply.bytes(),
                     [&](const auto& sent) { Learn(followed.scope, sent.sha, sent.text); });
      break;
    case FollowedScript::Form::kExists:
      return sink_.OnReply(followed.ticket, backends::Reply(MergeExists(reply.bytes(), followed.known)));
    case FollowedScript::Form::kFlush: assert(false);
  }
  sink_.OnReply(followed.ticket, std::move(reply));
}

void ScriptCalls::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  if (followed_[ticket.owner].form == FollowedScript::Form::kFlush) {
    // Its words may be gone when the workers have forgotten.
    std::string text;
    wire::AppendRedisError(failure, &text);
    followed_[ticket.owner].reply = blocks_.Copy(text);
    return FinishFlush(ticket.owner);
  }
  const FollowedScript followed = Take(ticket.owner);
  if (followed.form == FollowedScript::Form::kCall) NoteCall(followed, "-");
  sink_.OnFailure(followed.ticket, failure);
}

void ScriptCalls::FinishFlush(uint32_t place) {
  if (--followed_[place].to_come > 0) return;
  FollowedScript flush = Take(place);
  sink_.OnReply(flush.ticket, backends::Reply(std::move(flush.reply)));
}

// A script may say what it likes: an error that it makes up costs a text that is sent once more.
void ScriptCalls::NoteCall(const FollowedScript& call, std::string_view reply) {
  if (call.epoch != epoch_) return;
  const bool is_error = wire::IsError(reply);
  if (call.brings_text) is_error ? texts_.Withdraw(call.scope, call.sha) : Learn(call.scope, call.sha, call.text);
  ScriptTexts::Script* const script = texts_.Find(call.scope, call.sha);
  if (script == nullptr) return;
  LoadMark& mark = script->marks[call.node];
  if (call.brings_text && !is_error) {
    mark = {LoadMark::LoadState::kLoaded, {}, call.generation};
  } else if (call.brings_text ? mark.state == LoadMark::LoadState::kUnderWay : reply.starts_with("-NOSCRIPT")) {
    if (mark.generation == call.generation) mark = {};
  }
}

// Requires: no flush has come since the text was sent.
void ScriptCalls::Learn(uint64_t scope, std::string_view sha, const ScriptText& text) {
  if (texts_.Knows(scope, sha)) return;
  texts_.Learn(scope, sha, text);
  // What the others were not told they learn from their own clients.
  if (!posts_.learnt || untold_bytes_ + text->size() > texts_.most_bytes()) return;
  untold_bytes_ += text->size();
  posts_.learnt({scope, std::string(sha), text, flushes_});
}

void ScriptCalls::OnLearnt(const LearntScript& script) {
  // What was learnt before a flush that this worker has begun is void: its client may have more to say already.
  if (own_flushes_ == 0) texts_.Learn(script.scope, script.sha, script.text);
}

void ScriptCalls::OnFlush(const ScriptScopes& scopes, uint64_t flushes) {
  flushes_ = flushes;
  ++epoch_;
  texts_.Forget(scopes);
}

void ScriptCalls::OnFlushed(uint32_t place) {
  assert(own_flushes_ > 0);
  --own_flushes_;
  FinishFlush(place);
}

}  // namespace ringproxy::proxy
