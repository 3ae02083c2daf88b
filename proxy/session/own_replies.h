// proxy/session/own_replies.h – How many bytes of replies the proxy itself makes for one client.
//
// Purpose: such replies wait for nobody, and a few bytes may ask for many (COMMAND, INFO). So a client is read no
// further while too many of them are unwritten, or while those of one turn take the time of the others.
// Threads: plain values. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

namespace ringproxy::proxy {

class OwnReplies {
 public:
  void Add(size_t bytes) {
    unread_ += bytes;
    of_turn_ += bytes;
  }
  bool is_much() const { return unread_ >= kMostUnread || of_turn_ >= kMostOfTurn; }
  // `waiting`: bytes of replies that are not written yet. The output does not tell whose they are: at most all of them
  // are the proxy's own.
  void EndTurn(size_t waiting) {
    unread_ = std::min(unread_, waiting);
    of_turn_ = 0;
  }

 private:
  // Replies of nodes have the bound that the listener sets instead, since libraries send a long pipeline as a whole
  // before they read.
  static constexpr size_t kMostUnread = 1 << 20;
  static constexpr size_t kMostOfTurn = 8 << 10;

  size_t unread_ = 0;
  size_t of_turn_ = 0;
};

}  // namespace ringproxy::proxy
