#include "proxy/control/process_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace ringproxy::proxy {
namespace {

namespace fs = std::filesystem;

// Where the system tells nothing.
constexpr uint64_t kUnknownMachine = 1ULL << 30;

// UINT64_MAX where the file says no number: it is not there, or says "max".
uint64_t NumberIn(const fs::path& file) {
  uint64_t number = UINT64_MAX;
  std::ifstream stream(file);
  return stream >> number ? number : UINT64_MAX;
}

// The least of the limits of a group and all those around it.
uint64_t LeastLimit(const fs::path& mount, const fs::path& group, const char* file) {
  uint64_t least = UINT64_MAX;
  // In a container the group's path may be one that only the host can see. None of its folders is there then, and the
  // last step, which reads the mount itself, finds the container's own limit.
  for (fs::path at = group.relative_path();; at = at.parent_path()) {
    least = std::min(least, NumberIn(mount / at / file));
    if (at.empty()) return least;
  }
}

// Lines of /proc/self/cgroup: `0::/group` of version 2, `5:memory:/group` of version 1.
uint64_t CgroupLimit(const fs::path& root) {
  const fs::path mount = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  uint64_t least = UINT64_MAX;
  for (std::string line; std::getline(groups, line);) {
    const size_t controllers = line.find(':') + 1;
    const size_t group = line.find(':', controllers) + 1;
    if (controllers == 0 || group == 0) continue;
    const std::string_view of = std::string_view(line).substr(controllers, group - 1 - controllers);
    if (of.empty()) least = std::min(least, LeastLimit(mount, line.substr(group), "memory.max"));
    if (of == "memory") {
      least = std::min(least, LeastLimit(mount / "memory", line.substr(group), "memory.limit_in_bytes"));
    }
  }
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
