#include "tests/sim/scan_scenario.h"

#include <gtest/gtest.h>

#include <charconv>
#include <utility>

#include "backends/wire/resp_reply.h"

namespace ringproxy::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kScanners = 3;
constexpr uint32_t kStayingKeys = 20;  // Of each node and database.
constexpr uint32_t kMostTries = 30;
constexpr std::string_view kStayingPrefix = "stay:";
// Another configuration has reached every worker.
constexpr net::Duration kSettled = milliseconds(50);
constexpr uint64_t kLargestDouble = uint64_t{1} << 53;

std::string PrefixOf(uint64_t database) {
  return std::string(kStayingPrefix) + std::to_string(database) + ":";
}

std::string StayingKey(uint64_t database, size_t node, uint32_t number) {
  return PrefixOf(database) + std::to_string(node) + ":" + std::to_string(number);
}

}  // namespace

void SimScanner::Begin(uint32_t scans) {
  scans_left_ = scans;
  StartScan();
}

void SimScanner::ScanOnce() {
  if (closed() || left_early()) return;
  if (is_scanning_) return Complain("its scan has not ended in all the time", cursor_);
  is_last_ = true;
  StartScan();
}

void SimScanner::StartScan() {
  if (!is_last_ && scans_left_-- == 0) return void(scans_left_ = 0);
  static constexpr ScanStyle kStyles[] = {ScanStyle::kPlain, ScanStyle::kCount, ScanStyle::kMatch};
  style_ = kStyles[loop().Random(std::size(kStyles))];
  scan_ = {.began = loop().now(), .skipped_before = judge_.skipped(), .seen = {}, .cursors = {}};
  is_scanning_ = true;
  cursor_ = "0";
  tries_ = 0;
  AskPage();
}

void SimScanner::AskPage() {
  if (!is_last_ && loop().Chance(0.003)) return Leave();
  const std::string count = std::to_string(1 + loop().Random(40));
  const auto on_page = [this](auto reply) { OnPage(reply); };
  switch (style_) {
    case ScanStyle::kPlain: Ask({"SCAN", cursor_}, on_page); break;
    case ScanStyle::kCount: Ask({"SCAN", cursor_, "COUNT", count}, on_page); break;
    case ScanStyle::kMatch: Ask({"SCAN", cursor_, "MATCH", "stay:*", "COUNT", count}, on_page); break;
  }
  Say();
}

void SimScanner::OnPage(std::string_view reply) {
  if (IsFailure(reply)) return OnScanFailure(reply);
  wire::ArrayReader page(reply);
  const auto next = page.remaining() == 2 ? wire::BulkReply(page.Next()) : std::nullopt;
  if (!next) return Complain("not an answer to SCAN", reply);
  wire::ArrayReader keys(page.Next());
  if (!keys.is_array()) return Complain("no list of keys", reply);
  while (keys.remaining() > 0) OnKey(wire::BulkReply(keys.Next()).value_or(""));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(next->data(), next->data() + next->size(), number);
  if (error != std::errc() || end != next->data() + next->size() || number >= kLargestDouble)
    return Complain("not a cursor for everybody", reply);
  if (number == 0) return EndScan();
  if (!scan_.cursors.emplace(*next).second) return Complain("a cursor for the second time", reply);
  cursor_ = *next;
  tries_ = 0;
  const net::Duration pause = loop().Chance(0.5) ? net::Duration(0) : loop().RandomDelay(milliseconds(4));
  Later(pause, [this] { AskPage(); });
}

void SimScanner::OnKey(std::string_view key) {
  const bool stays = key.starts_with(kStayingPrefix);
  if (key.empty() || (style_ == ScanStyle::kMatch && !stays)) return Complain("not a key that was asked for", key);
  if (stays && !key.starts_with(PrefixOf(flavour().database))) return Complain("a key of another database", key);
  if (stays) scan_.seen.emplace(key);
}

