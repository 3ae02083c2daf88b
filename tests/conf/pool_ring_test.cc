#include "conf/pool_ring.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "conf/address.h"
#include "conf/option_names.h"

namespace ringproxy::conf {
namespace {

using ring::Algorithm;
using ring::HashAlgorithm;

constexpr int kKeys = 10'000;

Node MakeNode(const std::string& address, const std::string& name = "", uint32_t weight = 1) {
  Node node;
  node.address = ParseAddress(address).value();
  node.name = name.empty() ? node.address.ToString() : name;
  node.weight = weight;
  return node;
}

Pool MakePool(Algorithm algorithm, std::vector<Node> nodes, HashAlgorithm hash = HashAlgorithm::kAuto) {
  Pool pool;
  pool.ring.algorithm = algorithm;
  pool.ring.hash = hash;
  pool.nodes = std::move(nodes);
  return pool;
}

std::vector<std::string> Owners(const Pool& pool) {
  const auto ring = MakePoolRing(pool);
  const KeyHasher hash(pool.ring);
  std::vector<std::string> owners;
  for (int i = 0; i < kKeys; ++i) owners.push_back(pool.nodes[ring->Pick(hash("key:" + std::to_string(i)))].name);
  return owners;
}

struct AutoCase {
  Algorithm algorithm;
  HashAlgorithm hash;
  uint32_t virtual_nodes;
};

TEST(PoolRing, TakesForAutoWhatTheAlgorithmIsUsedWith) {
  constexpr AutoCase kCases[] = {
      {Algorithm::kVnode, HashAlgorithm::kXxh3, 1024},
      {Algorithm::kKetama, HashAlgorithm::kMd5, 160},
      {Algorithm::kKetamaUnweighted, HashAlgorithm::kOneAtATime, 100},
      {Algorithm::kTwemproxy, HashAlgorithm::kFnv1a64, 160},
      {Algorithm::kSlots, HashAlgorithm::kCrc16, 1024},
      {Algorithm::kMaglev, HashAlgorithm::kXxh3, 1024},
      {Algorithm::kModula, HashAlgorithm::kXxh3, 1024},
  };
  for (const AutoCase& c : kCases) {
    RingOptions options;
    options.algorithm = c.algorithm;
    EXPECT_EQ(HashOf(options), c.hash);
    EXPECT_EQ(VirtualNodesOf(options), c.virtual_nodes);
    options.hash = HashAlgorithm::kMurmur;
    options.virtual_nodes = 7;
    EXPECT_EQ(HashOf(options), HashAlgorithm::kMurmur);
    EXPECT_EQ(VirtualNodesOf(options), 7U);
  }
}

// A hash of 32 bits has none at the top, where such a ring looks.
TEST(PoolRing, SpreadsTheKeysOfANarrowHashOverEveryRing) {
  for (const Algorithm algorithm : {Algorithm::kVnode, Algorithm::kKetama, Algorithm::kTwemproxy, Algorithm::kMaglev,
                                    Algorithm::kJump, Algorithm::kRendezvous, Algorithm::kModula}) {
    for (const HashAlgorithm hash : {HashAlgorithm::kMd5, HashAlgorithm::kCrc32a, HashAlgorithm::kMurmur}) {
      const auto owners = Owners(MakePool(
          algorithm, {MakeNode("10.0.0.1:1", "a"), MakeNode("10.0.0.2:1", "b"), MakeNode("10.0.0.3:1", "c")}, hash));
      for (const char* name : {"a", "b", "c"}) {
        EXPECT_NEAR(static_cast<double>(std::ranges::count(owners, name)) / kKeys, 1.0 / 3, 0.1);
      }
    }
  }
}

TEST(KeyHasher, MixesANarrowHashOnlyForRingsThatLookAtItsTopBits) {
  const auto hash = [](Algorithm algorithm, HashAlgorithm name) {
    return KeyHasher(MakePool(algorithm, {}, name).ring)("foo");
  };
  const uint64_t crc = ring::Hash(HashAlgorithm::kCrc32a, "foo");
  for (const Algorithm algorithm : {Algorithm::kVnode, Algorithm::kMaglev, Algorithm::kJump, Algorithm::kRendezvous}) {
    EXPECT_EQ(hash(algorithm, HashAlgorithm::kCrc32a), ring::Mix(crc));
    EXPECT_EQ(hash(algorithm, HashAlgorithm::kXxh3), ring::Hash(HashAlgorithm::kXxh3, "foo"));
  }
  for (const Algorithm algorithm : {Algorithm::kKetama, Algorithm::kTwemproxy, Algorithm::kModula, Algorithm::kSlots}) {
    EXPECT_EQ(hash(algorithm, HashAlgorithm::kCrc32a), crc);
  }
}

TEST(KeyHasher, HashesTheTagAlone) {
  RingOptions options;
  const KeyHasher tagged(options);
  EXPECT_EQ(tagged("{user1}:name"), tagged("user1"));
  EXPECT_EQ(tagged.HashedPart("{user1}:name"), "user1");
  options.hash_tag = "";
  const KeyHasher whole(options);
  EXPECT_NE(whole("{user1}:name"), whole("user1"));
}

TEST(KeyHasher, HashesWholeKeysForTheRingsOfProgramsThatDo) {
  for (const EnumName<Algorithm>& row : kNames<Algorithm>) {
    RingOptions options;
    options.algorithm = row.value;
    const bool whole = row.name.starts_with("ketama") || row.name == "twemproxy" || row.name == "modula";
    EXPECT_EQ(KeyHasher(options).HashedPart("{user1}:name"), whole ? "{user1}:name" : "user1") << row.name;
    EXPECT_EQ(HashTagOf(options), whole ? "" : "{}") << row.name;
    options.hash_tag = "{}";
    EXPECT_EQ(KeyHasher(options).HashedPart("{user1}:name"), "user1") << row.name;
  }
}

TEST(KeyHasher, HashesTheTagOfAKeysGroupUnlessItHasOneOfItsOwn) {
  Pool pool = MakePool(Algorithm::kVnode, {});
  pool.groups = {{.set = GroupSet::kBull}, {.pattern = "rq:*", .tag = "rq"}};
  const KeyHasher hasher(pool);
  EXPECT_EQ(hasher.HashedPart("bull:mail:wait"), "mail");
  EXPECT_EQ(hasher.HashedPart("bull:{mail}:wait"), "mail");
  EXPECT_EQ(hasher.HashedPart("{x}bull:mail:wait"), "x");
  EXPECT_EQ(hasher.HashedPart("rq:job:1"), "rq");
  EXPECT_EQ(hasher.HashedPart("rq"), "rq") << "itself";
  EXPECT_EQ(hasher.HashedPart("other:mail:wait"), "other:mail:wait");
  EXPECT_EQ(hasher("bull:mail:wait"), KeyHasher(RingOptions{})("mail"));
  EXPECT_EQ(hasher("other:1"), KeyHasher(RingOptions{})("other:1"));
  pool.ring.unhashed_prefix = "app:";
  EXPECT_EQ(KeyHasher(pool).HashedPart("app:bull:mail:wait"), "mail");
  pool.ring.algorithm = Algorithm::kKetama;
  EXPECT_EQ(KeyHasher(pool).HashedPart("rq:{own}"), "rq") << "no key has a tag of its own there";
}

TEST(KeyHasher, HashesAKeyWithoutThePrefixThatIsNot) {
  RingOptions options;
  options.unhashed_prefix = "app:";
  const KeyHasher hasher(options);
  EXPECT_EQ(hasher.HashedPart("app:user"), "user");
  EXPECT_EQ(hasher.HashedPart("app:app:user"), "app:user");
  EXPECT_EQ(hasher.HashedPart("app"), "app");
  EXPECT_EQ(hasher.HashedPart("other:user"), "other:user");
  EXPECT_EQ(hasher.HashedPart("app:{a}b"), "a");
  EXPECT_EQ(hasher("app:user"), KeyHasher(RingOptions{})("user"));
}

// What the option's own words promise.
TEST(PoolRing, TakesANameThatIsTheAddressForNone) {
  const Node other = MakeNode("10.0.0.2:11212");
  const auto owners = Owners(MakePool(Algorithm::kTwemproxy, {MakeNode("10.0.0.1:11211"), other}));
  EXPECT_EQ(Owners(MakePool(Algorithm::kTwemproxy, {MakeNode("10.0.0.1:11211", "10.0.0.1:11211"), other})), owners);
  auto aliased = Owners(MakePool(Algorithm::kTwemproxy, {MakeNode("10.0.0.1:11211", "alias"), other}));
  std::ranges::replace(aliased, "alias", "10.0.0.1:11211");
  EXPECT_NE(aliased, owners);
}

TEST(PoolRing, CallsANodeByItsRingNameWhereItHasOne) {
  for (const Algorithm algorithm : {Algorithm::kVnode, Algorithm::kKetama, Algorithm::kKetamaUnweighted,
                                    Algorithm::kTwemproxy, Algorithm::kMaglev, Algorithm::kRendezvous}) {
    const auto before = Owners(MakePool(algorithm, {MakeNode("10.0.0.1:11212", "a"), MakeNode("10.0.0.2:11212", "b")}));
    Node moved = MakeNode("10.9.9.9:1", "b");
    const bool by_address = algorithm == Algorithm::kKetama || algorithm == Algorithm::kKetamaUnweighted;
    moved.ring_name = by_address ? "10.0.0.2:11212" : "b";
    EXPECT_EQ(Owners(MakePool(algorithm, {MakeNode("10.0.0.1:11212", "a"), moved})), before);
    moved.ring_name = "c";
    EXPECT_NE(Owners(MakePool(algorithm, {MakeNode("10.0.0.1:11212", "a"), moved})), before);
  }
}

TEST(PoolRing, CallsKetamasNodesByTheirAddressesWhateverTheirNames) {
  auto named =
      Owners(MakePool(Algorithm::kKetama, {MakeNode("10.0.0.1:11211", "a"), MakeNode("unix:/run/b.sock", "b")}));
  std::ranges::replace(named, "a", "10.0.0.1:11211");
  std::ranges::replace(named, "b", "unix:/run/b.sock");
  EXPECT_EQ(named, Owners(MakePool(Algorithm::kKetama, {MakeNode("10.0.0.1:11211"), MakeNode("unix:/run/b.sock")})));
}

TEST(ParseSlots, ReadsRangesAndSingleSlots) {
  const auto ranges = ParseSlots("0-5460,8192,16383");
  ASSERT_TRUE(ranges);
  ASSERT_EQ(ranges->size(), 3U);
  EXPECT_EQ((*ranges)[0].last, 5460);
  EXPECT_EQ((*ranges)[1].first, 8192);
  EXPECT_EQ((*ranges)[1].last, 8192);
  EXPECT_TRUE(ParseSlots("")->empty());
}

TEST(ParseSlots, SaysWhichPartIsNoRange) {
  for (const char* text : {"1-16384", "5-4", "a", "1-", "-1", "1-2-3", " 1", "99999"}) {
    const auto ranges = ParseSlots(text);
    ASSERT_FALSE(ranges) << text;
    EXPECT_EQ(ranges.errors(), "'" + std::string(text) + "' is no range of the slots 0 to 16383");
  }
  EXPECT_EQ(ParseSlots("1,,2").errors(), "'' is no range of the slots 0 to 16383");
}

}  // namespace
}  // namespace ringproxy::conf
