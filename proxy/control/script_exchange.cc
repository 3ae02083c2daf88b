#include "proxy/control/script_exchange.h"

#include <memory>
#include <utility>

namespace ringproxy::proxy {

ScriptExchange::ScriptExchange(uint32_t workers, PostToWorker to_worker, PostHere here)
    : workers_(workers), to_worker_(std::move(to_worker)), here_(std::move(here)) {}

ScriptPosts ScriptExchange::For(uint32_t worker) {
  return {.learnt =
              [this, worker](LearntScript script) {
                here_([this, worker, script = std::move(script)] { OnLearnt(worker, script); });
              },
          .flush =
              [this, worker](ScriptScopes scopes, uint32_t place) {
                here_([this, worker, scopes = std::move(scopes), place] { OnFlush(worker, scopes, place); });
              },
          // A text that several workers have counts in each of them.
          .text_bytes = kTextBytes / workers_};
}

void ScriptExchange::OnLearnt(uint32_t by, const LearntScript& script) {
  const bool is_news = script.flushes == flushes_;
  for (uint32_t worker = 0; is_news && worker < workers_; ++worker) {
    if (worker != by) to_worker_(worker, [script](ScriptCalls& scripts) { scripts.OnLearnt(script); });
  }
  to_worker_(by, [bytes = script.text->size()](ScriptCalls& scripts) { scripts.OnTold(bytes); });
}

void ScriptExchange::OnFlush(uint32_t by, const ScriptScopes& scopes, uint32_t place) {
  ++flushes_;
  const auto left = std::make_shared<uint32_t>(workers_);  // Counted on the control loop.
  for (uint32_t worker = 0; worker < workers_; ++worker) {
    to_worker_(worker, [this, scopes, flushes = flushes_, left, by, place](ScriptCalls& scripts) {
      scripts.OnFlush(scopes, flushes);
      here_([this, left, by, place] {
        if (--*left == 0) to_worker_(by, [place](ScriptCalls& asker) { asker.OnFlushed(place); });
      });
    });
  }
}

}  // namespace ringproxy::proxy
