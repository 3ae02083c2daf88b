// tests/sim/wait_scenario.h – Clients that wait at a node for what others push.
//
// Held against the run: whatever was pushed is received by one client, or still in its list, or may be lost where a
// client left while it waited or read that its wait was lost, but not when it is pushed later; a wait ends when its
// time is over and not before; one whose client has ended its side ends; and in the end nobody waits at any node.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace ringproxy::sim {

class SimPusher final : public SimDialog {
 public:
  using SimDialog::SimDialog;

  // So many elements, and leaves.
  void Begin(uint32_t elements, net::Duration longest_pause);
  // All is well: pushes one to the group, tries until it has succeeded, and leaves.
  void PushOnce(const std::string& group);
  // Those that the node has acknowledged.
  const std::vector<std::string>& pushed() const { return pushed_; }

 private:
  void Push(const std::string& group, bool until_done);

  uint32_t left_ = 0;
  net::Duration longest_pause_{0};
  uint32_t names_ = 0;
  std::vector<std::string> pushed_;
};

class SimWaiter final : public SimDialog {
 public:
  using SimDialog::SimDialog;

  // Waits so many times, and then leaves, as it may in between.
  void Begin(uint32_t waits);
  // All is well: waits without end for an element of the group, and leaves with it.
  void WaitForOne(const std::string& group);
  // All is well: waits in vain, then without end, and ends its side while it does.
  void WaitInVain();
  // A wait may meet a link that was cut off before all was well, which nobody could know: it reads that, and waits
  // again.
  void MeetCutLinks() { meets_cut_links_ = true; }
  // It must not wait any more, unless it does so without end.
  void GiveUp();

  const std::vector<std::string>& received() const { return received_; }
  // By group: when its wait has ended and an element may have been lost.
  const std::map<std::string, std::vector<net::TimePoint>>& perhaps_lost() const { return perhaps_lost_; }
  size_t empty_waits() const { return empty_waits_; }
  size_t waits() const { return waits_; }

 private:
  enum class WaiterPlan : uint8_t { kRandom, kForOne, kInVain };

  void Next();
  void Round();
  void Wait(const std::string& group, uint32_t limit_ms);
  void OnWaited(std::string_view reply);
  void OnElement(std::string_view reply);
  void OnNothing();
  void Go();  // In the middle of a wait.

  WaiterPlan plan_ = WaiterPlan::kRandom;
  uint32_t left_ = 0;
  std::string group_;       // That it waits for; empty: it does not.
  uint32_t limit_ms_ = 0;   // 0: without end.
  net::TimePoint since_{};  // It has waited.
  bool has_ended_ = false;  // Its side.
  bool meets_cut_links_ = false;
  std::vector<std::string> received_;
  std::map<std::string, std::vector<net::TimePoint>> perhaps_lost_;
  size_t empty_waits_ = 0;
  size_t waits_ = 0;
};

class WaitScenario final : public Scenario {
 public:
  explicit WaitScenario(ScenarioParts parts);

  void Start() override;
  void WarmUp() override;
  void Finish() override;
  void Check(ScenarioEvents* events) override;
  size_t own_links() const override;

 private:
  SimWaiter& NewWaiter();
  SimPusher& NewPusher();
  backends::Flavour NewFlavour();
  // At the end, one that waits for what is pushed once.
  SimWaiter& NewLastWaiter();
  bool AnyCutLink() const;
  void PushFor(const SimWaiter& waiter, const std::string& group);
  void CheckClient(const SimDialog& client);
  void CheckElements(ScenarioEvents* events);
  // `found`: how often, by element. Returns how many are lost.
  size_t CheckLost(const std::map<std::string, int>& found);

  const ScenarioParts parts_;
  const uint16_t database_;  // In which all of it happens.
  std::vector<std::unique_ptr<SimWaiter>> waiters_;
  std::vector<std::unique_ptr<SimPusher>> pushers_;
};

}  // namespace ringproxy::sim
