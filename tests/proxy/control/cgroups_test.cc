#include "proxy/control/cgroups.h"

#include <vector>

#include "tests/proxy/control/cgroup_fixture.h"

namespace ringproxy::proxy {
namespace {

class CgroupsTest : public CgroupFixture {
 protected:
  // Below /sys/fs/cgroup, each with its version.
  std::vector<std::string> Visited(std::string_view controller) const {
    std::vector<std::string> visited;
    ForEachGroup(root_, controller, [&](const std::filesystem::path& group, GroupVersion version) {
      const std::string path = group.lexically_relative(root_ / "sys/fs/cgroup").string();
      visited.push_back((version == GroupVersion::k2 ? "2 " : "1 ") + path);
    });
    return visited;
  }
};

TEST_F(CgroupsTest, AreTheProcesssOwnAndAllAround) {
  EXPECT_EQ(Visited("cpu"), std::vector<std::string>());
  Write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(Visited("cpu"), (std::vector<std::string>{"2 a/b", "2 a", "2 ."}));
}

TEST_F(CgroupsTest, OfTheFirstVersionAreThoseOfTheController) {
  Write("proc/self/cgroup", "5:cpuset:/s\n4:memory:/m\n3:cpu,cpuacct:/c\n");
  EXPECT_EQ(Visited("memory"), (std::vector<std::string>{"1 memory/m", "1 memory"}));
  EXPECT_EQ(Visited("cpu"), (std::vector<std::string>{"1 cpu/c", "1 cpu"}));
  EXPECT_EQ(Visited("cpuacct"), (std::vector<std::string>{"1 cpuacct/c", "1 cpuacct"}));
  std::filesystem::create_directories(root_ / "sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(Visited("cpu"), (std::vector<std::string>{"1 cpu,cpuacct/c", "1 cpu,cpuacct"}));
}

}  // namespace
}  // namespace ringproxy::proxy
