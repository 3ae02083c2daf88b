// tests/sim/listen_scenario.h – Clients that listen to channels and patterns, and others that publish, some of them to
// the nodes themselves.
//
// Held against the run: whatever a client listens to it reads once, in the order in which its node has published it,
// and nothing else; where no gap was counted nothing is missed; what is published at the end, at whatever node, reaches
// everybody who listens; and then no node has a subscription left.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace ringproxy::sim {

class SimListener final : public SimDialog {
 public:
  // Of a channel or pattern.
  struct Listening {
    std::optional<net::TimePoint> since;  // The answer has come; none: it does not listen.
    bool is_ending = false;               // UNSUBSCRIBE is under way.
    bool has_paused = false;              // It has listened before, and stopped.
    std::vector<std::string> texts;
  };

  using SimDialog::SimDialog;

  // Subscribes, and to other things now and then.
  void Begin();
  void Finish() { EndSending(); }
  const std::map<std::string, Listening>& topics() const { return topics_; }

 private:
  bool TakeUnasked(std::string_view frame) override;
  void OnMessage(const std::string& topic, std::string_view channel, std::string_view text);
  void OnAnswer(std::string_view word, const std::string& topic);
  void Change();

  std::map<std::string, Listening> topics_;
  std::deque<std::string> said_;  // "subscribe news:1" and so on, not answered yet.
};

class SimPublisher final : public SimDialog {
 public:
  using SimDialog::SimDialog;

  void Begin(uint32_t bursts);
  // All is well: one to each channel.
  void PublishLast();
  // That the node has acknowledged.
  const std::vector<std::string>& published() const { return published_; }

 private:
  void Publish(const std::string& channel);

  uint32_t texts_ = 0;
  bool is_well_ = false;
  std::vector<std::string> published_;
};

class ListenScenario final : public Scenario {
 public:
  explicit ListenScenario(ScenarioParts parts) : parts_(std::move(parts)) {}

  void Start() override;
  void WarmUp() override {}
  void Finish() override;
  void Check(ScenarioEvents* events) override;

 private:
  // Where a message was published.
  struct Origin {
    size_t node;
    size_t place;
    std::string channel;
  };

  void PublishAtNode();
  // By its text; no two are equal.
  std::map<std::string, Origin> Messages() const;
  void CheckListener(const SimListener& listener, const std::map<std::string, Origin>& messages);
  void CheckCompleteness(const SimListener& listener);

  const ScenarioParts parts_;
  std::vector<std::unique_ptr<SimListener>> listeners_;
  std::vector<std::unique_ptr<SimPublisher>> publishers_;
  uint32_t direct_ = 0;        // Messages that were published at nodes.
  std::vector<bool> cut_off_;  // By node, at the end: a subscription is on a connection that says nothing any more.
};

}  // namespace ringproxy::sim
