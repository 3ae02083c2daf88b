#include "conf/key_groups.h"

#include <gtest/gtest.h>

#include <map>

namespace ringproxy::conf {
namespace {

std::string TagOf(const std::vector<KeyGroup>& groups, std::string_view key) {
  return std::string(KeyGroups(groups).TagOf(key));
}
std::string TagOf(const std::string& pattern, std::string_view key) {
  return TagOf({{.pattern = pattern, .tag = pattern.find("{*}") == std::string::npos ? "tag" : ""}}, key);
}

TEST(KeyGroups, TakeForTheTagWhatTheBracesStandFor) {
  EXPECT_EQ(TagOf("bull:{*}:*", "bull:mail:wait"), "mail");
  EXPECT_EQ(TagOf("bull:{*}:*", "bull:mail:"), "mail");
  EXPECT_EQ(TagOf("bull:{*}:*", "bull:mail"), "");
  EXPECT_EQ(TagOf("bull:{*}:*", "bul:mail:wait"), "");
  EXPECT_EQ(TagOf("bull:{*}:*", "xbull:mail:wait"), "");
  EXPECT_EQ(TagOf("queues:{*}", "queues:default"), "default");
  EXPECT_EQ(TagOf("queues:{*}:notify", "queues:default:notify"), "default");
  EXPECT_EQ(TagOf("queues:{*}:notify", "queues:default:notify:x"), "");
  EXPECT_EQ(TagOf("{*}:x", "a:b:x"), "a:b");
  EXPECT_EQ(TagOf("*.{*}.*", "a.b.c.d"), "b");
  EXPECT_EQ(TagOf("*:{*}", "a:b:c"), "b:c");
}

TEST(KeyGroups, TakeTheShortestTextThatLetsTheRestFitAndTheLastStarAllThatIsLeft) {
  EXPECT_EQ(TagOf("a:{*}:*", "a:b:c:d"), "b");
  EXPECT_EQ(TagOf("a:{*}:*:z", "a:b:c:d:z"), "b");
  EXPECT_EQ(TagOf("a:*:{*}:z", "a:b:c:d:z"), "c:d");
  EXPECT_EQ(TagOf("a:{*}:z", "a:z"), "") << "the colon is not there twice";
  EXPECT_EQ(TagOf("ab*ba", "aba"), "");
  EXPECT_EQ(TagOf("ab*ba", "abba"), "tag");
}

TEST(KeyGroups, FitNothingWhereTheTagWouldBeEmpty) {
  EXPECT_EQ(TagOf("bull:{*}:*", "bull::wait"), "");
  EXPECT_EQ(TagOf("queues:{*}", "queues:"), "");
  EXPECT_EQ(TagOf({{.pattern = "q:{*}:*"}, {.pattern = "q*", .tag = "rest"}}, "q::x"), "rest");
}

TEST(KeyGroups, TakeTheFirstThatFits) {
  const std::vector<KeyGroup> groups = {{.pattern = "a:b:*", .tag = "1"},
                                        {.pattern = "a:*", .tag = "2"},
                                        {.pattern = "a:b:c", .tag = "3"},
                                        {.pattern = "exact", .tag = "4"}};
  EXPECT_EQ(TagOf(groups, "a:b:c"), "1");
  EXPECT_EQ(TagOf(groups, "a:c"), "2");
  EXPECT_EQ(TagOf(groups, "exact"), "4");
  EXPECT_EQ(TagOf(groups, "exactly"), "");
  EXPECT_EQ(TagOf(groups, ""), "");
}

TEST(KeyGroups, HoldAnyBytes) {
  const std::string zeros("q\0:x\0y:z", 8);
  EXPECT_EQ(TagOf({{.pattern = std::string("q\0:{*}:*", 8)}}, zeros), std::string("x\0y", 3));
}

// What each framework sends in one script, transaction or blocking command has to have one tag.
struct ReadySample {
  GroupSet set;
  std::map<std::string, std::vector<std::string>> keys_by_tag;
  std::vector<std::string> strangers;
};

TEST(KeyGroups, KnowTheNamesOfFrameworks) {
  const std::vector<std::string> queue = {"wait", "active", "id", "meta", "events", "marker", "delayed", "1", "1:logs"};
  std::vector<std::string> bull, bee;
  for (const std::string& end : queue) bull.push_back("bull:mail:" + end);
  for (const char* end : {"jobs", "waiting", "active", "delayed", "stalling", "events"})
    bee.push_back("bq:x:" + std::string(end));
  const std::vector<ReadySample> kSamples = {
      {GroupSet::kBullmq, {{"mail", bull}, {"a", {"bull:a:wait"}}}, {"bull:mail", "bq:x:jobs", "bullet:a:b"}},
      {GroupSet::kBull, {{"mail", bull}}, {"bull"}},
      {GroupSet::kBeeQueue, {{"x", bee}}, {"bq:x", "bull:x:jobs"}},
      {GroupSet::kLaravel,
       {{"default",
         {"queues:default", "queues:default:notify", "queues:default:reserved", "queues:default:delayed",
          "laravel_database_queues:default", "my_shop_database_queues:default:notify",
          "laravel-database-queues:default:reserved", "laravel-database-queues:default:delayed"}},
        {"high:mail", {"queues:high:mail", "queues:high:mail:notify"}}},
       {"laravel_cache_x", "queues", "myqueues:default"}},
      {GroupSet::kSidekiq,
       {{"sidekiq",
         {"queues", "queue:default", "retry", "schedule", "dead", "processes", "stat:processed",
          "stat:failed:2026-11-30", "web-1.example:4711:0123456789ab", "web-1.example:4711:0123456789ab:work",
          "web-1.example:4711:0123456789ab:workers", "web-1.example:4711:0123456789ab-signals"}}},
       {"queue", "retry:x", "user:17:profile", "web:4711:0123456789aX", "web:x4711:0123456789ab", "a:1:", "::", ":",
        "web::0123456789ab", "4711:0123456789ab"}},
      {GroupSet::kRq, {{"rq", {"rq:queues", "rq:queue:default", "rq:job:1", "rq:workers", "rq:wip:default"}}}, {"rq"}},
      {GroupSet::kCelery,
       {{"celery",
         {"celery",
          "celery\x06\x16"
          "3",
          "unacked", "unacked_index", "unacked_mutex", "_kombu.binding.celery", "_kombu.binding.celery.pidbox",
          "celeryev.77aa1000-668d-4612-ba8a-81c7e2e326f43", "worker@host.celery.pidbox", "0c6a.reply.celery.pidbox",
          "0c6a.reply.celery.pidbox\x06\x16"
          "9"}},
        {"17",
         {"celery-taskset-meta-17", "celery-taskset-meta-17.j", "celery-taskset-meta-17.t",
          "celery-taskset-meta-17.s"}}},
       {"celery-task-meta-1", "celery2", "images"}},
  };
  for (const ReadySample& sample : kSamples) {
    const KeyGroups groups({{.set = sample.set}});
    for (const auto& [tag, keys] : sample.keys_by_tag) {
      for (const std::string& key : keys) EXPECT_EQ(groups.TagOf(key), tag) << key;
    }
    for (const std::string& key : sample.strangers) EXPECT_EQ(groups.TagOf(key), "") << key;
  }
}

TEST(WhyNoGroup, NamesWhatIsWrong) {
  EXPECT_FALSE(WhyNoGroup({.set = GroupSet::kRq}));
  EXPECT_FALSE(WhyNoGroup({.pattern = "a{*}b*c"}));
  EXPECT_FALSE(WhyNoGroup({.pattern = "a", .tag = "x"}));
  for (const KeyGroup& bad :
       {KeyGroup{}, KeyGroup{.tag = "a"}, KeyGroup{.set = GroupSet::kRq, .pattern = "a:{*}"}, KeyGroup{.pattern = "a*"},
        KeyGroup{.pattern = "{*}"}, KeyGroup{.pattern = "a{*}", .tag = "x"}, KeyGroup{.pattern = "a{x}"},
        KeyGroup{.pattern = "a{*}{*}"}, KeyGroup{.pattern = "a**", .tag = "x"}, KeyGroup{.pattern = "a*{*}"}}) {
    EXPECT_TRUE(WhyNoGroup(bad)) << bad.pattern;
  }
}

}  // namespace
}  // namespace ringproxy::conf
