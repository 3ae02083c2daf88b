// proxy/control/process_cpus.h – How many CPUs there are for the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace ringproxy::proxy {

// What the strictest CPU quota of the cgroups (version 1 or 2) around this process comes to, rounded up; none where no
// group has one. `root`: where /proc and /sys are.
std::optional<uint64_t> CpuQuota(const std::filesystem::path& root = "/");

// Those that this thread may run on, or those of the quota, whichever are fewer; at least 1.
uint32_t CpusOfProcess(const std::filesystem::path& root = "/");

}  // namespace ringproxy::proxy
