// A process takes rows into its command table once, before anybody looks for one: so these tests have a program of
// their own.
#include <gtest/gtest.h>

#include "proxy/route/configured_commands.h"

namespace ringproxy::proxy {
namespace {

class LearningEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    conf::Config config;
    config.pools.emplace_back().learn = true;
    UseConfiguredCommands(config);
  }
};

const auto* const environment = testing::AddGlobalTestEnvironment(new LearningEnvironment);

}  // namespace
}  // namespace ringproxy::proxy
