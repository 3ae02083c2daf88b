#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {

SharedLimits::SharedLimits(uint32_t workers, uint64_t seed)
    : workers_(workers), seed_(seed), process_id_(std::to_string(seed)) {}

std::shared_ptr<LimitRecord> SharedLimits::RecordOf(const conf::Limit& limit) {
  // Snapshots own the records. Here a record is only found again, for as long as one of them lives.
  std::weak_ptr<LimitRecord>& known = records_[limit.name];
  std::shared_ptr<LimitRecord> record = known.lock();
  if (record && record->Fits(limit)) return record;
  record = std::make_shared<LimitRecord>(limit, workers_);
  known = record;
  return record;
}

void SharedLimits::Compile(Snapshot& snapshot) {
  snapshot.limits =
      std::make_shared<LimitRules>(snapshot, seed_, [this](const conf::Limit& limit) { return RecordOf(limit); });
  // A limit that no snapshot names any more would leave its name here for ever.
  std::erase_if(records_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace ringproxy::proxy
