// proxy/control/process_memory.h – How much memory there is for the process, and how much of it is resident.
#pragma once

#include <cstdint>
#include <filesystem>

#include "conf/config.h"

namespace ringproxy::proxy {

// Of the machine, or of the strictest cgroup (version 1 or 2) around this process, whichever is less. `root`: where
// /proc and /sys are.
uint64_t MemoryOfMachine(const std::filesystem::path& root = "/");

// What the configuration sets; `auto` is half of what there is, since nodes and others may live on the same machine.
uint64_t MemoryLimit(const conf::Config& config);

uint64_t ResidentBytes();

}  // namespace ringproxy::proxy
