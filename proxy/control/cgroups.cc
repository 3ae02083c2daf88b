#include "proxy/control/cgroups.h"

#include <fstream>
#include <string>

namespace ringproxy::proxy {
namespace {

namespace fs = std::filesystem;

bool HasWord(std::string_view list, std::string_view word) {
  for (;;) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

// Lines of /proc/self/cgroup: `0::/group` of version 2, `4:cpu,cpuacct:/group` of version 1.
void ForEachGroup(const fs::path& root, std::string_view controller,
                  const std::function<void(const fs::path& group, GroupVersion version)>& visit) {
  const fs::path top = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t controllers = line.find(':') + 1;
    const size_t group = line.find(':', controllers) + 1;
    if (controllers == 0 || group == 0) continue;
    const std::string of = line.substr(controllers, group - 1 - controllers);
    if (!of.empty() && !HasWord(of, controller)) continue;
    // Controllers of version 1 that share a hierarchy are mounted under their list, and each has a link to it as a
    // rule.
    const bool has_list = !of.empty() && fs::exists(top / of);
    const fs::path mount = of.empty() ? top : top / (has_list ? of : std::string(controller));
    // In a container the group's path may be one that only the host can see. None of its folders is there then, and the
    // last step, the mount itself, is the container's own group.
    for (fs::path at = fs::path(line.substr(group)).relative_path();; at = at.parent_path()) {
      visit(at.empty() ? mount : mount / at, of.empty() ? GroupVersion::k2 : GroupVersion::k1);
      if (at.empty()) break;
    }
  }
}

}  // namespace ringproxy::proxy
