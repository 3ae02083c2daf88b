// tests/backends/link/witness_fixture.h – A node's guard and witness without a link, and replies as a link would frame
// them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "backends/link/node_witness.h"
#include "backends/link/reply_framers.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {

class WitnessFixture : public testing::Test, protected net::StreamObserver {
 protected:
  void OnConnected(int) override {}
  void OnReadable() override {}
  void OnWritable() override {}

  // One whole reply as it has come.
  ReplyFrame Frame(const std::string& text) {
    loop_.last_socket().incoming = text;
    input_.Fill(*stream_, io_.read_buffer);
    EXPECT_EQ(framer_->Frame(input_.bytes()), wire::ReplyFramer::FrameStatus::kReply);
    return {input_, *framer_};
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  std::unique_ptr<net::Stream> stream_ = loop_.NewStream(*this);
  net::InputBuffer input_{io_.blocks};
  std::unique_ptr<wire::ReplyFramer> framer_ = NewReplyFramer(conf::Protocol::kRedis);
  NodeSettings settings_;
  NodeStats stats_;
  test::Health health_{1};
  NodeGuard guard_{{.io = io_,
                    .settings = settings_,
                    .verdict = health_.records[0]->verdict(),
                    .stats = stats_,
                    .observer = health_.observer,
                    .node = health_.records[0]},
                   [] {},
                   [] {}};
  NodeWitness witness_{loop_, settings_, guard_, stats_};
};

}  // namespace ringproxy::backends