void SimScanner::OnScanFailure(std::string_view reply) {
  ++failures_;
  const bool names_node = reply.find("node n") != std::string_view::npos || reply.find(kAskedFor) != reply.npos;
  if (!names_node) return Complain("a failure of nobody", reply);
  if (!is_last_ && ++tries_ == kMostTries) {
    is_scanning_ = false;
    return Later(milliseconds(10), [this] { StartScan(); });
  }
  Later(loop().RandomDelay(milliseconds(10)), [this] { AskPage(); });
}

void SimScanner::EndScan() {
  is_scanning_ = false;
  ++ended_scans_;
  if (const std::string complaint = judge_.complaint(*this, scan_); !complaint.empty()) return Complain(complaint, "");
  if (is_last_) return EndSending();
  Later(loop().RandomDelay(milliseconds(30)), [this] { StartScan(); });
}

ScanScenario::ScanScenario(ScenarioParts parts) : parts_(std::move(parts)), nodes_(RedisNodes(parts_)) {
  const SimScanner::ScanJudge judge{
      .skipped =
          [this] {
            std::vector<uint64_t> skipped;
            for (size_t node = 0; node < nodes_.size(); ++node) skipped.push_back(parts_.skipped_scans(node));
            return skipped;
          },
      .complaint = [this](const SimScanner& client,
                          const SimScanner::Scan& scan) { return ComplaintAbout(client, scan); }};
  for (uint32_t i = 0; i < kScanners; ++i)
    clients_.push_back(std::make_unique<SimScanner>(parts_.loop, i, RandomFlavour(parts_.loop), judge));
}

void ScanScenario::Start() {
  for (size_t node = 0; node < nodes_.size(); ++node) {
    for (uint64_t database = 0; database < kSimDatabases; ++database) {
      for (uint32_t i = 0; i < kStayingKeys; ++i) nodes_[node]->Put(database, StayingKey(database, node, i));
    }
  }
  ChangeKeys(parts_.loop.now() + milliseconds(800));
  for (const auto& client : clients_) {
    parts_.loop.After(parts_.loop.RandomDelay(milliseconds(100)), [this, &client] {
      parts_.connect(*client);
      client->Begin(static_cast<uint32_t>(3 + parts_.loop.Random(8)));
    });
  }
}

void ScanScenario::ChangeKeys(net::TimePoint until) {
  SimLoop& loop = parts_.loop;
  SimRedisNode& node = *nodes_[loop.Random(nodes_.size())];
  const uint64_t database = loop.Random(kSimDatabases);
  const std::string key = "pass:" + std::to_string(loop.Random(40));
  loop.Chance(0.5) ? node.Put(database, key) : node.Remove(database, key);
  if (loop.now() < until) loop.After(loop.RandomDelay(milliseconds(4)), [this, until] { ChangeKeys(until); });
}

void ScanScenario::WarmUp() {
  for (const auto& client : clients_) {
    if (!client->closed() && !client->left_early()) client->Begin(1);
  }
}

void ScanScenario::Finish() {
  ChangeKeys(parts_.loop.now() + milliseconds(100));
  for (const auto& client : clients_) client->ScanOnce();
}

std::string ScanScenario::ComplaintAbout(const SimScanner& client, const SimScanner::Scan& scan) const {
  const uint64_t database = client.flavour().database;
  for (size_t node = 0; node < nodes_.size(); ++node) {
    const bool has_stayed = parts_.absent_until(node) + kSettled < scan.began;
    if (!has_stayed || parts_.skipped_scans(node) > scan.skipped_before[node]) continue;
    for (uint32_t i = 0; i < kStayingKeys; ++i) {
      const std::string key = StayingKey(database, node, i);
      if (!scan.seen.contains(key))
        return "has missed " + key + " in the scan that began at " +
               std::to_string(scan.began.time_since_epoch().count()) + " us";
    }
  }
  return {};
}

void ScanScenario::Check(ScenarioEvents* events) {
  for (const auto& client : clients_) {
    EXPECT_EQ(client->complaint(), "");
    events->ended_scans += client->ended_scans();
    events->failed_pages += client->failures();
    if (client->left_early()) continue;
    EXPECT_TRUE(client->closed()) << "client " << client->number() << " could not scan in the end";
    EXPECT_EQ(client->unanswered(), 0U);
  }
}

}  // namespace ringproxy::sim
