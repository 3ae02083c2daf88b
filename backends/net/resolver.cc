#include "backends/net/resolver.h"

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ringproxy::net {
namespace {

TimePoint Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

using Answer = std::shared_ptr<const ResolvedName>;

}  // namespace

// Of one question. `done` is its loop's alone, and empty once it is called or taken back.
struct Resolver::Asker {
  // Requires: the question is not gone.
  static void Deliver(const std::shared_ptr<Asker>& asker, Answer answer) {
    asker->loop.Post([asker, answer = std::move(answer)] {
      if (const Done done = std::exchange(asker->done, nullptr)) done(*answer);
    });
  }

  Loop& loop;
  Done done;
};

// Of the resolver, its threads and its questions. The mutex guards all but look_up.
struct Resolver::Shared : std::enable_shared_from_this<Shared> {
  Shared(LookUp look_up_by, NameTable::NameTerms terms) : look_up(std::move(look_up_by)), names(terms) {}

  void Work();
  // One more in reserve, if there is none; the lock is held.
  void Reserve();
  void AnswerAll(const std::string& host, const Answer& answer);

  const LookUp look_up;
  std::mutex mutex;
  std::condition_variable work;  // There may be some, or it is over.
  std::condition_variable left;  // A thread has.
  NameTable names;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Asker>>> askers;
  size_t threads = 0;
  size_t idle = 0;
  bool is_over = false;
};

// The loop is not touched after its end.
class Resolver::Question final : public NameQuestion {
 public:
  Question(std::shared_ptr<Shared> shared, std::string host, std::shared_ptr<Asker> asker)
      : shared_(std::move(shared)), host_(std::move(host)), asker_(std::move(asker)) {}
  ~Question() override {
    // The answer may be in the mailbox already, where nobody can take it back.
    asker_->done = nullptr;
    const std::lock_guard lock(shared_->mutex);
    const auto waiting = shared_->askers.find(host_);
    if (waiting != shared_->askers.end()) std::erase(waiting->second, asker_);
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::string host_;
  std::shared_ptr<Asker> asker_;
};

Resolver::Resolver(LookUp look_up, NameTable::NameTerms terms)
    : shared_(std::make_shared<Shared>(std::move(look_up), terms)) {}

Resolver::~Resolver() {
  std::unique_lock lock(shared_->mutex);
  shared_->is_over = true;
  shared_->work.notify_all();
  // Threads that are in a lookup are not waited for: it may hang, and they share what they need.
  shared_->left.wait(lock, [this] { return shared_->threads == shared_->names.under_way(); });
}

std::unique_ptr<NameQuestion> Resolver::Ask(Loop& loop, const std::string& host, Done done) {
  auto asker = std::make_shared<Asker>(Asker{loop, std::move(done)});
  {
    const std::lock_guard lock(shared_->mutex);
    if (Answer answer = shared_->names.Ask(host, Now())) {
      Asker::Deliver(asker, std::move(answer));
    } else {
      shared_->askers[host].push_back(asker);
      shared_->Reserve();
      shared_->work.notify_one();
    }
  }
  return std::make_unique<Question>(shared_, host, std::move(asker));
}

void Resolver::Note(const std::string& host, const SocketAddress& address, bool answers) {
  const std::lock_guard lock(shared_->mutex);
  shared_->names.Note(host, WithPort(address, 0), answers);
}

std::shared_ptr<const ResolvedName> Resolver::Last(const std::string& host) const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->names.Last(host);
}

void Resolver::Shared::Reserve() {
  if (idle > 0) return;
  try {
    // A lookup can hang for half a minute and cannot be stopped, so nobody joins these threads.
    std::thread([self = shared_from_this()] { self->Work(); }).detach();
  } catch (const std::system_error&) {
    // Those at work will do what waits. If there are none, whoever asks next tries again.
    return;
  }
  ++threads;
  ++idle;
}

void Resolver::Shared::AnswerAll(const std::string& host, const Answer& answer) {
  const auto waiting = askers.extract(host);
  if (waiting.empty()) return;
  // The lock is held: a question that ends waits for it, and so its loop is still there.
  for (const auto& asker : waiting.mapped()) Asker::Deliver(asker, answer);
}

void Resolver::Shared::Work() {
  std::unique_lock lock(mutex);
  while (!is_over) {
    const TimePoint now = Now();
    if (const std::optional<NameLookup> lookup = names.Begin(now)) {
      --idle;
      // Another thread waits for work while this one is in its lookup.
      Reserve();
      lock.unlock();
      FoundAddresses found = look_up(*lookup);
      lock.lock();
      if (const Answer answer = names.Finish(*lookup, std::move(found), Now(), std::chrono::system_clock::now())) {
        AnswerAll(lookup->host, answer);
      }
      ++idle;
      continue;
    }
    if (idle > 1) break;  // One is enough to wait for work.
    const std::optional<TimePoint> due = names.NextDue(now);
    due ? static_cast<void>(work.wait_until(lock, *due)) : work.wait(lock);
  }
  --idle;
  --threads;
  left.notify_all();
}

}  // namespace ringproxy::net
