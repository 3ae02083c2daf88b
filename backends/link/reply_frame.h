// backends/link/reply_frame.h – One whole reply at the head of what was read from a node, before anybody has taken it.
//
// Threads: one owner. Lifetime: a call; what it refers to outlives it. Exactly one of Take and Drop ends it.
#pragma once

#include <string_view>

#include "backends/net/input_buffer.h"
#include "backends/wire/reply_framer.h"

namespace ringproxy::backends {

class ReplyFrame {
 public:
  // Requires: `framer` has just found a whole reply at the head of `input`.
  ReplyFrame(net::InputBuffer& input, const wire::ReplyFramer& framer)
      : input_(input), framer_(framer), bytes_(input.bytes().data(), framer.size()) {}

  size_t size() const { return bytes_.size(); }
  std::string_view bytes() const { return bytes_; }
  wire::Fault fault() const { return framer_.FaultOf(bytes()); }
  // bytes(), to be changed where they lie.
  char* writable() const { return input_.writable(); }
  // It lies in a block of its own that is worth moving.
  bool is_large() const { return input_.CanTakeFrame(size()); }
  // Requires: is_large().
  net::Block Take() const { return input_.TakeFrame(size()); }
  void Drop() const { input_.Consume(size()); }

 private:
  net::InputBuffer& input_;
  const wire::ReplyFramer& framer_;
  std::string_view bytes_;
};

}  // namespace ringproxy::backends
