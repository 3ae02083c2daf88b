// tests/sim/sim_topics.h – Who is subscribed to what at a simulated Redis node, and all that was published there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/loop.h"

namespace ringproxy::sim {

class SimTopics {
 public:
  struct Published {
    net::TimePoint at;
    std::string channel;
    std::string text;
  };
  using Tell = std::function<void(uint64_t connection, const std::string& message)>;

  explicit SimTopics(Tell tell) : tell_(std::move(tell)) {}

  // SUBSCRIBE, PSUBSCRIBE and their opposites, of one name; a pattern is a beginning and a star. The answer.
  std::string Change(std::string_view command, std::string_view name, uint64_t connection);
  // How many messages were sent.
  size_t Publish(net::TimePoint now, std::string_view channel, std::string_view text);
  void Forget(uint64_t connection);

  bool IsSubscribed(uint64_t connection) const { return CountOf(connection) > 0; }
  // Over all connections.
  size_t subscriptions() const;
  const std::vector<Published>& published() const { return published_; }

 private:
  size_t CountOf(uint64_t connection) const;

  Tell tell_;
  std::map<std::string, std::set<uint64_t>, std::less<>> topics_;  // Connections by the name; a pattern ends in a star.
  std::vector<Published> published_;
};

}  // namespace ringproxy::sim
