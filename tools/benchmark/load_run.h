// tools/benchmark/load_run.h – One measured run: opens the connections, keeps them busy, reports what came of it.
// Purpose: closed loop – each connection sends a batch, awaits all its replies, sends the next; or open loop – requests
//   leave on a fixed schedule whatever the replies do, and latency counts from the scheduled time, so that a proxy
//   which stalls cannot hide the requests that it kept from being sent.
// Threads: one.
// Promises: only the window between warm-up and end is measured, for requests, CPU time and calls alike; after it the
//   outstanding replies are awaited and checked, too.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tools/benchmark/histogram.h"
#include "tools/benchmark/load_connection.h"
#include "tools/benchmark/load_options.h"
#include "tools/benchmark/process_costs.h"
#include "tools/benchmark/trace.h"

namespace ringproxy::bench {

struct LoadReport {
  double seconds = 0;
  Histogram latency_ns;
  uint64_t errors = 0;
  uint64_t disconnects = 0;
  uint64_t unanswered = 0;
  uint64_t crowded = 0;  // Requests that found no connection idle, one_at_a_time.
  std::string first_error;
  ByteCounts bytes;
  ProcessCosts::Spent spent;
};

class LoadRun : private ReplyListener {
 public:
  explicit LoadRun(const LoadOptions& options);
  // The connections stay open until the run is destroyed.
  LoadReport Run();

 private:
  void OnReply(uint64_t started_ns, uint64_t now_ns, const std::string* error_text) override;
  void Connect();
  void BeginWindow(uint64_t now_ns);
  void EndWindow(uint64_t now_ns);
  void Drain();
  void WatchStdin();
  void Turn(uint64_t until_ns);
  void SendDue(uint64_t now_ns);
  LoadConnection& NextConnection();
  void SendBatch(LoadConnection& connection);
  void Send(LoadConnection& connection);
  void Lose(LoadConnection& connection);

  bool open_loop() const { return options_.rate > 0; }
  uint64_t DueNs(uint64_t request) const;

  LoadOptions options_;
  RequestSet set_;
  Epoll epoll_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;
  std::deque<LoadConnection*> idle_;  // one_at_a_time: the longest idle first.
  std::vector<char> scratch_;
  ProcessCosts costs_;
  std::unique_ptr<Trace> trace_;
  LoadReport report_;
  uint64_t start_ns_ = 0;
  uint64_t begin_ns_ = 0;
  uint64_t end_ns_ = 0;
  uint64_t issued_ = 0;
  bool measuring_ = false;
  bool stopping_ = false;
};

}  // namespace ringproxy::bench
