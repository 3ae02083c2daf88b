// tests/proxy/control/cgroup_fixture.h – A folder that stands for the root of a machine, with its /proc and /sys.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace ringproxy::proxy {

class CgroupFixture : public testing::Test {
 protected:
  ~CgroupFixture() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  const std::filesystem::path root_ = std::filesystem::path(testing::TempDir()) / ("root" + std::to_string(getpid()));
};

}  // namespace ringproxy::proxy
