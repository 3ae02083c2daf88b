#include "proxy/route/memcache_merge.h"

#include <algorithm>
#include <cassert>
#include <functional>

#include "backends/wire/error_text.h"
#include "backends/wire/memcache_binary.h"
#include "proxy/route/memcache_statistics.h"
#include "proxy/route/scratch.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kEnd = "END\r\n";
constexpr size_t kLongestToken = 21;  // A space and twenty digits.

// An END that is a line of its own; a node's failure may come after values it has already sent.
bool IsWhole(std::string_view reply) {
  return reply == kEnd || reply.ends_with("\r\nEND\r\n");
}

bool IsOk(std::string_view reply) {
  return reply == "OK\r\n";
}

bool IsError(std::string_view reply) {
  return wire::IsMemcacheError(reply) || wire::IsBinaryError(reply);
}

std::string_view LastLine(std::string_view reply) {
  const size_t before = reply.rfind('\n', reply.size() - 2);
  return before == std::string_view::npos ? reply : reply.substr(before + 1);
}

}  // namespace

std::span<const std::string_view> MemcacheMerger::Merge(const FanoutPlan& plan,
                                                        std::span<const std::string_view> children) {
  assert(!children.empty());
  Recycle(&pieces_);
  Recycle(&readers_);
  Recycle(&text_);
  size_bytes_ = 0;
  partial_ = Partial::kNone;
  switch (plan.merge) {
    case wire::Merge::kValues: MergeValues(plan, children); break;
    case wire::Merge::kAgreed: MergeAgreed(plan, children); break;
    case wire::Merge::kConnections: MergeConnections(plan, children); break;
    case wire::Merge::kStatistics:
    case wire::Merge::kSettings: MergeStatistics(plan, children); break;
    case wire::Merge::kUntagCas: UntagCas(plan, children.front()); break;
    case wire::Merge::kInstead:
      // Nobody knows whether a node that fails has done what was asked of it, and the client should not believe so.
      ReplaceBy(IsError(children.front()) ? children.front() : plan.instead);
      break;
    default: assert(false);
  }
  return pieces_;
}

void MemcacheMerger::Add(std::string_view piece) {
  pieces_.push_back(piece);
  size_bytes_ += piece.size();
}

void MemcacheMerger::ReplaceBy(std::string_view reply) {
  pieces_.clear();
  size_bytes_ = 0;
  Add(reply);
}

void MemcacheMerger::BadReply() {
  text_.clear();
  wire::AppendMemcacheError(wire::ErrorCode::kBadReply, &text_);
  ReplaceBy(text_);
}

bool MemcacheMerger::ReadValues(const FanoutPlan& plan, std::span<const std::string_view> children) {
  const auto failed = static_cast<size_t>(std::ranges::count_if(children, std::not_fn(IsWhole)));
  const bool some_answered = failed < children.size();
  if (failed > 0 && some_answered) partial_ = plan.failures_are_misses ? Partial::kMiss : Partial::kError;
  if (failed > 0 && partial_ != Partial::kMiss) {
    ReplaceBy(LastLine(*std::ranges::find_if_not(children, IsWhole)));
    return false;
  }
  for (const std::string_view child : children) readers_.emplace_back(IsWhole(child) ? child : kEnd);
  return true;
}

void MemcacheMerger::MergeValues(const FanoutPlan& plan, std::span<const std::string_view> children) {
  if (!ReadValues(plan, children)) return;
  text_.reserve(plan.cas_tags.empty() ? 0 : plan.child_of_key.size() * kLongestToken);
  for (size_t i = 0; i < plan.child_of_key.size(); ++i) {
    const uint32_t child = plan.child_of_key[i];
    const auto& value = readers_[child].Peek();
    // A miss: what the node has sent next belongs to a later key, since its values are in the order of its keys.
    if (!value || value->key != plan.key(i)) continue;
    // More digits than a token has would need more room than there is, and are no token.
    if (value->cas.size() >= kLongestToken) return BadReply();
    AddValue(*value, plan.cas_tags.empty() ? 0 : plan.cas_tags[child]);
    readers_[child].Advance();
  }
  const bool all_used = std::ranges::all_of(readers_, [](wire::ValueReader& reader) { return !reader.Peek(); });
  // A value for which no key asks belongs to somebody else's request, and then no part of the reply can be trusted.
  if (!all_used) return BadReply();
  Add(kEnd);
}

