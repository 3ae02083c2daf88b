// proxy/control/cgroups.h – The control groups around this process, of version 1 or 2.
//
// Threads: any; reads /proc and /sys anew each time.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace ringproxy::proxy {

enum class GroupVersion : uint8_t { k1, k2 };

// Calls `visit` with the folder of each group that may hold a limit of `controller` ("memory", "cpu"): the process's
// own and all those around it. Not each of them has to exist. `root`: where /proc and /sys are.
void ForEachGroup(const std::filesystem::path& root, std::string_view controller,
                  const std::function<void(const std::filesystem::path& group, GroupVersion version)>& visit);

}  // namespace ringproxy::proxy
