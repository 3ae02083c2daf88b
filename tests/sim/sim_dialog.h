// tests/sim/sim_dialog.h – A simulated client that holds a conversation: what it says next depends on what it has read.
//
// Purpose: beside the SimClients, which pipeline whatever comes; this one watches keys, waits for elements, or listens.
// What may answer it is said by the classes that derive from it.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "backends/lane.h"
#include "backends/wire/resp_reply.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimDialog : public Peer {
 public:
  SimDialog(SimLoop& loop, uint32_t number, backends::Flavour flavour)
      : loop_(loop), number_(number), flavour_(flavour), wire_(loop.NewWire(this)) {}

  std::shared_ptr<Wire> wire() { return wire_; }
  backends::Flavour flavour() const { return flavour_; }
  uint32_t number() const { return number_; }
  bool closed() const { return closed_; }
  bool left_early() const { return left_early_; }
  // Of requests.
  size_t unanswered() const { return asked_.size(); }
  // What was wrong, empty if nothing.
  const std::string& complaint() const { return complaint_; }

  void OnBytes(std::string_view bytes) override;
  void OnClosed() override { closed_ = true; }

 protected:
  using OnAnswer = std::function<void(std::string_view reply)>;

  // What it asks leaves with the next Say.
  void Ask(std::initializer_list<std::string_view> words, OnAnswer on_answer);
  void Say();
  // What is answered by frames of its own, see TakeUnasked. Leaves now.
  void Tell(std::initializer_list<std::string_view> words);
  // Half of its connection, or all of it, ends.
  void EndSending() { wire_->FinishSending(); }
  void Leave() {
    left_early_ = true;
    wire_->Reset();
  }
  // Later, unless it is closed by then.
  void Later(net::Duration wait, std::function<void()> work);
  // A frame that answers no request, such as a message.
  virtual bool TakeUnasked(std::string_view) { return false; }
  void Complain(std::string_view what, std::string_view reply);
  // What the proxy or a node says of a request that was not carried out, or perhaps was.
  static bool IsFailure(std::string_view reply);
  SimLoop& loop() { return loop_; }

 private:
  struct Asked {
    std::string request;
    OnAnswer on_answer;
  };

  void OnFrame(std::string_view frame);

  SimLoop& loop_;
  const uint32_t number_;
  const backends::Flavour flavour_;
  std::shared_ptr<Wire> wire_;
  wire::RespReplyFramer framer_;
  std::deque<Asked> asked_;
  std::string output_;
  std::string input_;
  std::string complaint_;
  bool closed_ = false;
  bool left_early_ = false;
};

}  // namespace ringproxy::sim
