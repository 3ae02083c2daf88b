// backends/link/item_size_question.h – Asks a memcached server how large an item may be (-I).
//
// Purpose: a set that no node would take need not be read into memory to learn that. Threads: one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "backends/link/handshake.h"

namespace ringproxy::backends {

class ItemSizeQuestion final : public Handshake {
 public:
  void Start(std::string* out) override;
  // Always kDone: a server that does not say it is as well as before.
  HandshakeStep OnReply(std::string_view reply, std::string* out) override;

  // What the last reply has said; 0: nothing.
  uint64_t item_size_max() const { return item_size_max_; }

 private:
  uint64_t item_size_max_ = 0;
};

}  // namespace ringproxy::backends
