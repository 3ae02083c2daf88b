#include "proxy/guard/bucket_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <optional>
#include <thread>

namespace ringproxy::proxy {
namespace {

// Both words of a slot as one. The compare-and-swap of 16 bytes is an instruction of x86-64 (-mcx16) and of ARMv8;
// std::atomic would call a library for it, and load by it.
__extension__ typedef unsigned __int128 Both __attribute__((may_alias));

struct alignas(Both) Slot {
  uint64_t key = 0;  // 0: of nobody yet.
  uint64_t word = 0;
};

// The words may belong to two owners; Replace finds that out, and who only reads looks at the key again.
Slot Read(const Slot& slot) {
  const uint64_t key = __atomic_load_n(&slot.key, __ATOMIC_ACQUIRE);
  return {key, __atomic_load_n(&slot.word, __ATOMIC_ACQUIRE)};
}

bool Replace(Slot& slot, const Slot& expected, const Slot& replacement) {
  return __sync_bool_compare_and_swap(reinterpret_cast<Both*>(&slot), std::bit_cast<Both>(expected),
                                      std::bit_cast<Both>(replacement));
}

constexpr size_t kSlots = 7;

}  // namespace

struct alignas(128) BucketSet {
  // Lowest bit: closed. Above it the latest time at which a bucket of this set was forgotten.
  std::atomic<uint64_t> gate{0};
  std::atomic<uint64_t> shared{0};
  std::array<Slot, kSlots> slots;
};
static_assert(sizeof(BucketSet) == 128);

namespace {

int64_t ForgottenAt(uint64_t gate) {
  return static_cast<int64_t>(gate >> 1);
}

// While it exists, its worker alone changes keys of the set.
class Gate {
 public:
  explicit Gate(BucketSet& set) : gate_(set.gate) {
    // Whoever is inside is out in an instant, unless its thread was suspended: then that one shall run.
    constexpr int kSpins = 200;
    for (int tries = 1;; ++tries) {
      inside_ = gate_.load(std::memory_order_relaxed);
      if (!(inside_ & 1) && gate_.compare_exchange_weak(inside_, inside_ | 1, std::memory_order_acquire)) return;
      if (tries % kSpins == 0) std::this_thread::yield();
    }
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { gate_.store(inside_, std::memory_order_release); }

  int64_t forgotten_at() const { return ForgottenAt(inside_); }
  // Requires: `at` >= forgotten_at().
  void Forget(int64_t at) { inside_ = static_cast<uint64_t>(at) << 1; }

 private:
  std::atomic<uint64_t>& gate_;
  uint64_t inside_ = 0;
};

// Changes a bucket that nobody takes from its key. `first`: where it begins, if it was never used.
template <typename Operation>
BucketAnswer ChangeWord(std::atomic<uint64_t>& word, uint64_t first, int64_t now_ns, Operation operation) {
  uint64_t old = word.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t begun = old == 0 ? first : old;
    uint64_t changed = begun;
    const BucketAnswer answer = operation(now_ns, &changed);
    if (changed == begun || word.compare_exchange_weak(old, changed, std::memory_order_relaxed)) return answer;
  }
}

// nullopt: the slot is no longer the key's.
template <typename Operation>
std::optional<BucketAnswer> ChangeSlot(Slot& slot, uint64_t key, int64_t now_ns, Operation operation) {
  for (;;) {
    const Slot old = Read(slot);
    if (old.key != key) return std::nullopt;
    Slot changed = old;
    const BucketAnswer answer = operation(now_ns, &changed.word);
    const bool unchanged = changed.word == old.word;
    if (unchanged ? Read(slot).key == key : Replace(slot, old, changed)) return answer;
  }
}

template <typename Set>
auto Find(Set& set, uint64_t key) -> decltype(set.slots.data()) {
  for (auto& slot : set.slots) {
    if (__atomic_load_n(&slot.key, __ATOMIC_RELAXED) == key) return &slot;
  }
  return nullptr;
}

struct Vacancy {
  Slot* slot = nullptr;  // Null: none.
  Slot was;
};

// The slot whose bucket is full for longest; the words of those never used are the least.
Vacancy FindVacancy(BucketSet& set, const BucketLimit& limit, int64_t now_ns) {
  Vacancy found;
  // What was taken from the shared bucket has to come back before a key of this set may have a bucket of its own.
  const bool counts = limit.algorithm == conf::LimitAlgorithm::kConcurrency;
  if (counts && set.shared.load(std::memory_order_relaxed) > 0) return found;
  for (Slot& slot : set.slots) {
    const Slot was = Read(slot);
    if (found.slot != nullptr && was.word >= found.was.word) continue;
    if (IsFull(limit, now_ns, was.word)) found = {&slot, was};
  }
  return found;
}

// Where a bucket begins in whose place there was `word`.
uint64_t FirstWord(const BucketLimit& limit, int64_t fresh_ns, uint64_t word) {
  if (limit.algorithm != conf::LimitAlgorithm::kTokenBucket || fresh_ns == 0) return word;
  return std::max(word, static_cast<uint64_t>(fresh_ns + limit.tolerance_ns));
}

uint64_t Nonzero(uint64_t key) {
  return key == 0 ? 1 : key;
}

}  // namespace

// Room for seven quarters of `buckets` keys, so that few sets are full when the table holds so many.
BucketTable::BucketTable(size_t buckets) {
  assert(buckets > 0);
  if (buckets == 1) return;
  const size_t sets = std::bit_ceil((buckets + 3) / 4);
  set_bits_ = std::countr_zero(sets);
  sets_ = std::make_unique<BucketSet[]>(sets);
}

BucketTable::~BucketTable() = default;

BucketSet& BucketTable::SetOf(uint64_t key) const {
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
  // In two steps, since a shift by 64 is no shift.
  return sets_[(key * kGolden) >> 1 >> (63 - set_bits_)];
}

template <typename Operation>
BucketAnswer BucketTable::Change(uint64_t key, const BucketLimit& limit, int64_t now_ns, int64_t fresh_ns,
                                 Operation operation) {
  if (!sets_) return ChangeWord(only_, FirstWord(limit, fresh_ns, 0), now_ns, operation);
  BucketSet& set = SetOf(key);
  if (Slot* const slot = Find(set, key)) {
    if (const auto answer = ChangeSlot(*slot, key, now_ns, operation)) return *answer;
  }
  return ChangeUnfound(set, key, limit, now_ns, fresh_ns, operation);
}

template <typename Operation>
BucketAnswer BucketTable::ChangeUnfound(BucketSet& set, uint64_t key, const BucketLimit& limit, int64_t now_ns,
                                        int64_t fresh_ns, Operation operation) {
  Gate gate(set);
  if (Slot* const slot = Find(set, key)) return *ChangeSlot(*slot, key, now_ns, operation);
  // This key's last bucket may have been forgotten by a clock ahead of this one; its time must not come again.
  const int64_t at = std::max(now_ns, gate.forgotten_at());
  for (Vacancy vacancy; (vacancy = FindVacancy(set, limit, at)).slot != nullptr;) {
    const uint64_t begun = FirstWord(limit, fresh_ns, set.shared.load(std::memory_order_relaxed));
    uint64_t word = begun;
    const BucketAnswer answer = operation(at, &word);
    if (word == begun) return answer;                                 // Nothing was charged, so no bucket is needed.
    if (!Replace(*vacancy.slot, vacancy.was, {key, word})) continue;  // Its owner came back: look for another.
    if (vacancy.was.key != 0) gate.Forget(at);
    return answer;
  }
  overflows_.fetch_add(1, std::memory_order_relaxed);
  BucketAnswer answer = ChangeWord(set.shared, FirstWord(limit, fresh_ns, 0), at, operation);
  answer.overflowed = true;
  return answer;
}

BucketAnswer BucketTable::Take(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost,
                               int64_t fresh_ns) {
  return Change(Nonzero(key), limit, now_ns, fresh_ns,
                [&limit, cost](int64_t at, uint64_t* word) { return TakeFrom(limit, at, cost, word); });
}

void BucketTable::Charge(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost) {
  Change(Nonzero(key), limit, now_ns, 0, [&limit, cost](int64_t at, uint64_t* word) {
    ChargeTo(limit, at, cost, word);
    return BucketAnswer{};
  });
}

BucketAnswer BucketTable::Peek(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost,
                               int64_t fresh_ns) const {
  key = Nonzero(key);
  if (!sets_) {
    const uint64_t old = only_.load(std::memory_order_relaxed);
    uint64_t word = old == 0 ? FirstWord(limit, fresh_ns, 0) : old;
    return TakeFrom(limit, now_ns, cost, &word);
  }
  BucketSet& set = SetOf(key);
  if (Slot* const slot = Find(set, key)) {
    const Slot was = Read(*slot);
    uint64_t word = was.word;
    const BucketAnswer answer = TakeFrom(limit, now_ns, cost, &word);
    if (was.key == key && Read(*slot).key == key) return answer;
  }
  const int64_t at = std::max(now_ns, ForgottenAt(set.gate.load(std::memory_order_relaxed)));
  uint64_t word = FirstWord(limit, fresh_ns, set.shared.load(std::memory_order_relaxed));
  BucketAnswer answer = TakeFrom(limit, at, cost, &word);
  answer.overflowed = FindVacancy(set, limit, at).slot == nullptr;
  return answer;
}

void BucketTable::Return(uint64_t key, const BucketLimit& limit, int64_t taken_ns, uint64_t cost, bool overflowed) {
  key = Nonzero(key);
  const auto give_back = [&limit, cost](int64_t at, uint64_t* word) {
    GiveBack(limit, at, cost, word);
    return BucketAnswer{};
  };
  if (!sets_) {
    ChangeWord(only_, 0, taken_ns, give_back);
  } else if (BucketSet& set = SetOf(key); overflowed) {
    ChangeWord(set.shared, 0, taken_ns, give_back);
  } else if (Slot* const slot = Find(set, key)) {
    // Not found, or forgotten meanwhile: then it was full, and there is nothing that it lacks.
    ChangeSlot(*slot, key, taken_ns, give_back);
  }
}

double BucketTable::Used(uint64_t key, const BucketLimit& limit, int64_t now_ns) const {
  if (!sets_) return UsedShare(limit, now_ns, only_.load(std::memory_order_relaxed));
  BucketSet& set = SetOf(Nonzero(key));
  const Slot* const slot = Find(set, Nonzero(key));
  return UsedShare(limit, now_ns, slot != nullptr ? Read(*slot).word : set.shared.load(std::memory_order_relaxed));
}

size_t BucketTable::capacity() const {
  return sets_ ? kSlots << set_bits_ : 1;
}

size_t BucketTable::size() const {
  if (!sets_) return only_.load(std::memory_order_relaxed) != 0 ? 1 : 0;
  size_t used = 0;
  for (size_t i = 0; i < size_t{1} << set_bits_; ++i) {
    for (const Slot& slot : sets_[i].slots) used += Read(slot).key != 0 ? 1 : 0;
  }
  return used;
}

}  // namespace ringproxy::proxy
