#include "tests/sim/listen_scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "backends/wire/resp_reply.h"

namespace ringproxy::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kChannels = 3;
constexpr uint32_t kListeners = 4;
constexpr uint32_t kPublishers = 2;
constexpr uint32_t kDirect = 12;
constexpr std::string_view kPattern = "news:*";
// In which links may break, and nodes be silent.
constexpr net::TimePoint kAllWell = net::TimePoint(std::chrono::seconds(2));

std::string ChannelOf(uint64_t number) {
  return "news:" + std::to_string(number);
}

bool Matches(const std::string& topic, std::string_view channel) {
  return topic == kPattern ? channel.starts_with("news:") : topic == channel;
}

}  // namespace

void SimListener::Begin() {
  Change();
  for (uint64_t i = loop().Random(5); i > 0; --i) Later(loop().RandomDelay(milliseconds(500)), [this] { Change(); });
}

void SimListener::Change() {
  const bool is_pattern = loop().Chance(0.3);
  const std::string topic = is_pattern ? std::string(kPattern) : ChannelOf(loop().Random(kChannels));
  Listening& listening = topics_[topic];
  const bool ends = listening.since && !listening.is_ending && loop().Chance(0.5);
  if (ends) listening.is_ending = listening.has_paused = true;
  const std::string word = std::string(is_pattern ? "p" : "") + (ends ? "unsubscribe" : "subscribe");
  said_.push_back(word + " " + topic);
  Tell({word, topic});
}

bool SimListener::TakeUnasked(std::string_view frame) {
  std::string array(frame);
  if (flavour().protocol == 3 ? array[0] != '>' : array[0] != '*') return false;
  array[0] = '*';
  wire::ArrayReader reader(array);
  std::vector<std::string> words;
  while (reader.remaining() > 0) {
    const std::string_view element = reader.Next();
    words.emplace_back(wire::BulkReply(element).value_or(element));
  }
  if (words.size() == 3 && words[0] == "message") {
    OnMessage(words[1], words[1], words[2]);
  } else if (words.size() == 4 && words[0] == "pmessage") {
    OnMessage(words[1], words[2], words[3]);
  } else if (words.size() == 3) {
    OnAnswer(words[0], words[1]);
  } else {
    Complain("not what a listener is told", frame);
  }
  return true;
}

void SimListener::OnMessage(const std::string& topic, std::string_view channel, std::string_view text) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !Matches(topic, channel)) return Complain("a message of something else", text);
  if (!found->second.since) return Complain("a message though it does not listen", text);
  found->second.texts.emplace_back(text);
}

void SimListener::OnAnswer(std::string_view word, const std::string& topic) {
  if (said_.empty() || said_.front() != std::string(word) + " " + topic)
    return Complain("not the answer to " + (said_.empty() ? "anything" : said_.front()), word);
  said_.pop_front();
  Listening& listening = topics_[topic];
  const bool ends = word.find("unsubscribe") != std::string_view::npos;
  if (ends) {
    listening.since.reset();
    listening.is_ending = false;
  } else if (!listening.since) {
    listening.since = loop().now();
  }
}

void SimPublisher::Begin(uint32_t bursts) {
  if (bursts == 0) return;
  for (uint64_t i = 1 + loop().Random(5); i > 0; --i) Publish(ChannelOf(loop().Random(kChannels)));
  Say();
  Later(loop().RandomDelay(milliseconds(40)), [this, bursts] { Begin(bursts - 1); });
}

void SimPublisher::PublishLast() {
  if (closed() || left_early()) return;
  is_well_ = true;
  for (uint32_t i = 0; i < kChannels; ++i) Publish(ChannelOf(i));
  Say();
  EndSending();
}

void SimPublisher::Publish(const std::string& channel) {
  const std::string text = std::to_string(number()) + ":" + std::to_string(texts_++);
  Ask({"PUBLISH", channel, text}, [this, text, is_well = is_well_](auto reply) {
    if (wire::IntegerReply(reply)) {
      published_.push_back(text);
    } else if (!IsFailure(reply) || is_well) {
      Complain("not an answer to PUBLISH", reply);
    }
  });
}

void ListenScenario::Start() {
  SimLoop& loop = parts_.loop;
  for (uint32_t i = 0; i < kListeners; ++i) {
    listeners_.push_back(std::make_unique<SimListener>(loop, i, RandomFlavour(loop)));
    loop.After(loop.RandomDelay(milliseconds(200)), [this, i] {
      parts_.connect(*listeners_[i]);
      listeners_[i]->Begin();
    });
  }
  for (uint32_t i = 0; i < kPublishers; ++i) {
    publishers_.push_back(std::make_unique<SimPublisher>(loop, i, backends::Flavour{}));
    loop.After(loop.RandomDelay(milliseconds(50)), [this, i] {
      parts_.connect(*publishers_[i]);
      publishers_[i]->Begin(static_cast<uint32_t>(5 + parts_.loop.Random(15)));
    });
  }
  for (uint32_t i = 0; i < kDirect; ++i) loop.After(loop.RandomDelay(milliseconds(600)), [this] { PublishAtNode(); });
}

