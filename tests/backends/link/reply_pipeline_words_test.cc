#include <gtest/gtest.h>

#include "backends/link/reply_pipeline.h"
#include "tests/backends/link/recording_sink.h"
#include "tests/backends/link/witness_fixture.h"

namespace ringproxy::backends {
namespace {

class ReplyPipelineWords : public WitnessFixture {
 protected:
  ReplyPipelineWords() { pipeline_.OnReady(); }
  void Answer(const std::string& reply) { pipeline_.OnReply(Frame(reply)); }

  RecordingSink sink_;
  ReplyPipeline pipeline_{loop_, settings_, witness_, sink_, stats_, [] {}};
};

TEST_F(ReplyPipelineWords, SaysWhichOfSeveralNodesDoesNotKnowACommand) {
  const std::string unknown = "-ERR unknown command 'LCS', with args beginning with: 'a' 'b' \r\n";
  const auto answer = [&](wire::Work work) {
    sink_.outcomes.clear();
    pipeline_.Admit(10, {0, 0, 1, Ticket::Kind::kSession}, work);
    Answer(unknown);
    return sink_.outcomes.at(0).second;
  };
  settings_.pool = "p";
  settings_.node = "n";
  EXPECT_EQ(answer(wire::Work::kPlain), unknown);  // The only node: its client knows whom it has asked.
  settings_.has_company = true;
  health_.records[0]->SetVersion({6, 2, 14});
  const std::string at_node =
      "-ERR unknown command 'LCS', with args beginning with: 'a' 'b' (node n of pool p, Redis 6.2.14)\r\n";
  EXPECT_EQ(answer(wire::Work::kPlain), at_node);
  EXPECT_EQ(answer(wire::Work::kHeavy), at_node);
  // A script writes what it likes.
  EXPECT_EQ(answer(wire::Work::kScript), unknown);
  health_.records[0]->SetVersion({8, 1, 4, true});
  pipeline_.Admit(10, {0, 0, 2, Ticket::Kind::kTransaction}, wire::Work::kPlain)->replies_to_come = 2;
  sink_.outcomes.clear();
  Answer(unknown);
  EXPECT_NE(sink_.outcomes.at(0).second.find("(node n of pool p, Valkey 8.1.4)"), std::string::npos);
  Answer("-EXECABORT Transaction discarded because of previous errors.\r\n");
}

}  // namespace
}  // namespace ringproxy::backends
