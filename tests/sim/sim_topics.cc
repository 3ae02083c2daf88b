#include "tests/sim/sim_topics.h"

#include <algorithm>

#include "backends/wire/resp_encode.h"

namespace ringproxy::sim {
namespace {

void AppendBulks(std::initializer_list<std::string_view> words, std::string* out) {
  for (const std::string_view word : words) wire::AppendBulk(word, out);
}

}  // namespace

std::string SimTopics::Change(std::string_view command, std::string_view name, uint64_t connection) {
  std::set<uint64_t>& subscribed = topics_[std::string(name)];
  command.find("unsubscribe") != std::string_view::npos ? void(subscribed.erase(connection))
                                                        : void(subscribed.insert(connection));
  std::string out;
  wire::AppendArrayHeader(3, &out);
  AppendBulks({command, name}, &out);
  wire::AppendInteger(static_cast<int64_t>(CountOf(connection)), &out);
  return out;
}

size_t SimTopics::Publish(net::TimePoint now, std::string_view channel, std::string_view text) {
  published_.push_back({now, std::string(channel), std::string(text)});
  size_t sent = 0;
  for (const auto& [name, connections] : topics_) {
    const bool is_pattern = name.ends_with('*');
    if (is_pattern ? !channel.starts_with(std::string_view(name).substr(0, name.size() - 1)) : channel != name)
      continue;
    std::string message;
    wire::AppendArrayHeader(is_pattern ? 4 : 3, &message);
    is_pattern ? AppendBulks({"pmessage", name, channel, text}, &message)
               : AppendBulks({"message", channel, text}, &message);
    for (const uint64_t connection : connections) tell_(connection, message);
    sent += connections.size();
  }
  return sent;
}

void SimTopics::Forget(uint64_t connection) {
  for (auto& [name, connections] : topics_) connections.erase(connection);
}

size_t SimTopics::CountOf(uint64_t connection) const {
  return static_cast<size_t>(
      std::ranges::count_if(topics_, [&](const auto& topic) { return topic.second.contains(connection); }));
}

size_t SimTopics::subscriptions() const {
  size_t sum = 0;
  for (const auto& [name, connections] : topics_) sum += connections.size();
  return sum;
}

}  // namespace ringproxy::sim
