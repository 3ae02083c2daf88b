#include "proxy/route/library_loads.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kLoaded = "$3\r\nlib\r\n";
constexpr std::string_view kExists = "-ERR Library 'lib' already exists\r\n";

// The listener has three nodes, in two of the pools.
class LibraryLoadsTest : public DispatcherTest {
 protected:
  void Load() {
    Dispatch({"FUNCTION", "LOAD", "#!lua name=lib"});
    EXPECT_EQ(Asked(), (std::vector<size_t>{0, 1, 2}));
  }
  // What they answer to the request that they have.
  void Answer(const Words& replies) {
    for (size_t i = 0; i < replies.size(); ++i) {
      if (!replies[i].empty()) Node(i).Receive(replies[i]);
    }
    FlushAll();
  }
  ~LibraryLoadsTest() override { EXPECT_EQ(dispatcher_->whole_fleet().libraries().open(), 0U); }

  const std::string loaded_{kLoaded};
  const std::string exists_{kExists};
  const std::string delete_ = Encode({"FUNCTION", "DELETE", "lib"});
};

TEST_F(LibraryLoadsTest, IsLoadedWhenAllNodesHaveIt) {
  Load();
  Answer({loaded_, loaded_});
  EXPECT_EQ(TakeReplies(), Words{});
  Answer({"", "", loaded_});
  EXPECT_EQ(TakeReplies(), Words{loaded_});
}

TEST_F(LibraryLoadsTest, IsDeletedAgainWhereItWasNewIfANodeHasItAlready) {
  for (const std::string& exists : {exists_, std::string("-ERR Function f1 already exists\r\n")}) {
    Load();
    Answer({loaded_, exists, loaded_});
    EXPECT_EQ(TakeReplies(), Words{}) << "the client waits until no node has more than before";
    EXPECT_EQ(Node(0).TakeWritten(), delete_);
    EXPECT_EQ(Node(1).TakeWritten(), "") << "it was there before";
    EXPECT_EQ(Node(2).TakeWritten(), delete_);
    Answer({"+OK\r\n"});
    EXPECT_EQ(TakeReplies(), Words{});
    Answer({"", "", "-ERR Library not found\r\n"});
    EXPECT_EQ(TakeReplies(), Words{exists});
  }
}

TEST_F(LibraryLoadsTest, NothingIsDeletedIfItIsNewNowhere) {
  Load();
  Answer({exists_, "-OOM no\r\n", exists_});
  EXPECT_EQ(TakeReplies(), Words{exists_});
  EXPECT_TRUE(Asked().empty());
}

TEST_F(LibraryLoadsTest, ReplacingDeletesNothing) {
  Dispatch({"FUNCTION", "LOAD", "replace", "#!lua name=lib"});
  EXPECT_EQ(Asked().size(), 3U);
  Answer({loaded_, "-ERR Function f1 already exists\r\n", loaded_});
  EXPECT_TRUE(Asked().empty());
  EXPECT_EQ(TakeReplies(), Words{"-ERR library lib loaded on 2 of 3 nodes, not on main1: ERR Function f1 already "
                                 "exists\r\n"});
}

TEST_F(LibraryLoadsTest, ANodeThatFailsIsNamedAndTheOthersKeepTheLibrary) {
  Eject(1);
  Dispatch({"FUNCTION", "LOAD", "#!lua name=lib"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0, 2}));
  Answer({loaded_, "", loaded_});
  EXPECT_TRUE(Asked().empty());
  EXPECT_EQ(TakeReplies(), Words{"-ERR library lib loaded on 2 of 3 nodes, not on main1: NODEDOWN node main1 of pool "
                                 "main is down\r\n"});
}

TEST_F(LibraryLoadsTest, WhatNoNodeTakesReadsTheFirstNodesWords) {
  Load();
  Answer({"-ERR Missing library metadata\r\n", "-ERR x\r\n", "-ERR x\r\n"});
  EXPECT_EQ(TakeReplies(), Words{"-ERR Missing library metadata\r\n"});
}

TEST_F(LibraryLoadsTest, ALibraryThatCannotBeDeletedAgainIsTold) {
  Load();
  Answer({loaded_, exists_, loaded_});
  Answer({"-READONLY x\r\n", "", "+OK\r\n"});
  EXPECT_EQ(TakeReplies(), Words{"-ERR Library 'lib' already exists (but not on main0, where it is new and could not "
                                 "be deleted again)\r\n"});
}

TEST_F(LibraryLoadsTest, ANodeThatMayHaveItNowIsNamed) {
  Load();
  Answer({loaded_, exists_});
  Node(2).ReceiveEnd();
  FlushAll();
  Answer({"+OK\r\n"});
  EXPECT_EQ(TakeReplies(),
            Words{"-ERR Library 'lib' already exists (and nobody knows whether it is new on carts0, which "
                  "did not answer)\r\n"});
}

TEST_F(LibraryLoadsTest, ALongNameIsNoReasonToKeepIt) {
  Load();
  Answer({loaded_, "-ERR Library '" + std::string(LibraryLoads::kMostWords, 'x') + "' already exists\r\n", loaded_});
  EXPECT_EQ(Node(0).TakeWritten(), delete_);
  EXPECT_EQ(Node(2).TakeWritten(), delete_);
  Answer({"+OK\r\n", "", "+OK\r\n"});
  EXPECT_EQ(TakeReplies().size(), 1U);
}

TEST_F(LibraryLoadsTest, WhatIsNoReplyToItIsAFailureAndALongErrorIsCutOff) {
  Load();
  Answer({"+OK\r\n", loaded_, "-ERR " + std::string(5000, 'x') + "\r\n"});
  const Words replies = TakeReplies();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_TRUE(replies[0].starts_with("-ERR library lib loaded on 1 of 3 nodes, not on main0, carts0: BADREPLY "));
  Load();
  Answer({"-ERR " + std::string(5000, 'x') + "\r\n", "-ERR\r\n", "-ERR\r\n"});
  EXPECT_EQ(TakeReplies(), Words{"-ERR " + std::string(LibraryLoads::kMostWords - 4, 'x') + "\r\n"});
}

TEST_F(LibraryLoadsTest, AnotherLoadMayBeginMeanwhile) {
  Load();
  Load();
  Answer({loaded_ + loaded_, exists_ + exists_, loaded_});
  Answer({"", "", exists_});
  EXPECT_EQ(TakeReplies(), Words{}) << "both are deleted where they were new";
  EXPECT_EQ(Node(0).TakeWritten(), delete_ + delete_);
  EXPECT_EQ(Node(2).TakeWritten(), delete_);
  Answer({"+OK\r\n-ERR Library not found\r\n", "", "+OK\r\n"});
  EXPECT_EQ(TakeReplies(), (Words{exists_, exists_}));
}

}  // namespace
}  // namespace ringproxy::proxy
