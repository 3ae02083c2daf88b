// tests/sim/scan_scenario.h – Clients that read the names of all keys by SCAN, while nodes fail, come and go, and keys
// are written and removed.
//
// Held against the run: a scan that ends has seen every key that was there all the time, on a node that was there all
// the time and was not left out as skip_down allows; no cursor comes twice in a scan, and each is a whole number to
// those who keep it as a double; a failure names its node, and the same cursor may be tried again; nothing of another
// database is seen; and when all is well every client's scan ends.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace ringproxy::sim {

class SimScanner final : public SimDialog {
 public:
  struct Scan {
    net::TimePoint began;
    std::vector<uint64_t> skipped_before;  // How often each node had been left out of scans.
    std::set<std::string> seen;            // Keys.
    std::set<std::string, std::less<>> cursors;
  };
  struct ScanJudge {
    std::function<std::vector<uint64_t>()> skipped;
    // What is wrong with a scan that has just ended, empty if nothing.
    std::function<std::string(const SimScanner& client, const Scan& scan)> complaint;
  };

  SimScanner(SimLoop& loop, uint32_t number, backends::Flavour flavour, ScanJudge judge)
      : SimDialog(loop, number, flavour), judge_(std::move(judge)) {}

  // Scans so many times, or tries to.
  void Begin(uint32_t scans);
  // Scans until it has succeeded, and leaves.
  void ScanOnce();
  size_t ended_scans() const { return ended_scans_; }
  size_t failures() const { return failures_; }

 private:
  enum class ScanStyle : uint8_t { kPlain, kCount, kMatch };

  void StartScan();
  void AskPage();
  void OnPage(std::string_view reply);
  void OnScanFailure(std::string_view reply);
  void OnKey(std::string_view key);
  void EndScan();

  const ScanJudge judge_;
  uint32_t scans_left_ = 0;
  bool is_scanning_ = false;
  bool is_last_ = false;  // It shall succeed and leave.
  ScanStyle style_ = ScanStyle::kPlain;
  std::string cursor_;
  uint32_t tries_ = 0;  // Of this cursor.
  Scan scan_{};
  size_t ended_scans_ = 0;
  size_t failures_ = 0;
};

class ScanScenario final : public Scenario {
 public:
  explicit ScanScenario(ScenarioParts parts);

  void Start() override;
  void WarmUp() override;
  void Finish() override;
  void Check(ScenarioEvents* events) override;

 private:
  // Writes or removes a key somewhere, again and again.
  void ChangeKeys(net::TimePoint until);
  std::string ComplaintAbout(const SimScanner& client, const SimScanner::Scan& scan) const;

  const ScenarioParts parts_;
  const std::vector<SimRedisNode*> nodes_;  // Of the pool, and the spare one.
  std::vector<std::unique_ptr<SimScanner>> clients_;
};

}  // namespace ringproxy::sim
