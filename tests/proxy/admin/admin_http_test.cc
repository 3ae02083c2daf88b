#include "proxy/admin/admin_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "proxy/route/router.h"
#include "tests/backends/net/event_base_fixture.h"
#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;

class AdminTest : public AdminFixture {
 protected:
  AdminTest() : AdminFixture(TwoNodes()) {}
};

TEST_F(AdminTest, IsReadyOnceEachPoolHasAUsableNodeAndUntilItDrains) {
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  Stats(1, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);  // The other worker has none.
  Stats(0, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 200);
  admin_.SetDraining();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  EXPECT_EQ(admin_.Get("/healthz", {}).status, 200);
}

class GroupedAdminTest : public AdminFixture {
 protected:
  GroupedAdminTest() : AdminFixture(Grouped()) {}
  static conf::Config Grouped() {
    conf::Config config = TwoNodes();
    config.pools[0].groups = {{.set = conf::GroupSet::kBullmq}, {.pattern = "rq:*", .tag = "all"}};
    return config;
  }
};

TEST_F(AdminTest, LocatesAKeyWhereTheRouterSendsIt) {
  for (int i = 0; i < 50; ++i) {
    const std::string key = "{tag}" + std::to_string(i) + "\xff";
    const auto node = RouteKey(*snapshot_, snapshot_->listeners[0], key).node;
    const AdminReply reply = admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", key}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("\"node\": \"r" + std::to_string(node) + "\""));
    EXPECT_THAT(reply.body, HasSubstr("\"hashed_part\": \"tag\""));
  }
}

TEST_F(GroupedAdminTest, LocatesTheKeysOfAGroupTogether) {
  const auto part = [this](const std::string& key) {
    const auto reply = nlohmann::json::parse(admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", key}}).body);
    EXPECT_EQ(reply["node"], "r" + std::to_string(RouteKey(*snapshot_, snapshot_->listeners[0], key).node));
    return reply["hashed_part"].get<std::string>();
  };
  EXPECT_EQ(part("bull:mail:wait"), "mail");
  EXPECT_EQ(part("rq:workers"), "all");
  EXPECT_EQ(part("rq:{own}"), "own");
  EXPECT_EQ(part("page:1"), "page:1");
  const auto pools = nlohmann::json::parse(admin_.Get("/api/v1/pools", {}).body)["pools"];
  EXPECT_EQ(pools[0]["groups"], nlohmann::json::parse(R"([{"set": "bullmq"}, {"pattern": "rq:*", "tag": "all"}])"));
}

TEST_F(AdminTest, SaysWhatIsWrongWithAQuestion) {
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "main"}}).status, 400);
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "x"}, {"key", "k"}}).status, 404);
  EXPECT_THAT(admin_.Get("/x", {}).body, HasSubstr("/metrics"));
}

TEST_F(AdminTest, ListsPoolsWithTheirRingsAndNodes) {
  Stats(0, 1).requests.Add(3);
  Stats(1, 1).failures.Add(2);
  for (const uint32_t worker : {0U, 1U}) Stats(worker, 1).ready_connections.Add();
  const auto pools = nlohmann::json::parse(admin_.Get("/api/v1/pools", {}).body)["pools"];
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0]["name"], "main");
  EXPECT_EQ(pools[0]["protocol"], "redis");
  EXPECT_EQ(pools[0]["ring"]["algorithm"], "vnode");
  EXPECT_EQ(pools[0]["ring"]["hash_tag"], "{}");
  const auto& nodes = pools[0]["nodes"];
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0]["up"], false);
  EXPECT_EQ(nodes[1]["up"], true);
  EXPECT_EQ(nodes[1]["address"], "10.0.0.2:7");
  EXPECT_EQ(nodes[1]["weight"], 3);
  EXPECT_NEAR(nodes[1]["share"], 0.75, 0.04);
  EXPECT_EQ(nodes[1]["requests"], 3);
  EXPECT_EQ(nodes[1]["failures"], 2);
}

