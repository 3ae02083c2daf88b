#include "proxy/guard/request_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RequestMatchTest : public testing::Test {
 protected:
  RequestMatch Match(const Conditions& match) {
    matches_.push_back(match);
    return {matches_.back(), *snapshot_};
  }
  static bool FitsCommand(const RequestMatch& match, uint32_t listener, std::string_view line) {
    return match.FitsCommand(Asked(listener, line).spec());
  }

  std::shared_ptr<const Snapshot> snapshot_ = MakeSnapshot(LimitedFleet());
  std::deque<conf::RequestMatch> matches_;
};

TEST_F(RequestMatchTest, WithoutConditionsFitsWhateverGoesToNodes) {
  const RequestMatch all = Match({});
  for (const uint32_t listener : {kWeb, kAdmin, kCache}) EXPECT_TRUE(all.FitsListener(listener));
  EXPECT_TRUE(FitsCommand(all, kWeb, "get a"));
  EXPECT_TRUE(FitsCommand(all, kWeb, "dbsize"));
  EXPECT_TRUE(FitsCommand(all, kWeb, "publish a b"));
  EXPECT_TRUE(FitsCommand(all, kCache, "set a 0 0 1"));
  EXPECT_FALSE(FitsCommand(all, kWeb, "ping")) << "answered by the proxy";
  EXPECT_FALSE(FitsCommand(all, kWeb, "client list")) << "answered by the workers";
  EXPECT_FALSE(FitsCommand(all, kWeb, "sync")) << "refused by the proxy";
  EXPECT_TRUE(all.FitsClient(Client(1)));
  EXPECT_FALSE(all.by_key());
}

TEST_F(RequestMatchTest, KnowsListenersByName) {
  const RequestMatch match = Match({.listener = {"admin", "cache"}});
  EXPECT_FALSE(match.FitsListener(kWeb));
  EXPECT_TRUE(match.FitsListener(kAdmin));
  EXPECT_TRUE(match.FitsListener(kCache));
}

TEST_F(RequestMatchTest, KnowsCommandsByNameAndByClass) {
  const RequestMatch named = Match({.command = {"get", "object", "script|load"}});
  EXPECT_TRUE(FitsCommand(named, kWeb, "GET a"));
  EXPECT_TRUE(FitsCommand(named, kCache, "get a"));
  EXPECT_FALSE(FitsCommand(named, kWeb, "getex a")) << "a longer name";
  EXPECT_FALSE(FitsCommand(named, kWeb, "set a b"));
  EXPECT_TRUE(FitsCommand(named, kWeb, "object encoding a")) << "a container's subcommands";
  const RequestMatch reads = Match({.command = {"read"}});
  EXPECT_TRUE(FitsCommand(reads, kWeb, "mget a b"));
  EXPECT_FALSE(FitsCommand(reads, kWeb, "set a b"));
  EXPECT_TRUE(FitsCommand(reads, kCache, "get a"));
  const RequestMatch writes = Match({.command = {"write"}});
  EXPECT_FALSE(FitsCommand(writes, kWeb, "mget a b"));
  EXPECT_TRUE(FitsCommand(writes, kWeb, "set a b"));
  EXPECT_TRUE(FitsCommand(writes, kWeb, "eval return 0")) << "what is not known to be a read";
  const RequestMatch heavy = Match({.command = {"heavy", "get"}});
  EXPECT_TRUE(FitsCommand(heavy, kWeb, "eval return 0"));
  EXPECT_TRUE(FitsCommand(heavy, kWeb, "get a")) << "any of its words";
  EXPECT_FALSE(FitsCommand(heavy, kWeb, "set a b"));
  const RequestMatch admin = Match({.command = {"admin"}});
  EXPECT_TRUE(FitsCommand(admin, kCache, "verbosity 1"));
  EXPECT_FALSE(FitsCommand(admin, kWeb, "get a"));
}

TEST_F(RequestMatchTest, KnowsClientsByNetworkAndUser) {
  const RequestMatch match = Match({.user = {"ann", "bob"}, .client = {"10.0.0.0/8", "2001:db8::/32"}});
  EXPECT_TRUE(match.FitsClient(Client(1, "10.9.9.9", "ann")));
  EXPECT_TRUE(match.FitsClient(Client(1, "2001:db8::1", "bob")));
  EXPECT_FALSE(match.FitsClient(Client(1, "11.0.0.1", "ann")));
  EXPECT_FALSE(match.FitsClient(Client(1, "10.9.9.9", "eve")));
  EXPECT_FALSE(match.FitsClient(Client(1, "10.9.9.9"))) << "an unknown user";
  EXPECT_FALSE(match.FitsClient({.connection = 1, .ip = {}, .user = "ann"})) << "over a Unix socket";
}

