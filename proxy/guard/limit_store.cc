#include "proxy/guard/limit_store.h"

#include <algorithm>
#include <utility>

#include "proxy/route/router.h"

namespace ringproxy::proxy {

LimitStore::LimitStore(backends::WorkerIo& io, Asker& asker)
    : io_(io), asker_(asker), timer_(io.loop.NewTimer([this] { RunDeadlines(); })) {}

void LimitStore::Ask(HeldSnapshot& held, Question question) {
  const uint32_t index = entries_.Acquire();
  AskedQuestion& entry = entries_[index];
  entry.question = std::move(question);
  entry.question.held = &held;
  entry.held = SnapshotUse(held);
  entry.open = true;
  entry.has_text = false;
  const net::Duration timeout = held->config.global_limits.timeout;
  deadlines_.push_back({index, entry.generation, io_.loop.now() + timeout});
  if (!timer_->armed()) timer_->Arm(timeout);
  Send(index, ScriptForm::kHash);
}

void LimitStore::Send(uint32_t index, ScriptForm form) {
  const Question& question = entries_[index].question;
  encoded_.clear();
  if (question.kind == Question::QuestionKind::kMembers) {
    AppendMembersCall(form, question.key, question.name, &encoded_);
  } else {
    AppendLeaseCall(form, question.key, question.terms, question.request, &encoded_);
  }
  HeldSnapshot& held = *entries_[index].held;
  const uint32_t store = *held->limit_store;
  backends::NodePool& pool = held.node_pools[store];
  const backends::Ticket ticket{index, entries_[index].generation, 0, backends::Ticket::Kind::kStore};
  // A node on trial is tried by such a question as it would be by a read.
  const backends::Choice choice = pool.Choose(KeyHash(held->pools[store], question.key), {.is_read = true});
  if (choice.admission != backends::Admission::kGranted) return Fail(index);
  // One limit's questions share a lane, so the store meets them in the order in which they were asked.
  pool.Send(choice.node, question.rule != nullptr ? question.rule->index : 0, std::string_view(encoded_), ticket);
}

void LimitStore::Answer(uint32_t index, StoreOutcome outcome, std::string_view reply) {
  AskedQuestion& entry = entries_[index];
  // After a timeout the node's late reply only frees the entry.
  if (!std::exchange(entry.open, false)) return;
  // A copy: the answer may lead to the next question, and the entries may move.
  const Question question = entry.question;
  asker_.OnStoreAnswer(question, outcome, reply);
}

void LimitStore::Release(uint32_t index) {
  ++entries_[index].generation;
  entries_[index].held.End();
  entries_.Release(index);
}

void LimitStore::OnReply(backends::Ticket ticket, backends::Reply&& whole) {
  const uint32_t index = ticket.owner;
  const std::string_view reply = whole.bytes();
  // The text is sent once: a server that does not keep it would be asked for ever.
  if (IsNoScript(reply) && entries_[index].open && !std::exchange(entries_[index].has_text, true)) {
    return Send(index, ScriptForm::kText);
  }
  Answer(index, reply.starts_with('-') ? StoreOutcome::kError : StoreOutcome::kReply, reply);
  Release(index);
}

void LimitStore::OnFailure(backends::Ticket ticket, const wire::Failure&) {
  Fail(ticket.owner);
}

void LimitStore::Fail(uint32_t entry) {
  Answer(entry, StoreOutcome::kError, {});
  Release(entry);
}

void LimitStore::RunDeadlines() {
  const net::TimePoint now = io_.loop.now();
  while (!deadlines_.empty() && deadlines_.front().due <= now) {
    const Deadline deadline = deadlines_.front();
    deadlines_.pop_front();
    // An entry that has been answered may hold another question by now.
    if (entries_[deadline.entry].generation == deadline.generation) Answer(deadline.entry, StoreOutcome::kTimeout, {});
  }
  if (!deadlines_.empty()) timer_->Arm(std::max(deadlines_.front().due - now, net::Duration(1)));
}

}  // namespace ringproxy::proxy
