#include "backends/link/node_batches.h"

namespace ringproxy::backends {
namespace {

// About eight GETs: turns that bring more are long already.
constexpr size_t kSmallBatch = 384;

}  // namespace

bool NodeBatches::IsSmall() const {
  size_t bytes = 0;
  for (const Flushable* flushable : list_) bytes += flushable->batch_bytes();
  return bytes > 0 && bytes < kSmallBatch;
}

void NodeBatches::Flush(bool may_hold) {
  // It is never held twice in a row: a request waits for one turn at most.
  held_ = may_hold && !held_ && IsSmall();
  if (held_) return;
  for (size_t i = 0; i < list_.size(); ++i) list_[i]->Flush();
  list_.clear();
}

}  // namespace ringproxy::backends
