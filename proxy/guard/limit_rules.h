// proxy/guard/limit_rules.h – The configured limits, compiled: which buckets a request has to pass, and at which cost.
//
// Purpose: turns a request into charges, one for each bucket, in the order in which they are asked: those of the
// client's connection, those of the process, those of the fleet. Knows what a bucket is called, not what is in it.
// Threads: immutable once made; any number of threads may call at once. Ownership: the snapshot's of which it is made,
// to which it does not refer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "conf/limit_words.h"
#include "proxy/guard/limit_algorithm.h"
#include "proxy/guard/quota_lease.h"
#include "proxy/guard/request_match.h"

namespace ringproxy::proxy {

// What a bucket of a limit allows: the limit's own, or an override's.
struct LimitTerms {
  BucketLimit bucket;
  LeasePolicy lease;  // Of a global limit.
};

class LimitRecord;

struct LimitRule {
  uint32_t index;           // In LimitRules::rules().
  const conf::Limit* conf;  // The rules' own copy.
  std::shared_ptr<LimitRecord> record;
  conf::LimitPer per;
  LimitTerms terms;
  std::unordered_map<uint64_t, LimitTerms> overrides;  // By the hash of their value.
  bool by_key;                                         // Each key of a request is looked at.
  bool settles_later;                                  // Its requests are followed until their replies.
  bool is_shadow;                                      // It only counts.
  bool is_global;                                      // Its buckets are the fleet's.
  bool is_exact;                                       // Each of its requests asks the store.
};

// Whose tokens a charge has taken.
enum class Source : uint8_t {
  kNone,      // Not asked yet.
  kShadow,    // Nobody's: a limit that only counts has refused.
  kFree,      // Nobody's that could be given back: the store's own, or it fails open.
  kTable,     // The process's bucket.
  kFallback,  // The process's bucket, for its share while the store fails.
  kLease,
  kLater,  // Of a request that is held: a place is taken when it goes.
};

// One bucket that a request has to pass.
struct Charge {
  const LimitRule* rule = nullptr;
  const LimitTerms* terms = nullptr;
  uint64_t bucket = 0;  // Which one of the rule: a hash of the values of `per`, another in each process.
  uint64_t cost = 0;
  std::string_view key;  // The first key that led there; empty if keys do not count.
  // What became of it; the limiter writes it.
  Source taken = Source::kNone;
  uint32_t proxies = 1;  // That shared the limit when Source::kFallback was taken.
  int64_t taken_ns = 0;
  bool is_in_shared_bucket = false;  // Of the process's table: see BucketTable.
  bool is_near_limit = false;
};

class LimitRules {
 public:
  // Finds or makes what the process knows of a limit.
  using Records = std::function<std::shared_ptr<LimitRecord>(const conf::Limit& limit)>;
  // `seed` makes the hashes unpredictable, so that nobody can invent keys that share a bucket.
  LimitRules(const Snapshot& snapshot, uint64_t seed, const Records& records = {});
  LimitRules(const LimitRules&) = delete;
  LimitRules& operator=(const LimitRules&) = delete;

  std::span<const LimitRule> rules() const { return rules_; }

  // False for most requests, and then no limit concerns them.
  bool MayConcern(uint32_t listener, uint32_t command) const {
    return !rules_.empty() && !rule_index_.Candidates(listener, command).empty();
  }
  // Appends a charge for each bucket. `scratch` is kept by the caller for its capacity.
  void Match(const LimitedRequest& asked, wire::KeyPositions* scratch, std::vector<Charge>* charges) const;
  // Of requests that go together: one charge for each bucket, of what they cost in all.
  static void Unite(std::vector<Charge>* charges);
  // The values that lead to the charge's bucket, as text: "10.0.0.7,cart:", in database 3 "10.0.0.7,db3:cart:".
  std::string ValueOf(const Charge& charge, const ClientIdentity& client) const;

  // Why a limit does not concern a request: the first of its conditions that does not hold; empty: it does.
  std::string_view WhyNot(uint32_t rule, const LimitedRequest& asked) const;
  // The one bucket of a limit without `per`.
  uint64_t OnlyBucket() const { return seed_; }

  bool has_priorities() const { return !priorities_.empty(); }
  bool HasPriority(const LimitedRequest& asked, wire::KeyPositions* scratch) const;

 private:
  void AddByKey(const LimitRule& rule, const LimitedRequest& asked, wire::KeyPositions* scratch,
                std::vector<Charge>* charges) const;
  void AddOne(const LimitRule& rule, const LimitedRequest& asked, size_t keys, std::string_view key,
              std::vector<Charge>* charges) const;
  // Charges of one bucket become one. `first`: where those of the rule begin.
  void Merge(size_t first, const LimitedRequest& asked, std::vector<Charge>* charges) const;
  uint64_t CostOf(const LimitRule& rule, const LimitedRequest& asked, size_t keys) const;
  uint64_t ValueHash(const LimitRule& rule, const ClientIdentity& client, std::string_view key) const;
  uint64_t OverrideHash(const LimitRule& rule, std::string_view value) const;
  void AddOverrides(LimitRule* rule) const;

  uint64_t seed_;
  std::vector<conf::Limit> limits_;  // As they stand in the file.
  std::vector<LimitRule> rules_;
  std::vector<RequestMatch> matches_;  // As rules_.
  MatchIndex rule_index_;
  std::vector<RequestMatch> priorities_;
  MatchIndex priority_index_;
};

}  // namespace ringproxy::proxy
