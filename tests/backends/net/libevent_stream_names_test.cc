#include <netdb.h>

#include "backends/net/connect_error.h"
#include "backends/net/libevent_stream.h"
#include "tests/backends/net/libevent_stream_fixture.h"
#include "tests/support/fake_names.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

class LibeventStreamNamesTest : public LibeventStreamTest {
 protected:
  LibeventStreamNamesTest() { Listen(); }
  ~LibeventStreamNamesTest() override { stream_.reset(); }

  void Resolve(const std::string& name, Duration patience = Duration(0)) {
    Unconnected();
    told_.connected.clear();
    stream_->ResolveAndConnect({name, listen_.port(), "", {}, patience}, loop_, resolver_);
    EXPECT_TRUE(told_.connected.empty());
    EXPECT_TRUE(stream_->is_resolving());
  }
  std::vector<int> Connect(const std::string& name, Duration patience = Duration(0)) {
    Resolve(name, patience);
    EXPECT_TRUE(RunUntilConnected());
    for (int i = 0; i < 5; ++i) Turn();
    EXPECT_FALSE(stream_->is_resolving());
    return told_.connected;
  }

  // A listener whose queue is full drops what comes, as a firewall does: on 127.0.0.2, at the port that is listened on.
  void MakeHole() {
    sockaddr_in at = Loopback(listen_.port());
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    hole_.emplace_back(AF_INET, 0);
    ASSERT_EQ(BindTo(hole_[0], at), 0);
    ASSERT_EQ(listen(hole_[0].fd(), 0), 0);
    for (int i = 0; i < 4; ++i) {
      hole_.emplace_back(AF_INET, SOCK_NONBLOCK);
      ConnectTo(hole_.back(), at);
    }
  }

  std::vector<TestSocket> hole_;
  PostedWork loop_{base()};
  test::FakeNames names_;
  // Nothing is fresh: each connection asks anew.
  Resolver resolver_{names_.LookUp(), {.fresh = Duration(0)}};
};

TEST_F(LibeventStreamNamesTest, ConnectsToAHostNameOnceItIsResolved) {
  names_.Know("here", {"127.0.0.1"});
  EXPECT_EQ(Connect("here"), std::vector<int>{0});
  Accept();
  ExpectToCarryBothWays();
}

TEST_F(LibeventStreamNamesTest, TellsWhatTheResolverSays) {
  names_.Know("gone", {}, EAI_NONAME);
  EXPECT_EQ(Connect("gone"), std::vector<int>{EAI_NONAME});
  names_.Know("poor", {}, EMFILE);
  EXPECT_EQ(Connect("poor"), std::vector<int>{EMFILE});
}

TEST_F(LibeventStreamNamesTest, MayDieWhileItsNameIsBeingResolved) {
  names_.Know("silent", {"127.0.0.1"});
  names_.Hang("silent");
  Resolve("silent");
  stream_.reset();
  names_.Release();
  bool is_answered = false;
  const auto question = resolver_.Ask(loop_, "silent", [&](const ResolvedName&) { is_answered = true; });
  ASSERT_TRUE(RunUntil([&] { return is_answered; }));
  EXPECT_TRUE(told_.connected.empty());
}

TEST_F(LibeventStreamNamesTest, TriesTheAddressesOfANameUntilOneIsServed) {
  names_.Know("many", {"127.0.0.2", "::ffff:127.0.0.3", "127.0.0.1", "127.0.0.4"});
  EXPECT_EQ(Connect("many"), std::vector<int>{0});
  Accept();
  FarWrites("hello");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "hello");
}

TEST_F(LibeventStreamNamesTest, TriesAnAddressLastWhereNothingWasEverSaid) {
  names_.Know("two", {"127.0.0.1", "127.0.0.2"});
  EXPECT_EQ(Connect("two"), std::vector<int>{0});
  Accept();
  const auto first = [&] { return HostText(resolver_.Last("two")->addresses.front()); };
  EXPECT_EQ(first(), "127.0.0.1");
  stream_.reset();
  EXPECT_EQ(first(), "127.0.0.2");
  EXPECT_EQ(Connect("two"), std::vector<int>{0});  // None listens at 127.0.0.2.
  Accept();
  FarWrites("hello");
  ASSERT_TRUE(RunUntil([&] { return told_.readable > 0; }));
  EXPECT_EQ(Read(), "hello");
  stream_.reset();
  EXPECT_EQ(Connect("two"), std::vector<int>{0});
  EXPECT_EQ(first(), "127.0.0.1");
}

TEST_F(LibeventStreamNamesTest, TellsOfTheFirstAddressThatThisMachineCanReachWhenNoneIsServed) {
  names_.Know("none", {"224.0.0.1", "127.0.0.2", "224.0.0.2"});  // TCP reaches no group.
  EXPECT_EQ(Connect("none"), std::vector<int>{ECONNREFUSED});
  names_.Know("nowhere", {"224.0.0.1"});
  const std::vector<int> told = Connect("nowhere");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(HasNoWay(told[0])) << told[0];
}

TEST_F(LibeventStreamNamesTest, GivesASilentAddressAShareOfTheTime) {
  MakeHole();
  names_.Know("two", {"127.0.0.2", "127.0.0.1"});
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Connect("two", 200ms), std::vector<int>{0});
  EXPECT_GE(std::chrono::steady_clock::now() - start, 95ms);
}

TEST_F(LibeventStreamNamesTest, UsesTheLastAnswerWhenTheNextOneIsLong) {
  names_.Know("here", {"127.0.0.1"});
  EXPECT_EQ(Connect("here"), std::vector<int>{0});
  names_.Hang("here");
  EXPECT_EQ(Connect("here", 20ms), std::vector<int>{0});
}

TEST_F(LibeventStreamNamesTest, GoesByTheNewAnswerWhenThatComesInTime) {
  names_.Know("moves", {"127.0.0.2"});
  EXPECT_EQ(Connect("moves"), std::vector<int>{ECONNREFUSED});
  names_.Know("moves", {"127.0.0.1"});
  EXPECT_EQ(Connect("moves"), std::vector<int>{0});
}

TEST_F(LibeventStreamNamesTest, BlamesNoAddressForWantOfADescriptor) {
  MakeHole();
  names_.Know("many", {"127.0.0.2", "127.0.0.1"});
  Resolve("many", 100ms);
  ASSERT_TRUE(RunUntil([&] { return !stream_->is_resolving(); }));
  const NoDescriptors none;
  ASSERT_TRUE(RunUntilConnected());
  EXPECT_EQ(told_.connected, std::vector<int>{EMFILE});
}

}  // namespace
}  // namespace ringproxy::net
