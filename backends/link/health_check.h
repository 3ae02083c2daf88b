// backends/link/health_check.h – Asks one node, over a connection of its own, whether it can serve.
//
// A check is what a data connection's handshake is: connecting, the same login, PING or mn; then, on Redis, whether the
// maintenance key is there. A new connection asks Redis for its release and whether it runs transactions, and memcached
// how large an item may be. The connection is kept from check to check, and dropped with a failure. Replies like
// LOADING or MASTERDOWN are failures in the node's own words. While clients have something heavy under way on the node,
// the check waits five seconds instead of its timeout. Bounds: kMostAnswer bytes of a reply. Threads: its loop's.
// Lifetime: io and settings outlive it; `done` may start the next question.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/link/command_question.h"
#include "backends/link/framed_stream.h"
#include "backends/link/handshake.h"
#include "backends/link/item_size_question.h"
#include "backends/link/server_question.h"
#include "backends/net/loop.h"
#include "backends/node_settings.h"
#include "backends/worker_io.h"

namespace ringproxy::backends {

class HealthCheck final : private net::StreamObserver {
 public:
  // kNoAnswer: in time. kNotAsked: the question never reached the node, for want of a descriptor, memory or a port, or
  // was not considered, since a client's script runs there; then nobody knows more than before.
  // kFull: the node has as many connections as it takes, and those who have one may be served well.
  enum class CheckOutcome : uint8_t { kGood, kBad, kNoAnswer, kNotAsked, kFull };
  static constexpr size_t kMostAnswer = wire::LearntRow::kMostAnswer;
  // `why` is empty when it went well.
  using Done = std::function<void(CheckOutcome outcome, const std::string& why)>;

  // `is_busy`: whether something heavy is under way.
  HealthCheck(
      WorkerIo& io, const NodeSettings& settings, const conf::Health& options,
      std::function<bool()> is_busy = [] { return false; });

  // Requires: not running().
  void Check(Done done);
  // Empties the node: FLUSHALL or flush_all. Requires: not running().
  void Flush(Done done);
  // Asks a Redis server which commands it has, and no more: TakeCommands says what it has answered. Requires: not
  // running().
  void AskCommands(Done done);
  std::vector<wire::LearntRow> TakeCommands() { return ask_.commands->TakeRows(); }
  // Forgets the question and closes the connection.
  void Stop();
  bool running() const { return done_ != nullptr; }
  // Of a memcached server, as its newest connection has heard; 0: not known.
  uint64_t item_size_max() const { return ask_.item_size ? ask_.item_size->item_size_max() : 0; }
  // Likewise, of a Redis server.
  ServerVersion version() const { return ask_.server ? ask_.server->version() : ServerVersion(); }
  bool refuses_transactions() const { return ask_.server && ask_.server->refuses_transactions(); }

 private:
  void OnConnected(int error) override;
  void OnReadable() override;
  void OnWritable() override { HandleWritten(stream_.Flush()); }

  void Ask(std::vector<Handshake*> questions, Done done);
  void AskNext();
  void OnReply(std::string_view reply);
  // A socket that is full for now takes the rest later, within the check's time.
  void HandleWritten(const net::IoResult& written);
  void OnTimer();
  void Finish(CheckOutcome outcome, const std::string& why);

  WorkerIo& io_;
  const NodeSettings& settings_;
  const conf::Health& options_;
  std::function<bool()> is_busy_;
  // All that it may ask.
  struct CheckQuestions {
    std::unique_ptr<Handshake> login;
    std::unique_ptr<Handshake> probe;
    std::unique_ptr<Handshake> maintenance;       // nullptr without a key.
    std::unique_ptr<ItemSizeQuestion> item_size;  // nullptr for Redis.
    std::unique_ptr<ServerQuestion> server;       // nullptr for memcached.
    std::unique_ptr<Handshake> flush;
    std::unique_ptr<CommandQuestion> commands;
  };
  const CheckQuestions ask_;
  FramedStream stream_;
  std::unique_ptr<net::Timer> timer_;
  std::vector<Handshake*> questions_;  // Still to be asked; the first is under way.
  Done done_;
  net::Duration patience_{0};  // How long it waits in all.
  bool was_busy_ = false;      // When it was last looked.
};

}  // namespace ringproxy::backends
