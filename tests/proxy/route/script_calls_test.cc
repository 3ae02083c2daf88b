#include "proxy/route/script_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ring/sha1.h"
#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

const std::string kText = "return KEYS[1]";
const std::string kSha = ring::Sha1Hex(kText);

class ScriptCallsTest : public DispatcherTest {
 protected:
  ScriptCallsTest() {
    a_ = KeyOf(0);
    b_ = KeyOf(1);
  }
  // Asks, and has the node, which got `expected`, answer.
  void Ask(const Words& request, size_t node, const Words& expected, const std::string& reply) {
    Dispatch(request);
    EXPECT_EQ(Node(node).TakeWritten(), Encode(expected));
    Node(node).Receive(reply);
    EXPECT_EQ(TakeReplies(), Words{reply});
    EXPECT_EQ(scripts_->open(), 0U);
  }
  Words Eval(const std::string& key) const { return {"EVAL", kText, "1", key}; }
  Words EvalSha(const std::string& key) const { return {"EVALSHA", kSha, "1", key}; }
  void Learn() { Ask(Eval(a_), 0, Eval(a_), "$1\r\na\r\n"); }

  std::string a_;
  std::string b_;
};

TEST_F(ScriptCallsTest, AScriptThatOneNodeHasRunIsKnownToTheOther) {
  Learn();
  Ask(EvalSha(a_), 0, EvalSha(a_), ":1\r\n");
  Ask(EvalSha(b_), 1, Eval(b_), ":1\r\n");
  Ask(EvalSha(b_), 1, EvalSha(b_), ":1\r\n");
}

TEST_F(ScriptCallsTest, TheNameMayBeInUpperCaseAndArgumentsFollowAsTheyCame) {
  Learn();
  std::string upper = kSha;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  Ask({"evalsha_ro", upper, "1", b_, "", "x\r\ny"}, 1, {"EVAL_RO", kText, "1", b_, "", "x\r\ny"}, ":1\r\n");
}

TEST_F(ScriptCallsTest, WhatIsNotKnownGoesAsItIs) {
  Ask(EvalSha(a_), 0, EvalSha(a_), "-NOSCRIPT No matching script. Please use EVAL.\r\n");
  Ask({"EVALSHA", "short", "1", a_}, 0, {"EVALSHA", "short", "1", a_}, "-NOSCRIPT\r\n");
}

TEST_F(ScriptCallsTest, AnErrorTeachesNothing) {
  Ask(Eval(a_), 0, Eval(a_), "-ERR Error compiling script\r\n");
  Ask(EvalSha(b_), 1, EvalSha(b_), "-NOSCRIPT No matching script. Please use EVAL.\r\n");
}

TEST_F(ScriptCallsTest, ANodeThatHasLostItGetsItTheNextTime) {
  Learn();
  Ask(EvalSha(a_), 0, EvalSha(a_), "-NOSCRIPT No matching script. Please use EVAL.\r\n");
  Ask(EvalSha(a_), 0, Eval(a_), ":1\r\n");
}

TEST_F(ScriptCallsTest, ANodeWithANewConnectionIsNotKnownToHaveAnything) {
  Learn();
  Stats(0).connects.Add();  // Of a connection that was lost: ready once more, and no more of them.
  Ask(EvalSha(a_), 0, Eval(a_), ":1\r\n");
}

TEST_F(ScriptCallsTest, ALoadedScriptIsKnownToAllNodes) {
  Dispatch({"SCRIPT", "LOAD", kText});
  for (size_t node : {0, 1, 2}) Node(node).Receive("$40\r\n" + kSha + "\r\n");
  for (size_t node : {0, 1, 2}) Node(node).TakeWritten();
  EXPECT_EQ(TakeReplies(), Words{"$40\r\n" + kSha + "\r\n"});
  Ask(EvalSha(b_), 1, Eval(b_), ":1\r\n");
}

TEST_F(ScriptCallsTest, APipelineOfOneClientBringsTheTextOnce) {
  Learn();
  Dispatch(EvalSha(b_));
  Dispatch(EvalSha(b_));
  Dispatch(EvalSha(b_), false, 1);  // Another client may have another connection.
  EXPECT_EQ(Node(1).TakeWritten(), Encode(Eval(b_)) + Encode(EvalSha(b_)) + Encode(Eval(b_)));
  for (int i = 0; i < 3; ++i) Node(1).Receive(":1\r\n");
  EXPECT_EQ(TakeReplies().size(), 3U);
}

