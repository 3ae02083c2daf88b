#include "proxy/control/process_cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "tests/proxy/control/cgroup_fixture.h"

namespace ringproxy::proxy {
namespace {

using ProcessCpusTest = CgroupFixture;

TEST_F(ProcessCpusTest, AreThoseThatTheThreadMayRunOn) {
  cpu_set_t before{};
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(CpusOfProcess(root_), static_cast<uint32_t>(CPU_COUNT(&before)));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one{};
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(CpusOfProcess(root_), 1U);
  sched_setaffinity(0, sizeof before, &before);
}

TEST_F(ProcessCpusTest, AreNoMoreThanTheQuotaComesToAndAtLeastOne) {
  const uint32_t all = CpusOfProcess(root_);
  Write("proc/self/cgroup", "0::/a\n");
  Write("sys/fs/cgroup/a/cpu.max", "100000000 100000\n");
  EXPECT_EQ(CpusOfProcess(root_), all) << "a quota of a thousand makes no more of them";
  Write("sys/fs/cgroup/a/cpu.max", "1000 100000\n");
  EXPECT_EQ(CpusOfProcess(root_), 1U);
}

TEST_F(ProcessCpusTest, HaveTheStrictestQuotaAroundRoundedUp) {
  Write("proc/self/cgroup", "0::/a/b\n");
  Write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(CpuQuota(root_), std::nullopt);
  Write("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  EXPECT_EQ(CpuQuota(root_), 3U);
  Write("sys/fs/cgroup/a/cpu.max", "300001 100000\n");
  EXPECT_EQ(CpuQuota(root_), 4U);
  Write("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
  EXPECT_EQ(CpuQuota(root_), 2U);
  Write("sys/fs/cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(CpuQuota(root_), 1U);
}

TEST_F(ProcessCpusTest, KnowTheFirstVersionOfGroupsToo) {
  Write("proc/self/cgroup", "4:memory:/x\n3:cpu,cpuacct:/x\n");
  Write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(CpuQuota(root_), std::nullopt);
  Write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(CpuQuota(root_), 3U);
}

TEST_F(ProcessCpusTest, GoByNothingThatIsNoQuota) {
  Write("proc/self/cgroup", "0::/a\nrubbish\n3:cpuset:/a\n");
  Write("sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "1000\n");
  Write("sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n");
  for (const char* text : {"", "0 100000", "-5 100000", "100000", "100000 0", "x y"}) {
    Write("sys/fs/cgroup/a/cpu.max", text);
    EXPECT_EQ(CpuQuota(root_), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