void MemcacheMerger::AddValue(const wire::MemcacheValue& value, wire::CasTag tag) {
  if (tag == 0 || value.cas.empty()) return Add(value.whole);
  const size_t start = text_.size();
  text_.push_back(' ');
  wire::AppendRetagged(value.cas, tag, &text_);
  Add(value.head);
  Add(std::string_view(text_).substr(start));
  Add(value.data);
}

void MemcacheMerger::MergeAgreed(const FanoutPlan& plan, std::span<const std::string_view> children) {
  const auto is_other = [&](std::string_view child) { return child != children.front(); };
  if (std::ranges::none_of(children, is_other)) return ReplaceBy(children.front());
  auto failed = std::ranges::find_if(children, IsError);
  // Words like BADCLASS and BUSY are refusals too.
  if (failed == children.end() && !plan.node_names.empty()) failed = std::ranges::find_if_not(children, IsOk);
  if (failed == children.end()) return BadReply();
  if (plan.node_names.empty()) return ReplaceBy(*failed);
  std::string_view rest = *failed;
  text_.append(wire::TakeLine(&rest));
  text_.append(" (node ").append(plan.node_names[static_cast<size_t>(failed - children.begin())]).append(")\r\n");
  Add(text_);
}

void MemcacheMerger::MergeConnections(const FanoutPlan& plan, std::span<const std::string_view> children) {
  for (size_t i = 0; i < children.size(); ++i) {
    std::string_view reply = children[i];
    const auto add = [&](std::string_view name, std::string_view value) {
      text_.append("STAT ").append(plan.node_names[i]).append(":").append(name).append(value).append("\r\n");
    };
    if (!IsWhole(reply)) {
      add("error ", wire::TakeLine(&reply));
      continue;
    }
    for (std::string_view line = wire::TakeLine(&reply); !line.empty(); line = wire::TakeLine(&reply)) {
      if (wire::TakeWord(&line) == "STAT" && !line.empty()) add(line.substr(1), {});
    }
  }
  text_.append(kEnd);
  Add(text_);
}

void MemcacheMerger::MergeStatistics(const FanoutPlan& plan, std::span<const std::string_view> children) {
  std::vector<std::string_view> answered;
  std::ranges::copy_if(children, std::back_inserter(answered), IsWhole);
  // A node that is down must not hide the figures of the others from whoever watches them.
  if (answered.empty()) return ReplaceBy(LastLine(children.front()));
  if (plan.merge == wire::Merge::kSettings) return ReplaceBy(answered.front());
  AppendMergedStatistics(answered, &text_);
  if (plan.counts_nodes) {
    text_.append("STAT ringproxy_nodes ").append(std::to_string(children.size())).append("\r\n");
    text_.append("STAT ringproxy_nodes_answered ").append(std::to_string(answered.size())).append("\r\n");
  }
  text_.append(kEnd);
  Add(text_);
}

void MemcacheMerger::UntagCas(const FanoutPlan& plan, std::string_view reply) {
  // All other replies carry no token; OK is what HD was before 1.6.10.
  if (!reply.starts_with("HD") && !reply.starts_with("VA ") && !reply.starts_with("OK ")) return ReplaceBy(reply);
  const std::string_view data = wire::AppendUntaggedLine(reply, plan.cas_tags.front(), &text_);
  Add(text_);
  if (!data.empty()) Add(data);
}

}  // namespace ringproxy::proxy
