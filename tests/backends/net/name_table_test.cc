#include "backends/net/name_table.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <cerrno>

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

class NameTableTest : public testing::Test {
 protected:
  static FoundAddresses At(const std::string& host) { return {0, {NumericAddress(host, 0)}}; }
  static std::string Text(const std::shared_ptr<const ResolvedName>& answer) {
    if (answer == nullptr) return "none";
    std::string text = answer->error != 0 ? gai_strerror(answer->error) : "";
    for (const SocketAddress& address : answer->addresses) text += (text.empty() ? "" : " ") + HostText(address);
    return text;
  }
  std::string Ask(const std::string& host) { return Text(table_.Ask(host, now_)); }
  // What begins now: its name, and /4 if it is for IPv4 alone.
  std::string Begin() {
    const std::optional<NameLookup> lookup = table_.Begin(now_);
    if (!lookup) return "nothing";
    return lookup->host + (lookup->family == AF_INET ? "/4" : "");
  }
  std::string Finish(const std::string& host, FoundAddresses found, int family = AF_UNSPEC) {
    wall_ += 1s;
    return Text(table_.Finish({host, family}, std::move(found), now_, wall_));
  }
  // Asked and answered, as after `lasting`.
  std::string Resolve(const std::string& host, FoundAddresses found, Duration lasting = 1ms) {
    EXPECT_EQ(Ask(host), "none");
    EXPECT_EQ(Begin(), host);
    now_ += lasting;
    return Finish(host, std::move(found));
  }

  NameTable table_{{.names = 8}};
  TimePoint now_{1h};
  WallTime wall_{100h};
};

TEST_F(NameTableTest, LooksANameUpOnceForAllWhoAsk) {
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Begin(), "a");
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(Finish("a", At("1.0.0.1")), "1.0.0.1");
  EXPECT_EQ(Begin(), "nothing");
}

TEST_F(NameTableTest, GivesAnAnswerAgainForASecond) {
  Resolve("a", At("1.0.0.1"));
  Resolve("b", {EAI_NONAME, {}});
  now_ += 998ms;
  EXPECT_EQ(Ask("a"), "1.0.0.1");
  EXPECT_EQ(Ask("b"), "Name or service not known");
  now_ += 2ms;
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Ask("b"), "none");
  EXPECT_EQ(Text(table_.Last("a")), "1.0.0.1");  // While the next lookup is under way.
  EXPECT_EQ(Begin(), "a");
  EXPECT_EQ(Begin(), "b");
  EXPECT_EQ(Text(table_.Last("a")), "1.0.0.1");
  EXPECT_EQ(Finish("a", At("1.0.0.2")), "1.0.0.2");
  EXPECT_EQ(Text(table_.Last("a")), "1.0.0.2");
  EXPECT_EQ(Text(table_.Last("c")), "none");
}

TEST_F(NameTableTest, KeepsAddressesWhileNobodyKnowsBetter) {
  Resolve("a", At("1.0.0.1"));
  const WallTime found_at = wall_;
  for (const int error : {EAI_AGAIN, EAI_FAIL, EMFILE}) {
    now_ += 2s;
    Resolve("a", {error, {}});
    const auto answer = table_.Last("a");
    ASSERT_EQ(answer->addresses.size(), 1U);
    EXPECT_EQ(answer->error, error);
    EXPECT_EQ(answer->found_at, found_at);
    EXPECT_EQ(answer->asked_at, wall_);
  }
  now_ += 2s;
  EXPECT_EQ(Resolve("a", {EAI_NONAME, {}}), "Name or service not known");
  now_ += 2s;
  EXPECT_EQ(Resolve("a", {0, {}}), "No address associated with hostname");
}

