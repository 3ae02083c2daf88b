// proxy/guard/limit_store.h – One worker's questions to the store of global limits.
//
// Purpose: sends the scripts over the store pool's own pipelined connections, each to the node that its key belongs to;
// answers every question exactly once, in time: with the reply, or with a failure when the timeout has passed, the node
// is down or it answers an error. Nothing waits for it but the question's owner. NOSCRIPT is met by sending the text
// once; a reply that comes too late is dropped.
// Threads: its worker's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/net/ring_queue.h"
#include "backends/worker_io.h"
#include "proxy/guard/lease_script.h"
#include "proxy/guard/limit_rules.h"
#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

class LimitStore final : public backends::ReplySink {
 public:
  enum class StoreOutcome : uint8_t { kReply, kTimeout, kError };
  struct Question {
    enum class QuestionKind : uint8_t { kLease, kExact, kMembers };
    QuestionKind kind = QuestionKind::kLease;
    HeldSnapshot* held = nullptr;     // By which it is asked; Ask knows.
    const LimitRule* rule = nullptr;  // Of that snapshot.
    uint64_t bucket = 0;              // kLease: whose lease. kExact: which waiting request.
    std::string key;
    std::string name;  // kMembers: who lives.
    LeaseTerms terms;
    LeaseRequest request;
  };
  class Asker {
   public:
    // `reply`: of kReply, whatever the node has said.
    virtual void OnStoreAnswer(const Question& question, StoreOutcome outcome, std::string_view reply) = 0;

   protected:
    ~Asker() = default;
  };

  LimitStore(backends::WorkerIo& io, Asker& asker);

  // May answer before it returns. Requires: the snapshot names a store.
  void Ask(HeldSnapshot& held, Question question);

  // The store's nodes have answered a ticket of Kind::kStore.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  struct AskedQuestion {
    Question question;
    SnapshotUse held;
    uint32_t generation = 0;
    bool open = false;      // Not answered yet.
    bool has_text = false;  // The script's text has been sent.
  };
  struct Deadline {
    uint32_t entry;
    uint32_t generation;
    net::TimePoint due;
  };

  void Send(uint32_t entry, ScriptForm form);
  void Fail(uint32_t entry);
  void Answer(uint32_t entry, StoreOutcome outcome, std::string_view reply);
  // The node's reply is here, late or not: the entry may be used again.
  void Release(uint32_t entry);
  void RunDeadlines();

  backends::WorkerIo& io_;
  Asker& asker_;
  net::PlaceList<AskedQuestion> entries_;
  net::RingQueue<Deadline, 16> deadlines_;  // In the order of the questions; most have the same time.
  std::unique_ptr<net::Timer> timer_;
  std::string encoded_;
};

}  // namespace ringproxy::proxy
