// backends/reply.h – One whole reply on its way to whoever has asked.
//
// Purpose: a small reply is a view of bytes that others own and is copied where it has to stay; a large one has come
// into a block of its own, which changes hands instead. Who passes a reply on need not know which it is. Lifetime: a
// view is valid during the call that hands it over. Threads: its worker's.
#pragma once

#include <string_view>
#include <utility>

#include "backends/net/block_pool.h"
#include "backends/net/input_buffer.h"
#include "backends/net/send_queue.h"

namespace ringproxy::backends {

class Reply {
 public:
  Reply() = default;
  explicit Reply(std::string_view bytes) : bytes_(bytes) {}
  // The block holds exactly the reply.
  explicit Reply(net::Block block) : bytes_(block.bytes()), block_(std::move(block)) {}

  std::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  // bytes(), to be changed where they lie. Requires: they are no constant's.
  char* writable() { return const_cast<char*>(bytes_.data()); }

  // A block that holds it, for as long as the taker likes. Once.
  net::Block Keep(net::BlockPool& pool) { return block_ ? std::move(block_) : pool.Copy(bytes_); }
  // Once. Where it is small it is copied though it has a block: one block a reply would make writev slow and keep the
  // blocks busy.
  [[gnu::always_inline]] void AppendTo(net::SendQueue& output) {
    if (block_ && size() >= net::kLargeFrame) return output.Append(std::move(block_));
    if (!bytes_.empty()) output.Append(bytes_);
  }

 private:
  std::string_view bytes_;
  net::Block block_;  // Holds bytes_, if there is one.
};

}  // namespace ringproxy::backends