TEST_F(NameTableTest, PutsAddressesLastThatTakeConnectionsAndSayNothing) {
  const auto note = [&](const std::string& address, bool answers) {
    table_.Note("a", NumericAddress(address, 0), answers);
    return Text(table_.Last("a"));
  };
  const FoundAddresses three{0, {NumericAddress("1.0.0.1", 0), NumericAddress("::1", 0), NumericAddress("1.0.0.3", 0)}};
  table_.Note("a", NumericAddress("1.0.0.1", 0), false);  // Nobody knows the name.
  Resolve("a", three);
  EXPECT_EQ(note("1.0.0.1", false), "::1 1.0.0.3 1.0.0.1");
  EXPECT_EQ(note("::1", false), "1.0.0.3 1.0.0.1 ::1");
  EXPECT_EQ(Ask("a"), "1.0.0.3 1.0.0.1 ::1");
  now_ += 1s;
  EXPECT_EQ(Resolve("a", three), "1.0.0.3 1.0.0.1 ::1");  // So it stays, whatever the order of an answer.
  EXPECT_EQ(note("1.0.0.1", true), "1.0.0.3 1.0.0.1 ::1");
  now_ += 1s;
  EXPECT_EQ(Resolve("a", three), "1.0.0.1 1.0.0.3 ::1");
  now_ += 1s;
  EXPECT_EQ(Resolve("a", At("::1")), "::1");
  now_ += 1s;
  EXPECT_EQ(Resolve("a", three), "1.0.0.1 ::1 1.0.0.3");  // Its only address is nobody's second choice.
}

TEST_F(NameTableTest, TriesAllAddressesInTurnWhenEachSaysNothing) {
  const FoundAddresses two{0, {NumericAddress("1.0.0.1", 0), NumericAddress("1.0.0.2", 0)}};
  Resolve("a", two);
  for (const auto& [mute, then] : {std::pair("1.0.0.1", "1.0.0.2 1.0.0.1"), std::pair("1.0.0.2", "1.0.0.1 1.0.0.2"),
                                   std::pair("1.0.0.1", "1.0.0.2 1.0.0.1")}) {
    table_.Note("a", NumericAddress(mute, 0), false);
    EXPECT_EQ(Text(table_.Last("a")), then);
  }
  now_ += 1s;
  EXPECT_EQ(Resolve("a", {EAI_NONAME, {}}), "Name or service not known");
  table_.Note("a", NumericAddress("1.0.0.1", 0), false);
  EXPECT_EQ(Text(table_.Last("a")), "Name or service not known");
}

TEST_F(NameTableTest, AsksAgainAtOnceWhenOnlyThisProcessWasShortOfSomething) {
  Resolve("a", {EMFILE, {}});
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Begin(), "a");
}

TEST_F(NameTableTest, BeginsFewLookupsAndMoreWhileThoseHang) {
  table_ = NameTable({.quick = 2, .hanging = 3, .most = 5});
  for (const char* name : {"a", "b", "c", "d", "e"}) Ask(name);
  EXPECT_EQ(Begin(), "a");
  now_ += 100ms;
  EXPECT_EQ(Begin(), "b");
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(table_.NextDue(now_), now_ + 150ms);  // When a hangs.
  now_ += 150ms;
  EXPECT_EQ(Begin(), "c");
  now_ += 250ms;  // All three hang, and that is the bound for names of which nothing is known.
  EXPECT_EQ(Begin(), "a/4");
  EXPECT_EQ(Begin(), "b/4");
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(table_.under_way(), 5U);
  EXPECT_EQ(table_.NextDue(now_), std::nullopt);  // Something has to be finished first.
  Finish("a", {EAI_AGAIN, {}});
  EXPECT_EQ(Begin(), "d");
}

TEST_F(NameTableTest, NamesThatAnswerDoNotWaitForThoseThatHang) {
  table_ = NameTable({.quick = 1, .hanging = 2, .most = 4});
  Resolve("good", At("1.0.0.1"));
  for (const char* name : {"h1", "h2", "h3"}) {
    Ask(name);
    Begin();
    now_ += 1s;
  }
  EXPECT_EQ(Ask("good"), "none");
  EXPECT_EQ(Begin(), "good");
  EXPECT_EQ(Finish("good", At("1.0.0.2")), "1.0.0.2");
}

TEST_F(NameTableTest, NamesThatHungDoNotCountAmongTheFewWhenTheyAreLookedUpAgain) {
  table_ = NameTable({.quick = 1});
  Resolve("hung", {EAI_AGAIN, {}}, 10s);
  now_ += 2s;
  Ask("hung");
  EXPECT_EQ(Begin(), "hung");
  Ask("new");
  EXPECT_EQ(Begin(), "new");
}

