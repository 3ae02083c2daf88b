// tools/benchmark/watch.cc – see watch.h.
#include "tools/benchmark/watch.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace ringproxy::bench {
namespace {

constexpr const char* kTotal = "total";
// The calls a proxy may make per request; whatever else it does shows in the total.
constexpr const char* kCalls[] = {"read",      "readv",  "recvfrom",       "recvmsg",    "write",
                                  "writev",    "sendto", "sendmsg",        "epoll_wait", "epoll_pwait",
                                  "epoll_ctl", "splice", "timerfd_settime"};

std::optional<uint64_t> TracepointId(const std::string& event) {
  // Newer kernels mount it by itself, older ones within debugfs.
  for (const char* root : {"/sys/kernel/tracing/events/", "/sys/kernel/debug/tracing/events/"}) {
    std::ifstream file(root + event + "/id");
    uint64_t id = 0;
    if (file >> id) return id;
  }
  return std::nullopt;
}

Fd OpenCounter(uint64_t tracepoint, int thread) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_TRACEPOINT;
  attr.size = sizeof attr;
  attr.config = tracepoint;
  // Threads that start later count as part of the one that starts them.
  attr.inherit = 1;
  return Fd(static_cast<int>(syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

std::vector<int> ThreadsOf(int pid) {
  std::vector<int> threads;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    threads.push_back(std::stoi(entry.path().filename()));
  }
  return threads;
}

}  // namespace

CpuClock::CpuClock(int pid) {
  if (clock_getcpuclockid(pid, &clock_) != 0) Die("no process " + std::to_string(pid));
}

uint64_t CpuClock::ReadNs() const {
  timespec used{};
  clock_gettime(clock_, &used);
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

CallCounter::CallCounter(int pid) {
  const auto add = [this, pid](const std::string& name, const std::string& event) {
    const std::optional<uint64_t> id = TracepointId(event);
    if (!id) return;
    for (const int thread : ThreadsOf(pid)) {
      Fd counter = OpenCounter(*id, thread);
      if (counter.open()) counters_.emplace_back(name, std::move(counter));
    }
  };
  add(kTotal, "raw_syscalls/sys_enter");
  // Where the total cannot be counted, none of the single calls can.
  if (!available()) return;
  for (const char* call : kCalls) add(call, std::string("syscalls/sys_enter_") + call);
}

std::map<std::string, uint64_t> CallCounter::Read() const {
  std::map<std::string, uint64_t> calls;
  for (const auto& [name, counter] : counters_) {
    uint64_t value = 0;
    if (read(counter.get(), &value, sizeof value) == sizeof value && value > 0) calls[name] += value;
  }
  return calls;
}

}  // namespace ringproxy::bench
