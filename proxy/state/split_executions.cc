#include "proxy/state/split_executions.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kDiscardWords = "EXECABORT Transaction discarded because of: ";

std::string BadReplyText() {
  std::string text;
  wire::AppendRedisError({.code = wire::ErrorCode::kBadReply}, &text);
  return text;
}

// An error's words, without its type and its end.
std::string_view ErrorWords(std::string_view error) {
  return error.substr(1, error.find('\r') - 1);
}

}  // namespace

uint32_t SplitExecutions::Open(backends::Ticket ticket, std::vector<uint32_t> part_of_command, size_t parts) {
  const uint32_t place = splits_.Acquire();
  splits_[place] = {.ticket = ticket, .part_of_command = std::move(part_of_command), .parts = {}, .waiting = parts};
  splits_[place].parts.resize(parts);
  return place;
}

void SplitExecutions::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  Split& split = splits_[ticket.owner];
  PartOutcome outcome;
  if (wire::IsError(reply.bytes())) {
    const std::string_view words = ErrorWords(reply.bytes());
    outcome.is_discarded = words.starts_with("EXECABORT ");
    outcome.error = words.substr(words.starts_with(kDiscardWords) ? kDiscardWords.size() : 0);
  } else {
    const auto commands = std::ranges::count(split.part_of_command, ticket.slot);
    const wire::ArrayReader reader(reply.bytes());
    // With an element too few or too many nobody could tell which commands the others belong to.
    if (!reader.is_array() || reader.remaining() != static_cast<size_t>(commands)) {
      outcome.error = ErrorWords(BadReplyText());
    } else {
      split.reply_bytes += reply.size();
      outcome.reply = reply.Keep(io_.blocks);
    }
  }
  OnOutcome(ticket, std::move(outcome));
}

void SplitExecutions::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  PartOutcome outcome;
  outcome.is_discarded = failure.code == wire::ErrorCode::kTransactionDiscarded;
  if (outcome.is_discarded) {
    outcome.error = failure.words;
  } else {
    std::string text;
    wire::AppendRedisError(failure, &text);
    outcome.error = ErrorWords(text);
  }
  OnOutcome(ticket, std::move(outcome));
}

void SplitExecutions::OnOutcome(backends::Ticket ticket, PartOutcome&& outcome) {
  Split& split = splits_[ticket.owner];
  assert(split.waiting > 0);
  split.parts[ticket.slot] = std::move(outcome);
  // What is made of them takes as much again.
  if (split.reply_bytes > io_.memory.most_taken()) split.is_too_large = true;
  if (split.is_too_large) {
    for (PartOutcome& part : split.parts) part.reply.Release();
  }
  if (--split.waiting == 0) Finish(ticket.owner);
}

void SplitExecutions::Finish(uint32_t place) {
  const Split split = std::move(splits_[place]);
  splits_.Release(place);
  if (split.is_too_large) return sink_.OnFailure(split.ticket, {.code = wire::ErrorCode::kOutOfMemory});
  if (std::ranges::all_of(split.parts, &PartOutcome::is_discarded)) {
    wire::Failure discarded{.code = wire::ErrorCode::kTransactionDiscarded};
    discarded.words = split.parts.front().error;
    return sink_.OnFailure(split.ticket, discarded);
  }
  sink_.OnReply(split.ticket, backends::Reply(Merge(split)));
}

net::Block SplitExecutions::Merge(const Split& split) {
  std::string header;
  wire::AppendArrayHeader(split.part_of_command.size(), &header);
  std::vector<wire::ArrayReader> readers;
  std::vector<std::string> errors;
  for (const PartOutcome& part : split.parts) {
    readers.emplace_back(part.reply ? wire::ArrayReader(part.reply.bytes()) : wire::ArrayReader());
    errors.emplace_back();
    if (!part.reply) wire::AppendError(part.error, &errors.back());
  }
  std::vector<std::string_view> pieces{header};
  size_t size = header.size();
  for (const uint32_t part : split.part_of_command) {
    pieces.push_back(readers[part].is_array() ? readers[part].Next() : std::string_view(errors[part]));
    size += pieces.back().size();
  }
  net::Block merged = io_.blocks.Acquire(size);
  for (const std::string_view piece : pieces) merged.Append(piece);
  return merged;
}

}  // namespace ringproxy::proxy
