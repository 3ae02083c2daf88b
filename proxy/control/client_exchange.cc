#include "proxy/control/client_exchange.h"

#include <memory>
#include <utility>

namespace ringproxy::proxy {

ClientExchange::ClientExchange(uint32_t workers, PostToWorker to_worker, PostHere here)
    : workers_(workers), to_worker_(std::move(to_worker)), here_(std::move(here)) {}

ClientPosts ClientExchange::For(uint32_t worker) {
  return {.ask =
              [this, worker](SharedQuestion question, uint64_t number) {
                here_([this, worker, question = std::move(question), number] { OnQuestion(worker, question, number); });
              },
          .workers = workers_};
}

void ClientExchange::OnQuestion(uint32_t by, const SharedQuestion& question, uint64_t number) {
  for (uint32_t worker = 0; worker < workers_; ++worker) {
    to_worker_(worker, [this, by, question, number](ClientDesk& desk) {
      const auto answer =
          std::make_shared<ClientAnswer>(desk.Answer(*question));  // std::function wants to be copyable.
      here_([this, by, answer, number] {
        to_worker_(by, [answer, number](ClientDesk& asker) { asker.OnAnswer(number, std::move(*answer)); });
      });
    });
  }
}

}  // namespace ringproxy::proxy
