// tests/sim/sim_redis_node.h – A simulated Redis node: a map for each database, and the buckets of global limits. It
// speaks RESP3 where a connection has asked for it, and then sends pushes now and then. A request on a connection whose
// choice of a database or protocol is not answered yet, or was refused, counts as a wrong one.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "backends/wire/resp_request.h"
#include "tests/sim/sim_lists.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/sim_topics.h"
#include "tests/support/lease_store.h"

namespace ringproxy::sim {

// A client's script that makes a node say what a sick one says.
inline constexpr std::string_view kForgingScript = "return redis.error_reply('CLUSTERDOWN')";

// Of each node; a client may ask for one more.
inline constexpr uint64_t kSimDatabases = 3;

// Keys that clients watch: counters, each value of which is "number=mark", and others.
inline constexpr std::string_view kCounterPrefix = "count:";
inline constexpr std::string_view kWatchedPrefix = "watch:";
// Of lists.
inline constexpr std::string_view kListPrefix = "list:";

class SimRedisNode final : public SimNode {
 public:
  using SimNode::SimNode;

  using KeyOfDatabase = std::pair<uint64_t, std::string>;

  // What transactions have written to the keys that clients watch, in order.
  const std::map<KeyOfDatabase, std::vector<std::string>>& executed() const { return executed_; }
  const SimLists& lists() const { return lists_; }
  const SimTopics& topics() const { return topics_; }
  // As one of its own clients.
  void Put(uint64_t database, const std::string& key) { databases_[database][key].clear(); }
  void Remove(uint64_t database, const std::string& key) { databases_[database].erase(key); }
  size_t Publish(std::string_view channel, std::string_view text) {
    return topics_.Publish(loop().now(), channel, text);
  }

 private:
  size_t AnswerFirst(std::string_view input, Speech* speech, std::string* reply) override;
  std::string Nonsense() override;
  bool ShowsToPing(uint64_t sickness) const override;
  std::string Answer(const wire::Request& request, Speech* speech);
  // MULTI, EXEC and what stands between them; empty for all else.
  std::string AnswerTransaction(std::string_view name, const wire::Request& request, Speech* speech);
  // WATCH and UNWATCH; empty for all else.
  std::string AnswerWatch(std::string_view name, const wire::Request& request, Speech* speech);
  void OnConnectionGone(const Speech& speech) override {
    lists_.Forget(speech.connection);
    topics_.Forget(speech.connection);
  }
  // Subscribing, and PUBLISH; empty for all else.
  std::string AnswerTopics(std::string_view name, const wire::Request& request, Speech* speech);
  // CLIENT, and what is done with lists; empty for all else, and where the reply comes later.
  std::string AnswerClient(const wire::Request& request, Speech* speech);
  std::string AnswerWait(std::string_view name, const wire::Request& request, Speech* speech);
  bool IsDirty(const Speech& speech) const;
  // The key has changed.
  void Touch(uint64_t database, std::string_view key);
  std::string Execute(Speech* speech);
  std::string AnswerKeyed(std::string_view name, const wire::Request& request, const Speech& speech);
  // SCAN: the keys in the order of their hashes, of which a cursor is the first that is still to come.
  std::string AnswerScan(const wire::Request& request, const Speech& speech);
  std::string AnswerHello(const wire::Request& request, Speech* speech);
  std::string AnswerSelect(const wire::Request& request, Speech* speech);

  // The scripts of global limits.
  std::string AnswerScript(const wire::Request& request);

  using Data = std::map<std::string, std::string, std::less<>>;

  std::map<uint64_t, Data> databases_;
  SimTopics topics_{[this](uint64_t connection, const std::string& message) { Push(connection, message); }};
  SimLists lists_{loop(), [this](uint64_t connection, std::string reply) { Tell(connection, std::move(reply)); }};
  std::map<KeyOfDatabase, uint64_t> versions_;  // Of keys that somebody has watched.
  std::map<KeyOfDatabase, std::vector<std::string>> executed_;
  std::map<std::string, test::LeaseStore, std::less<>> buckets_;
  bool knows_scripts_ = false;
};

}  // namespace ringproxy::sim