TEST_F(ScriptCallsTest, AClientMayNameAScriptBeforeItsEvalIsAnswered) {
  Dispatch(Eval(a_));
  Dispatch(EvalSha(b_));
  EXPECT_EQ(Node(1).TakeWritten(), Encode(Eval(b_)));
  // To nobody else is it more than a client's words.
  Dispatch({"EVALSHA", kSha, "1", b_}, false, 1);
  EXPECT_EQ(Node(1).TakeWritten(), Encode(EvalSha(b_)));
  Node(0).Receive("-ERR Error compiling script\r\n");
  Dispatch(EvalSha(b_));
  EXPECT_EQ(Node(1).TakeWritten(), Encode(EvalSha(b_)));
}

TEST_F(ScriptCallsTest, AFlushIsFollowedByNothingThatWasKnown) {
  Learn();
  Dispatch({"SCRIPT", "FLUSH"});
  Dispatch(EvalSha(b_));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"SCRIPT", "FLUSH"}) + Encode(EvalSha(b_)));
}

TEST_F(ScriptCallsTest, AFlushIsAnsweredWhenAllWorkersHaveForgotten) {
  uint32_t place = 99;
  script_posts_.flush = [&place](const ScriptScopes& scopes, uint32_t of) {
    EXPECT_FALSE(scopes.empty());
    place = of;
  };
  Make();
  Dispatch({"SCRIPT", "FLUSH"});
  for (size_t node : {0, 1, 2}) Node(node).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{});
  scripts_->OnFlushed(place);
  EXPECT_EQ(TakeReplies(), Words{"+OK\r\n"});
  EXPECT_EQ(scripts_->open(), 0U);
}

TEST_F(ScriptCallsTest, WhatWasUnderWayWhenAnotherWorkerFlushedIsNotLearnt) {
  std::vector<LearntScript> learnt;
  ScriptScopes scopes;
  script_posts_.learnt = [&learnt](LearntScript script) { learnt.push_back(std::move(script)); };
  script_posts_.flush = [&scopes](ScriptScopes all, uint32_t) { scopes = std::move(all); };
  Make();
  Dispatch({"SCRIPT", "FLUSH"});
  Make();
  Dispatch(Eval(a_));
  scripts_->OnFlush(scopes, 1);
  Node(0).TakeWritten();
  Node(0).Receive(":1\r\n");
  TakeReplies();
  EXPECT_EQ(scripts_->texts().count(), 0U);
  EXPECT_TRUE(learnt.empty());
  Learn();
  ASSERT_EQ(learnt.size(), 1U);
  EXPECT_EQ(learnt[0].sha, kSha);
  EXPECT_EQ(learnt[0].flushes, 1U);
}

TEST_F(ScriptCallsTest, WhatAnotherWorkerHasLearntIsKnownHere) {
  std::optional<LearntScript> learnt;
  script_posts_.learnt = [&learnt](LearntScript script) { learnt = std::move(script); };
  Make();
  Learn();
  Make();
  ASSERT_TRUE(learnt);
  scripts_->OnLearnt(*learnt);
  Ask(EvalSha(b_), 1, Eval(b_), ":1\r\n");
}

TEST_F(ScriptCallsTest, AScriptExistsWhereItsTextIsKnown) {
  Learn();
  const std::string other(40, 'f');
  Dispatch({"SCRIPT", "EXISTS", kSha, other, other});
  Node(0).Receive("*3\r\n:1\r\n:0\r\n:1\r\n");
  for (size_t node : {1, 2}) Node(node).Receive("*3\r\n:0\r\n:0\r\n:1\r\n");
  EXPECT_EQ(TakeReplies(), Words{"*3\r\n:1\r\n:0\r\n:1\r\n"});
}

