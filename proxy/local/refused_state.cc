#include "proxy/local/refused_state.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace ringproxy::proxy {
namespace {

// Redis executes these within a transaction instead of queueing them.
constexpr std::string_view kLeaveTransaction[] = {"discard", "exec", "quit", "reset"};

}  // namespace

RefusedState::Reason RefusedState::ReasonOf(const wire::CommandSpec& spec) const {
  if (in_transaction_) {
    const bool leaves = std::ranges::find(kLeaveTransaction, spec.name) != std::end(kLeaveTransaction);
    return leaves ? Reason::kNone : Reason::kTransaction;
  }
  if (next_multi_ && spec.after_refusal == wire::AfterRefusal::kTransaction) return Reason::kUnwatched;
  return database_ != 0 && wire::ConcernsDatabase(spec) ? Reason::kDatabase : Reason::kNone;
}

void RefusedState::OnRefused(const wire::CommandSpec& spec) {
  switch (spec.after_refusal) {
    case wire::AfterRefusal::kNothing:
    case wire::AfterRefusal::kDatabase: break;
    case wire::AfterRefusal::kTransaction: in_transaction_ = true; break;
    // Within a transaction Redis refuses WATCH too, and nothing follows from it.
    case wire::AfterRefusal::kNextMulti: next_multi_ |= !in_transaction_; break;
  }
}

bool RefusedState::EndTransaction() {
  // EXEC and DISCARD also end what WATCH has begun.
  next_multi_ = false;
  return std::exchange(in_transaction_, false);
}

}  // namespace ringproxy::proxy
