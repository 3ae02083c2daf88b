#include "proxy/control/process_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "proxy/control/cgroups.h"

namespace ringproxy::proxy {
namespace {

namespace fs = std::filesystem;

// Where the system tells nothing.
constexpr uint64_t kUnknownMachine = 1ULL << 30;

// UINT64_MAX where the file says no number: it is not there, or says "max".
uint64_t BytesIn(const fs::path& file) {
  uint64_t number = UINT64_MAX;
  std::ifstream stream(file);
  return stream >> number ? number : UINT64_MAX;
}

uint64_t CgroupLimit(const fs::path& root) {
  uint64_t least = UINT64_MAX;
  ForEachGroup(root, "memory", [&](const fs::path& group, GroupVersion version) {
    const char* file = version == GroupVersion::k2 ? "memory.max" : "memory.limit_in_bytes";
    least = std::min(least, BytesIn(group / file));
  });
  return least;
}

}  // namespace

uint64_t MemoryOfMachine(const fs::path& root) {
  std::ifstream info(root / "proc/meminfo");
  uint64_t total = kUnknownMachine;
  for (std::string name, rest; info >> name && std::getline(info, rest);) {
    // The file counts in KiB.
    if (name == "MemTotal:") total = std::stoull(rest) << 10;
  }
  return std::min(total, CgroupLimit(root));
}

uint64_t MemoryLimit(const conf::Config& config) {
  return config.memory_limit_bytes > 0 ? config.memory_limit_bytes : MemoryOfMachine() / 2;
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace ringproxy::proxy