// Over real sockets; most pages want a token. The loop outlives the port.
class ServedAdminTest : protected net::TestEventBase, public AdminFixture {
 protected:
  ServedAdminTest() : ServedAdminTest(WithToken()) {}
  explicit ServedAdminTest(conf::Config config) : AdminFixture(std::move(config)) {
    std::string error;
    EXPECT_TRUE(admin_.Listen(base(), &error)) << error;
  }
  static conf::Config WithToken() {
    conf::Config config = TwoNodes();
    config.admin.listen = {"127.0.0.1", 0, ""};
    config.admin.token = "secret";
    return config;
  }
  // The whole reply to one request on a connection of its own.
  std::string Ask(const std::string& method, const std::string& target, const std::string& token = "",
                  const std::string& headers = "Host: x\r\n") {
    const net::TestSocket client(AF_INET, 0);
    EXPECT_EQ(net::ConnectTo(client, net::Loopback(admin_.port())), 0);
    std::string request =
        method + " " + target + " HTTP/1.1\r\n" + headers + "Connection: close\r\nContent-Length: 0\r\n";
    if (!token.empty()) request += "Authorization: Bearer " + token + "\r\n";
    request += "\r\n";
    EXPECT_EQ(send(client.fd(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string reply;
    EXPECT_TRUE(RunUntil([&] {
      char buffer[4096];
      ssize_t got = 0;
      while ((got = recv(client.fd(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        reply.append(buffer, static_cast<size_t>(got));
      }
      return got == 0;
    }));
    return reply;
  }
};

TEST_F(ServedAdminTest, AnswersWithStatusTypeAndBody) {
  EXPECT_THAT(Ask("GET", "/healthz"),
              testing::AllOf(testing::StartsWith("HTTP/1.1 200 "), HasSubstr("\r\nContent-Type: text/plain\r\n"),
                             testing::EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(Ask("GET", "/readyz"),
              testing::AllOf(testing::StartsWith("HTTP/1.1 503 "), HasSubstr("pool main has no usable node\n")));
  EXPECT_THAT(Ask("GET", "/metrics"), HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(Ask("GET", "/nosuch", "secret"),
              testing::AllOf(testing::StartsWith("HTTP/1.1 404 "), HasSubstr("\"error\": \"no such page: /nosuch\"")));
}

TEST_F(ServedAdminTest, WantsTheTokenForPagesThatAreNotOpen) {
  for (const char* token : {"", "secre", "secrets", "sEcret"}) {
    EXPECT_THAT(Ask("GET", "/api/v1/pools", token),
                testing::AllOf(testing::StartsWith("HTTP/1.1 401 "), HasSubstr("\r\nWWW-Authenticate: Bearer\r\n")))
        << token;
    EXPECT_THAT(Ask("POST", "/api/v1/nodes/r1/drain", token), testing::StartsWith("HTTP/1.1 401 ")) << token;
  }
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kServe);
  EXPECT_THAT(Ask("GET", "/api/v1/pools", "secret"), testing::StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServedAdminTest, DecodesWhatIsAsked) {
  EXPECT_THAT(Ask("GET", "/api/v1/locate?pool=main&key=a%20b%26+%C3%A9", "secret"),
              HasSubstr("\"key\": \"a b& \xc3\xa9\""));
  EXPECT_THAT(Ask("GET", "/api/v1/locate?key=&pool=main", "secret"), HasSubstr("\"key\": \"\""));
  EXPECT_THAT(Ask("GET", "/api/v1/locate?pool&key=k", "secret"), testing::StartsWith("HTTP/1.1 404 "));
}

TEST_F(ServedAdminTest, CarriesOutAnOrder) {
  EXPECT_THAT(Ask("POST", "/api/v1/nodes/r1/drain", "secret"), testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kEjected);
}

// What a web page may send without the operator's knowing; it knows no token.
TEST_F(ServedAdminTest, ObeysNoPageOfAnotherSiteAndShowsNoneWhatIsNotOpen) {
  const std::string own = "Host: 127.0.0.1:" + std::to_string(admin_.port()) + "\r\n";
  const std::string foreign = own + "Origin: http://evil.example\r\n";
  const std::string order = "/api/v1/nodes/r1/drain";
  EXPECT_THAT(Ask("POST", order, "secret", foreign),
              testing::AllOf(testing::StartsWith("HTTP/1.1 403 "), HasSubstr("Origin is http://evil.example")));
  EXPECT_THAT(Ask("POST", order, "secret", own + "Sec-Fetch-Site: cross-site\r\n"), HasSubstr(" 403 "));
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kServe);
  EXPECT_THAT(Ask("GET", "/api/v1/pools", "secret", foreign), testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Ask("POST", order, "secret", "Host: x\r\nOrigin: http://x\r\n"), testing::StartsWith("HTTP/1.1 200 "));
}

class OpenAdminTest : public ServedAdminTest {
 protected:
  OpenAdminTest() : ServedAdminTest(WithoutToken()) {}
  static conf::Config WithoutToken() {
    conf::Config config = WithToken();
    config.admin.token.clear();
    config.admin.allowed_hosts = {"ringproxy.web"};
    return config;
  }
};

TEST_F(OpenAdminTest, IsAskedByItsOwnNamesAloneButForWhatIsOpen) {
  const std::string rebound = "Host: evil.example:9180\r\nOrigin: http://evil.example:9180\r\n";
  for (const char* method : {"GET", "HEAD", "POST"}) {
    EXPECT_THAT(Ask(method, "/api/v1/nodes", "", rebound), testing::StartsWith("HTTP/1.1 403 ")) << method;
  }
  EXPECT_THAT(Ask("POST", "/api/v1/nodes/r1/drain", "", rebound), HasSubstr("admin.allowed_hosts"));
  EXPECT_THAT(Ask("POST", "/healthz", "", rebound), testing::StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kServe);
  for (const char* page : {"/metrics", "/healthz"}) {
    EXPECT_THAT(Ask("GET", page, "", "Host: pod-7.scrape\r\n"), testing::StartsWith("HTTP/1.1 200 ")) << page;
  }
  EXPECT_THAT(Ask("GET", "/readyz", "", "Host: pod-7.scrape\r\n"), testing::StartsWith("HTTP/1.1 503 "));
  for (const char* host : {"localhost:1", "ringproxy.web", "[::1]:9180"}) {
    const std::string header = "Host: " + std::string(host) + "\r\n";
    EXPECT_THAT(Ask("GET", "/api/v1/nodes", "", header), testing::StartsWith("HTTP/1.1 200 ")) << host;
    EXPECT_THAT(Ask("POST", "/api/v1/nodes/r1/drain", "", header), testing::StartsWith("HTTP/1.1 200 ")) << host;
  }
}

TEST_F(ServedAdminTest, SaysWhyItCannotListen) {
  conf::Config config = WithToken();
  config.admin.listen.port = admin_.port();
  AdminHttp second(NewSnapshot(std::move(config)), nodes_);
  std::string error;
  EXPECT_FALSE(second.Listen(base(), &error));
  EXPECT_EQ(error, std::strerror(EADDRINUSE));
}

}  // namespace
}  // namespace ringproxy::proxy
