// tests/proxy/local/local_fixture.h – One client that asks what the proxy answers itself, in a process of no substance.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/resp_reply.h"
#include "proxy/local/local_commands.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {

using namespace std::chrono_literals;
using test::TestRequest;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FactsView final : public ProxyView {
 public:
  net::TimePoint now() const override { return net::TimePoint(1000s); }
  ProxyFacts Facts() const override { return facts; }
  FleetReleases ReleasesOf(uint32_t) const override { return releases; }
  ListenerClients ClientsOf(uint32_t) const override { return {}; }

  ProxyFacts facts;
  FleetReleases releases;
};

class LocalFixture : public testing::Test {
 protected:
  LocalFixture() {
    client_.connected_at = net::TimePoint(940s);
    client_.last_active = net::TimePoint(995s);
  }

  // What is appended, be it a reply or nothing.
  std::string Appended(const std::vector<std::string_view>& words) {
    const TestRequest request(words);
    const wire::CommandSpec* spec = wire::FindRedisCommand(wire::Request(request));
    EXPECT_NE(spec, nullptr);
    EXPECT_EQ(spec->handling, wire::Handling::kLocal) << spec->name;
    EXPECT_EQ(wire::CheckShape(*spec, request), wire::Shape::kOk) << spec->name;
    client_.last_command = spec->index;
    std::string out = "before ";
    outcome_ = AnswerLocally(*spec, request, client_, listener_, view_, &out);
    EXPECT_TRUE(out.starts_with("before "));
    return out.substr(7);
  }
  std::string Appended(std::string_view line) { return Appended(TestRequest::Split(line)); }
  std::string Ask(const std::vector<std::string_view>& words) {
    const std::string out = Appended(words);
    ExpectOneReply(out);
    return out;
  }
  std::string Ask(std::string_view line) { return Ask(TestRequest::Split(line)); }

  static void ExpectOneReply(std::string_view out) {
    wire::RespReplyFramer framer;
    EXPECT_EQ(framer.Frame(out), wire::ReplyFramer::FrameStatus::kReply) << out;
    EXPECT_EQ(framer.size(), out.size()) << out;
  }

  FactsView view_;
  PasswordGate gate_{""};
  ListenerFacts listener_{.index = 0, .databases = 16, .proved_databases = 1, .gate = gate_, .learnt = {}};
  ClientState client_ = NewClient(7, "127.0.0.1:50412");
  LocalOutcome outcome_ = LocalOutcome::kAnswered;
};

}  // namespace ringproxy::proxy