void ListenScenario::PublishAtNode() {
  SimLoop& loop = parts_.loop;
  const std::vector<SimRedisNode*> nodes = RedisNodes(parts_);
  SimRedisNode& node = *nodes[loop.Random(parts_.pool.nodes.size())];
  node.Publish(ChannelOf(loop.Random(kChannels)), "direct:" + std::to_string(direct_++));
}

void ListenScenario::Finish() {
  const std::vector<SimRedisNode*> nodes = RedisNodes(parts_);
  for (size_t i = 0; i < parts_.pool.nodes.size(); ++i) {
    cut_off_.push_back(nodes[i]->HasUselessSubscription());
    for (uint32_t channel = 0; channel < kChannels; ++channel)
      nodes[i]->Publish(ChannelOf(channel), "last:" + std::to_string(direct_++));
  }
  for (const auto& publisher : publishers_) publisher->PublishLast();
  parts_.loop.After(milliseconds(500), [this] {
    for (const auto& listener : listeners_) listener->Finish();
  });
}

std::map<std::string, ListenScenario::Origin> ListenScenario::Messages() const {
  std::map<std::string, Origin> found;
  const std::vector<SimRedisNode*> nodes = RedisNodes(parts_);
  for (size_t node = 0; node < nodes.size(); ++node) {
    const std::vector<SimTopics::Published>& published = nodes[node]->topics().published();
    for (size_t place = 0; place < published.size(); ++place) {
      const bool is_new = found.emplace(published[place].text, Origin{node, place, published[place].channel}).second;
      EXPECT_TRUE(is_new) << published[place].text << " was published twice";
    }
  }
  return found;
}

void ListenScenario::CheckListener(const SimListener& listener, const std::map<std::string, Origin>& messages) {
  for (const auto& [topic, listening] : listener.topics()) {
    std::map<size_t, size_t> next;  // Place of the log, by node.
    for (const std::string& text : listening.texts) {
      const auto message = messages.find(text);
      ASSERT_TRUE(message != messages.end()) << text << " was never published";
      const auto& [node, place, channel] = message->second;
      EXPECT_TRUE(Matches(topic, channel)) << text << " of " << channel << " was read as one of " << topic;
      EXPECT_GE(place, next[node]) << text << " was read twice, or late";
      next[node] = place + 1;
    }
  }
}

void ListenScenario::CheckCompleteness(const SimListener& listener) {
  const std::vector<SimRedisNode*> nodes = RedisNodes(parts_);
  for (const auto& [topic, listening] : listener.topics()) {
    if (!listening.since || listening.is_ending) continue;
    const std::set<std::string> texts(listening.texts.begin(), listening.texts.end());
    for (size_t node = 0; node < parts_.pool.nodes.size(); ++node) {
      if (cut_off_[node]) continue;
      const bool is_sure = !parts_.may_miss(node);
      for (const SimTopics::Published& message : nodes[node]->topics().published()) {
        if (!Matches(topic, message.channel) || message.at < *listening.since) continue;
        if (!is_sure && message.at < kAllWell) continue;
        EXPECT_TRUE(texts.contains(message.text))
            << "client " << listener.number() << " has missed " << message.text << " of " << topic << ", published at "
            << message.at.time_since_epoch().count() << " us at " << nodes[node]->port();
      }
    }
  }
}

void ListenScenario::Check(ScenarioEvents* events) {
  const std::map<std::string, Origin> messages = Messages();
  for (const auto& publisher : publishers_) {
    EXPECT_EQ(publisher->complaint(), "");
    EXPECT_TRUE(publisher->closed());
    for (const std::string& text : publisher->published()) EXPECT_TRUE(messages.contains(text)) << text;
  }
  for (const auto& listener : listeners_) {
    EXPECT_EQ(listener->complaint(), "");
    EXPECT_TRUE(listener->closed());
    CheckListener(*listener, messages);
    CheckCompleteness(*listener);
    for (const auto& [topic, listening] : listener->topics()) events->messages += listening.texts.size();
  }
  for (const SimRedisNode* node : RedisNodes(parts_)) EXPECT_EQ(node->topics().subscriptions(), 0U) << node->port();
}

}  // namespace ringproxy::sim