TEST_F(RequestMatchTest, KnowsKeysByPrefixGlobAndPool) {
  const RequestMatch prefix = Match({.prefix = {"cart:", "user:"}});
  EXPECT_TRUE(prefix.by_key());
  EXPECT_TRUE(prefix.FitsKey(kWeb, "user:1"));
  EXPECT_FALSE(prefix.FitsKey(kWeb, "cart"));
  const RequestMatch glob = Match({.glob = {"*:1", "x?"}});
  EXPECT_TRUE(glob.by_key());
  EXPECT_TRUE(glob.FitsKey(kWeb, "user:1"));
  EXPECT_TRUE(glob.FitsKey(kWeb, "xy"));
  EXPECT_FALSE(glob.FitsKey(kWeb, "Xy"));
  const RequestMatch pool = Match({.pool = {"carts"}});
  EXPECT_TRUE(pool.by_key());
  EXPECT_TRUE(pool.FitsKey(kWeb, "cart:1"));
  EXPECT_FALSE(pool.FitsKey(kWeb, "user:1"));
  EXPECT_FALSE(pool.FitsKey(kAdmin, "cart:1")) << "its listener sends it elsewhere";
  const RequestMatch all = Match({.prefix = {"cart:"}, .glob = {"*:1"}, .pool = {"carts"}});
  EXPECT_TRUE(all.FitsKey(kWeb, "cart:1"));
  EXPECT_FALSE(all.FitsKey(kWeb, "cart:2")) << "every condition has to hold";
}

TEST_F(RequestMatchTest, WithoutKeysOnlyThePoolsCanFit) {
  EXPECT_FALSE(Match({.prefix = {""}}).FitsWithoutKey(Asked(kWeb, "dbsize")));
  EXPECT_TRUE(Match({}).FitsWithoutKey(Asked(kWeb, "dbsize")));
  const RequestMatch carts = Match({.pool = {"carts"}});
  EXPECT_TRUE(carts.FitsWithoutKey(Asked(kWeb, "dbsize"))) << "it goes to every node of the listener";
  EXPECT_FALSE(carts.FitsWithoutKey(Asked(kAdmin, "dbsize")));
  EXPECT_FALSE(carts.FitsWithoutKey(Asked(kWeb, "eval x 0"))) << "it goes to the default route";
  EXPECT_TRUE(Match({.pool = {"main"}}).FitsWithoutKey(Asked(kWeb, "eval x 0")));
}

TEST_F(RequestMatchTest, AnIndexNamesTheCandidatesOfEachCommandOfEachListener) {
  const std::vector<RequestMatch> matches = {Match({.listener = {"web"}}), Match({.command = {"get"}}),
                                             Match({.listener = {"cache"}, .command = {"write"}})};
  const MatchIndex index(*snapshot_, matches);
  const auto candidates = [&](uint32_t listener, std::string_view line) {
    const auto found = index.Candidates(listener, Asked(listener, line).row());
    return std::vector<uint16_t>(found.begin(), found.end());
  };
  EXPECT_THAT(candidates(kWeb, "get a"), ElementsAre(0, 1));
  EXPECT_THAT(candidates(kWeb, "set a b"), ElementsAre(0));
  EXPECT_THAT(candidates(kAdmin, "get a"), ElementsAre(1));
  EXPECT_THAT(candidates(kAdmin, "set a b"), ElementsAre());
  EXPECT_THAT(candidates(kCache, "get a"), ElementsAre(1));
  EXPECT_THAT(candidates(kCache, "set a 0 0 1"), ElementsAre(2));
  EXPECT_THAT(candidates(kWeb, "ping"), ElementsAre());
  const auto last = CommandCount(conf::Protocol::kMemcached) - 1;
  EXPECT_LE(index.Candidates(kCache, static_cast<uint32_t>(last)).size(), 2U);
}

TEST_F(RequestMatchTest, NamesTheWordsThatAreNoCommands) {
  conf::Config config = LimitedFleet({TokenLimit("a", 1, 1), TokenLimit("b", 1, 1)});
  config.limits[0].match.command = {"get", "heavy", "mg", "config", "config|get"};
  EXPECT_THAT(UnknownCommandWords(config), ElementsAre());
  config.limits[1].match.command = {"get", "gett", "config|gett"};
  config.priority = {Conditions{.command = {"reads"}}};
  EXPECT_THAT(UnknownCommandWords(config), ElementsAre(HasSubstr("limits[1].match.command: gett is no command"),
                                                       HasSubstr("limits[1].match.command: config|gett is no command"),
                                                       HasSubstr("priority[0].command: reads is no command")));
}

}  // namespace
}  // namespace ringproxy::proxy
