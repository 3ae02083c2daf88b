#include "proxy/control/process_cpus.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "proxy/control/cgroups.h"

namespace ringproxy::proxy {
namespace {

namespace fs = std::filesystem;

// The kernel refuses a mask that is shorter than its own, which may be of more CPUs than there are.
uint64_t CpusOfAffinity() {
  constexpr size_t kMostCpus = 1 << 16;
  for (size_t cpus = 1024; cpus <= kMostCpus; cpus *= 2) {
    std::vector<cpu_set_t> mask(cpus / CPU_SETSIZE);
    const size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return static_cast<uint64_t>(CPU_COUNT_S(bytes, mask.data()));
  }
  return std::thread::hardware_concurrency();
}

int64_t NumberIn(const fs::path& file) {
  int64_t number = 0;
  std::ifstream stream(file);
  return stream >> number ? number : 0;
}

// In microseconds; not above 0 where there is none.
struct CpuTime {
  int64_t quota = 0;
  int64_t period = 0;
};

CpuTime TimeOf(const fs::path& group, GroupVersion version) {
  if (version == GroupVersion::k1) return {NumberIn(group / "cpu.cfs_quota_us"), NumberIn(group / "cpu.cfs_period_us")};
  // "200000 100000", or "max 100000".
  CpuTime time;
  std::ifstream stream(group / "cpu.max");
  return stream >> time.quota >> time.period ? time : CpuTime{};
}

}  // namespace

std::optional<uint64_t> CpuQuota(const fs::path& root) {
  std::optional<uint64_t> least;
  ForEachGroup(root, "cpu", [&](const fs::path& group, GroupVersion version) {
    const CpuTime time = TimeOf(group, version);
    if (time.quota <= 0 || time.period <= 0) return;
    // Rounded up: a thread too few would leave a part of the quota to nobody.
    const auto whole = static_cast<uint64_t>(time.quota / time.period + (time.quota % time.period > 0 ? 1 : 0));
    least = std::min(least.value_or(whole), whole);
  });
  return least;
}

uint32_t CpusOfProcess(const fs::path& root) {
  const uint64_t cpus = std::min(CpusOfAffinity(), CpuQuota(root).value_or(UINT64_MAX));
  // The system may tell nothing at all.
  return static_cast<uint32_t>(std::max<uint64_t>(cpus, 1));
}

}  // namespace ringproxy::proxy