TEST_F(NameTableTest, NamesThatHungComeAfterNewOnesAndHaveABound) {
  table_ = NameTable({.quick = 1, .hanging = 1, .most = 4});
  Resolve("hung", {EAI_AGAIN, {}}, 10s);
  now_ += 2s;
  Ask("hung");
  Ask("new");
  EXPECT_EQ(Begin(), "new");
  EXPECT_EQ(Begin(), "hung");
  Ask("another");
  EXPECT_EQ(Begin(), "nothing");
  Finish("new", At("1.0.0.1"));
  EXPECT_EQ(Begin(), "nothing");  // As many hang as may.
  Finish("hung", At("1.0.0.2"));
  EXPECT_EQ(Begin(), "another");
  Finish("another", At("1.0.0.3"));
  now_ += 2s;
  Ask("newest");
  Ask("hung");
  EXPECT_EQ(Begin(), "hung");  // It has answered in time meanwhile.
}

TEST_F(NameTableTest, AsksForIPv4AloneWhenTheFirstAnswerDoesNotCome) {
  Ask("a");
  EXPECT_EQ(Begin(), "a");
  now_ += 249ms;
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(table_.NextDue(now_), now_ + 1ms);
  now_ += 1ms;
  EXPECT_EQ(Begin(), "a/4");
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(Finish("a", At("1.0.0.1"), AF_INET), "1.0.0.1");
  EXPECT_EQ(Ask("a"), "1.0.0.1");
  now_ += 2s;
  EXPECT_EQ(Ask("a"), "none");  // The first lookup is still under way, and there is an address to go by.
  EXPECT_EQ(Begin(), "nothing");
  EXPECT_EQ(Text(table_.Last("a")), "1.0.0.1");
  EXPECT_EQ(Finish("a", At("::1")), "::1");
  now_ += 2s;
  EXPECT_EQ(Ask("a"), "none");
  EXPECT_EQ(Begin(), "a");
  now_ += 1s;
  EXPECT_EQ(Begin(), "nothing");
}

TEST_F(NameTableTest, WaitsOnWhenTheLookupForIPv4FindsNothing) {
  Ask("a");
  Begin();
  now_ += 250ms;
  EXPECT_EQ(Begin(), "a/4");
  EXPECT_EQ(Finish("a", {EAI_NODATA, {}}, AF_INET), "none");
  EXPECT_EQ(Text(table_.Last("a")), "none");
  EXPECT_EQ(Finish("a", At("::1")), "::1");
}

TEST_F(NameTableTest, MindsNoLookupForIPv4ThatComesAfterTheFirst) {
  Ask("a");
  Begin();
  now_ += 250ms;
  EXPECT_EQ(Begin(), "a/4");
  EXPECT_EQ(Finish("a", At("::1")), "::1");
  EXPECT_EQ(Finish("a", At("1.0.0.1"), AF_INET), "none");
  EXPECT_EQ(Text(table_.Last("a")), "::1");
}

TEST_F(NameTableTest, ForgetsTheNameThatWasNotAskedForLongest) {
  for (int i = 0; i < 8; ++i) {
    Resolve("n" + std::to_string(i), At("1.0.0.1"));
    now_ += 2s;
  }
  Resolve("n0", At("1.0.0.2"));
  Resolve("ninth", At("1.0.0.3"));
  EXPECT_EQ(Text(table_.Last("n0")), "1.0.0.2");
  EXPECT_EQ(Text(table_.Last("n1")), "none");
  EXPECT_EQ(Text(table_.Last("n2")), "1.0.0.1");
}

TEST_F(NameTableTest, HasNoRoomWhileAllNamesWait) {
  for (int i = 0; i < 8; ++i) Ask("n" + std::to_string(i));
  EXPECT_EQ(table_.Ask("ninth", now_)->error, ENOBUFS);
  Begin();
  Finish("n0", At("1.0.0.1"));
  EXPECT_EQ(Ask("ninth"), "none");
}

}  // namespace
}  // namespace ringproxy::net
