// conf/option_names.h – The words of every choice: each enum's values as the file has them.
//
// Purpose: one fact, one row. A new enum value is its name here; parser, --print-config, conf/reference.md, the JSON
// schema and whoever shows it (NameOf in conf/values) follow.
// Threads: constants.
#pragma once

#include "conf/options.h"

namespace ringproxy::conf {

template <>
inline constexpr EnumName<Protocol> kNames<Protocol>[] = {
    {Protocol::kRedis, "redis"},
    {Protocol::kMemcached, "memcached"},
};

template <>
inline constexpr EnumName<OnPartial> kNames<OnPartial>[] = {{OnPartial::kError, "error"}, {OnPartial::kMiss, "miss"}};

template <>
inline constexpr EnumName<OnGap> kNames<OnGap>[] = {{OnGap::kKeep, "keep"}, {OnGap::kDisconnect, "disconnect"}};

template <>
inline constexpr EnumName<SubscriptionLinks> kNames<SubscriptionLinks>[] = {{SubscriptionLinks::kShared, "shared"},
                                                                            {SubscriptionLinks::kOwn, "own"}};

template <>
inline constexpr EnumName<TransactionScope> kNames<TransactionScope>[] = {
    {TransactionScope::kOneNode, "one_node"},
    {TransactionScope::kPerNode, "per_node"},
};

template <>
inline constexpr EnumName<DataKind> kNames<DataKind>[] = {{DataKind::kStore, "store"}, {DataKind::kCache, "cache"}};

template <>
inline constexpr EnumName<GroupSet> kNames<GroupSet>[] = {
    {GroupSet::kNone, "none"},       {GroupSet::kBullmq, "bullmq"},
    {GroupSet::kBull, "bull"},       {GroupSet::kBeeQueue, "bee_queue"},
    {GroupSet::kLaravel, "laravel"}, {GroupSet::kSidekiq, "sidekiq"},
    {GroupSet::kRq, "rq"},           {GroupSet::kCelery, "celery"},
};

// kGutter has a form of its own, {gutter: POOL}.
template <>
inline constexpr EnumName<DownPolicy> kNames<DownPolicy>[] = {
    {DownPolicy::kError, "error"},
    {DownPolicy::kRehash, "rehash"},
};

template <>
inline constexpr EnumName<CommandAccess> kNames<CommandAccess>[] = {
    {CommandAccess::kRead, "read"}, {CommandAccess::kWrite, "write"}, {CommandAccess::kAdmin, "admin"}};

template <>
inline constexpr EnumName<CommandHandling> kNames<CommandHandling>[] = {
    {CommandHandling::kForward, "forward"},    {CommandHandling::kSplit, "split"},
    {CommandHandling::kAllNodes, "all_nodes"}, {CommandHandling::kAnyNode, "any_node"},
    {CommandHandling::kRefuse, "refuse"},
};

template <>
inline constexpr EnumName<CommandMerge> kNames<CommandMerge>[] = {
    {CommandMerge::kNone, "none"},
    {CommandMerge::kInKeyOrder, "in_key_order"},
    {CommandMerge::kSum, "sum"},
    {CommandMerge::kLeast, "least"},
    {CommandMerge::kAllOk, "all_ok"},
    {CommandMerge::kConcat, "concat"},
    {CommandMerge::kFirst, "first"},
    {CommandMerge::kEveryElementAnd, "every_element_and"},
    {CommandMerge::kAnyNonNil, "any_non_nil"},
};

template <>
inline constexpr EnumName<LogLevel> kNames<LogLevel>[] = {
    {LogLevel::kDebug, "debug"},
    {LogLevel::kInfo, "info"},
    {LogLevel::kWarn, "warn"},
    {LogLevel::kError, "error"},
};

template <>
inline constexpr EnumName<LogFormat> kNames<LogFormat>[] = {{LogFormat::kText, "text"}, {LogFormat::kJson, "json"}};

template <>
inline constexpr EnumName<ring::Algorithm> kNames<ring::Algorithm>[] = {
    {ring::Algorithm::kVnode, "vnode"},
    {ring::Algorithm::kKetama, "ketama"},
    {ring::Algorithm::kKetamaUnweighted, "ketama_unweighted"},
    {ring::Algorithm::kTwemproxy, "twemproxy"},
    {ring::Algorithm::kMaglev, "maglev"},
    {ring::Algorithm::kJump, "jump"},
    {ring::Algorithm::kRendezvous, "rendezvous"},
    {ring::Algorithm::kModula, "modula"},
    {ring::Algorithm::kSlots, "slots"},
};

template <>
inline constexpr EnumName<ring::HashAlgorithm> kNames<ring::HashAlgorithm>[] = {
    {ring::HashAlgorithm::kAuto, "auto"},        {ring::HashAlgorithm::kXxh3, "xxh3"},
    {ring::HashAlgorithm::kXxh64, "xxh64"},      {ring::HashAlgorithm::kMd5, "md5"},
    {ring::HashAlgorithm::kFnv1a64, "fnv1a_64"}, {ring::HashAlgorithm::kFnv1a32, "fnv1a_32"},
    {ring::HashAlgorithm::kFnv164, "fnv1_64"},   {ring::HashAlgorithm::kFnv132, "fnv1_32"},
    {ring::HashAlgorithm::kCrc16, "crc16"},      {ring::HashAlgorithm::kCrc16Xmodem, "crc16_xmodem"},
    {ring::HashAlgorithm::kCrc32, "crc32"},      {ring::HashAlgorithm::kCrc32a, "crc32a"},
    {ring::HashAlgorithm::kMurmur, "murmur"},    {ring::HashAlgorithm::kHsieh, "hsieh"},
    {ring::HashAlgorithm::kJenkins, "jenkins"},  {ring::HashAlgorithm::kOneAtATime, "one_at_a_time"},
};

template <>
inline constexpr EnumName<LimitScope> kNames<LimitScope>[] = {
    {LimitScope::kConnection, "connection"},
    {LimitScope::kLocal, "local"},
    {LimitScope::kGlobal, "global"},
};

template <>
inline constexpr EnumName<LimitAlgorithm> kNames<LimitAlgorithm>[] = {
    {LimitAlgorithm::kTokenBucket, "token_bucket"},
    {LimitAlgorithm::kSlidingWindow, "sliding_window"},
    {LimitAlgorithm::kFixedWindow, "fixed_window"},
    {LimitAlgorithm::kConcurrency, "concurrency"},
};

template <>
inline constexpr EnumName<LimitAction> kNames<LimitAction>[] = {
    {LimitAction::kDeny, "deny"},
    {LimitAction::kDelay, "delay"},
    {LimitAction::kShadow, "shadow"},
};

template <>
inline constexpr EnumName<DenyAs> kNames<DenyAs>[] = {
    {DenyAs::kError, "error"},
    {DenyAs::kMiss, "miss"},
};

template <>
inline constexpr EnumName<LimitCost> kNames<LimitCost>[] = {
    {LimitCost::kRequest, "request"},
    {LimitCost::kCommand, "command"},
};

template <>
inline constexpr EnumName<LimitCheck> kNames<LimitCheck>[] = {
    {LimitCheck::kLease, "lease"},
    {LimitCheck::kExact, "exact"},
};

template <>
inline constexpr EnumName<StoreFailure> kNames<StoreFailure>[] = {
    {StoreFailure::kLocal, "local"},
    {StoreFailure::kOpen, "open"},
    {StoreFailure::kClosed, "closed"},
};

template <>
inline constexpr EnumName<ConcurrencyAlgorithm> kNames<ConcurrencyAlgorithm>[] = {
    {ConcurrencyAlgorithm::kOff, "off"},
    {ConcurrencyAlgorithm::kAimd, "aimd"},
    {ConcurrencyAlgorithm::kGradient, "gradient"},
};

}  // namespace ringproxy::conf
