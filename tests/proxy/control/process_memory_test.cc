#include "proxy/control/process_memory.h"

#include <gtest/gtest.h>

#include "tests/proxy/control/cgroup_fixture.h"

namespace ringproxy::proxy {
namespace {

class ProcessMemoryTest : public CgroupFixture {
 protected:
  ProcessMemoryTest() { Write("proc/meminfo", "MemTotal:       1000000 kB\nMemFree:         10 kB\n"); }
};

TEST_F(ProcessMemoryTest, IsThatOfTheMachineWhereNoGroupHasALimit) {
  EXPECT_EQ(MemoryOfMachine(root_), 1'024'000'000U);
  Write("proc/self/cgroup", "0::/a\n");
  Write("sys/fs/cgroup/a/memory.max", "max\n");
  EXPECT_EQ(MemoryOfMachine(root_), 1'024'000'000U);
}

TEST_F(ProcessMemoryTest, IsTheLeastOfTheGroupsAround) {
  Write("proc/self/cgroup", "0::/a/b\n");
  Write("sys/fs/cgroup/a/memory.max", "300000000\n");
  Write("sys/fs/cgroup/a/b/memory.max", "400000000\n");
  EXPECT_EQ(MemoryOfMachine(root_), 300'000'000U);
  Write("sys/fs/cgroup/memory.max", "200000000\n");
  EXPECT_EQ(MemoryOfMachine(root_), 200'000'000U);
}

TEST_F(ProcessMemoryTest, KnowsTheFirstVersionOfGroupsToo) {
  Write("proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/x\n");
  Write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "100000000\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(MemoryOfMachine(root_), 100'000'000U);
}

TEST_F(ProcessMemoryTest, OfThisMachineIsMoreThanWeUse) {
  conf::Config config;
  EXPECT_GT(MemoryLimit(config), ResidentBytes());
  EXPECT_EQ(MemoryLimit(config), MemoryOfMachine() / 2);
  config.memory_limit_bytes = 123 << 20;
  EXPECT_EQ(MemoryLimit(config), 123U << 20);
}

}  // namespace
}  // namespace ringproxy::proxy
