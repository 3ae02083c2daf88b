// tests/sim/mutants/planted_fault.h – Which of the faults planted in the copies of the proxy's sources is at work.
#pragma once

#include <cstdint>

namespace ringproxy::sim {

enum class PlantedFault : uint8_t {
  kNone,
  kWrongSlot,
  kReplyTwice,
  kMissedDiscard,
  kLimitedRequestDropped,
  kRetriedReadDropped,
  kPushTaken,
  kRequestBeforeGreeting,
  kBatchShort,
  kOutcomeDenied,
  kExecSplit,
  kSubscriptionNotRenewed,
  kWaitNotEnded,
  kScanSkipsNode,
};

inline PlantedFault planted_fault = PlantedFault::kNone;

inline bool IsPlanted(PlantedFault fault) {
  return planted_fault == fault;
}

}  // namespace ringproxy::sim
