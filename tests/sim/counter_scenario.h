// tests/sim/counter_scenario.h – Clients that count together by WATCH, GET, MULTI, SET, EXEC.
//
// Held against the run: whatever EXEC read as executed was executed once, and what read nil or was discarded never;
// every value was one more than that which its node held before, so no count was lost to another client's; and when all
// is well every client can count.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace ringproxy::sim {

class SimCounterClient final : public SimDialog {
 public:
  enum class CountOutcome : uint8_t { kDone, kNot, kUnknown };
  struct CountAttempt {
    std::string mark;  // Behind the number that it writes.
    CountOutcome outcome = CountOutcome::kUnknown;
  };

  using SimDialog::SimDialog;

  // Counts so many times, or tries to.
  void Begin(uint32_t rounds, net::Duration longest_pause);
  // Tries until it has succeeded, and leaves.
  void CountOnce();
  const std::vector<CountAttempt>& attempts() const { return attempts_; }
  size_t nils() const { return nils_; }
  size_t watches() const { return watches_; }

 private:
  enum class CountKind : uint8_t { kCount, kOwnWrite, kUnwatched, kDiscarded };

  void Round();
  void Next();
  // The key is watched and was read, if that succeeded.
  void OnRead(const std::string& key, std::string_view watched, std::string_view value);
  void Execute(const std::string& key, uint64_t number, CountKind kind);
  void OnExecuted(std::string_view reply, const std::string& value, CountKind kind, size_t attempt);

  uint32_t rounds_ = 0;
  net::Duration longest_pause_{0};
  bool is_last_ = false;  // It shall succeed and leave.
  std::vector<CountAttempt> attempts_;
  size_t nils_ = 0;
  size_t watches_ = 0;
};

class CounterScenario final : public Scenario {
 public:
  explicit CounterScenario(ScenarioParts parts);

  void Start() override;
  void WarmUp() override;
  void Finish() override;
  void Check(ScenarioEvents* events) override;
  size_t own_links() const override;

 private:
  const ScenarioParts parts_;
  std::vector<std::unique_ptr<SimCounterClient>> clients_;
};

}  // namespace ringproxy::sim