TEST_F(ScriptCallsTest, ManyTextsTakeABoundedRoom) {
  script_posts_.text_bytes = 4000;
  Make();
  for (int i = 0; i < 100; ++i) {
    const Words eval = {"EVAL", kText + " --" + std::to_string(i), "1", a_};
    Ask(eval, 0, eval, ":1\r\n");
  }
  const Words large = {"EVAL", std::string(5000, 'x'), "1", a_};
  Ask(large, 0, large, ":1\r\n");
  EXPECT_LE(scripts_->texts().bytes(), 4000U);
  EXPECT_GT(scripts_->texts().count(), 1U);
}

TEST_F(ScriptCallsTest, WhatANodeRefusesUnreadBringsNoTextThere) {
  Learn();
  const Words malformed = {"EVALSHA", kSha, "x", b_};
  // Without keys that can be told it goes to the owner of the empty key.
  const size_t owner = RouteKey(*snapshot_, snapshot_->listeners[0], "").node;
  Ask(malformed, owner, malformed, "-ERR value is not an integer or out of range\r\n");
  Dispatch({"EVALSHA", kSha, "7", b_});
  Dispatch(EvalSha(b_));
  EXPECT_THAT(Node(1).TakeWritten(), testing::HasSubstr(Encode(Eval(b_))));
}

TEST_F(ScriptCallsTest, WhatAnExecHasRunIsLearnt) {
  const std::string other = "return 2";
  const std::string broken = "return '";
  const ScriptCalls::ExecText sent[] = {{1, kText}, {2, broken}, {4, other}};
  const Ticket ticket = scripts_->FollowExec(sent, 0, {7, 0, 0, Ticket::Kind::kSession});
  ASSERT_EQ(ticket.kind, Ticket::Kind::kScript);
  const std::string reply = "*5\r\n+OK\r\n*1\r\n:1\r\n-ERR Error compiling script\r\n$-1\r\n:2\r\n";
  scripts_->OnReply(ticket, backends::Reply(std::string_view(reply)));
  EXPECT_EQ(TakeReplies(), Words{reply});
  EXPECT_EQ(scripts_->texts().count(), 2U);
  Ask(EvalSha(b_), 1, Eval(b_), ":1\r\n");
  // They are known by now.
  EXPECT_EQ(scripts_->FollowExec(std::span(sent).first(1), 0, {7, 0, 0, Ticket::Kind::kSession}).kind,
            Ticket::Kind::kSession);
  EXPECT_EQ(scripts_->open(), 0U);
}

TEST_F(ScriptCallsTest, AnExecThatRanNothingTeachesNothing) {
  const ScriptCalls::ExecText sent[] = {{0, kText}};
  for (const std::string_view reply : {"*-1\r\n", "-EXECABORT x\r\n", "*0\r\n", "_\r\n"}) {
    const Ticket ticket = scripts_->FollowExec(sent, 0, {7, 0, 0, Ticket::Kind::kSession});
    scripts_->OnReply(ticket, backends::Reply(reply));
    EXPECT_EQ(TakeReplies(), Words{std::string(reply)});
  }
  scripts_->OnFailure(scripts_->FollowExec(sent, 0, {7, 0, 0, Ticket::Kind::kSession}), {});
  // A flush has come in between.
  const Ticket ticket = scripts_->FollowExec(sent, 0, {7, 0, 0, Ticket::Kind::kSession});
  scripts_->OnFlush({}, 1);
  scripts_->OnReply(ticket, backends::Reply(std::string_view("*1\r\n:1\r\n")));
  EXPECT_EQ(scripts_->texts().count(), 0U);
  EXPECT_EQ(scripts_->open(), 0U);
}

TEST_F(ScriptCallsTest, TheTextsOfAnExecTakeABoundedRoom) {
  script_posts_.text_bytes = 4000;
  Make();
  const std::string large(5000, 'x');
  const std::string much(2500, 'x');
  const std::string as_much(2500, 'y');
  const ScriptCalls::ExecText sent[] = {{0, large}, {1, much}, {2, as_much}};
  const Ticket ticket = scripts_->FollowExec(sent, 0, {7, 0, 0, Ticket::Kind::kSession});
  scripts_->OnReply(ticket, backends::Reply(std::string_view("*3\r\n:1\r\n:1\r\n:1\r\n")));
  EXPECT_EQ(scripts_->texts().count(), 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
