#include "tests/sim/sim_dialog.h"

#include <algorithm>
#include <utility>

#include "backends/wire/resp_encode.h"
#include "tests/sim/sim_client.h"

namespace ringproxy::sim {
namespace {

std::string EncodeWords(std::initializer_list<std::string_view> words) {
  std::string request;
  wire::AppendArrayHeader(words.size(), &request);
  for (const std::string_view word : words) wire::AppendBulk(word, &request);
  return request;
}

}  // namespace

void SimDialog::Ask(std::initializer_list<std::string_view> words, OnAnswer on_answer) {
  std::string request = EncodeWords(words);
  output_ += request;
  asked_.push_back({std::move(request), std::move(on_answer)});
}

void SimDialog::Say() {
  wire_->Send(std::exchange(output_, {}));
}

void SimDialog::Tell(std::initializer_list<std::string_view> words) {
  wire_->Send(EncodeWords(words));
}

void SimDialog::Later(net::Duration wait, std::function<void()> work) {
  loop_.After(wait, [this, work = std::move(work)] {
    if (!closed_ && !left_early_ && complaint_.empty()) work();
  });
}

void SimDialog::Complain(std::string_view what, std::string_view reply) {
  if (!complaint_.empty()) return;
  complaint_ = std::string("client ").append(std::to_string(number_)).append(": ").append(what);
  complaint_.append(": ").append(reply.substr(0, 120));
}

bool SimDialog::IsFailure(std::string_view reply) {
  static constexpr std::string_view kFailures[] = {"-NODEDOWN ",   "-TIMEOUT ", "-OVERLOADED ", "-LOADING ",
                                                   "-MASTERDOWN ", "-BUSY ",    "-OOM ",        kNoPlaceForFlavour};
  return std::ranges::any_of(kFailures, [&](std::string_view failure) { return reply.starts_with(failure); });
}

void SimDialog::OnBytes(std::string_view bytes) {
  input_ += bytes;
  while (!input_.empty() && complaint_.empty() && !left_early_) {
    const wire::ReplyFramer::FrameStatus status = framer_.Frame(input_);
    if (status == wire::ReplyFramer::FrameStatus::kNeedMore) return;
    if (status == wire::ReplyFramer::FrameStatus::kBad || status == wire::ReplyFramer::FrameStatus::kMixed)
      return Complain("not a reply", input_);
    const std::string frame = input_.substr(0, framer_.size());
    input_.erase(0, frame.size());
    OnFrame(frame);
  }
}

void SimDialog::OnFrame(std::string_view frame) {
  if (TakeUnasked(frame)) return;
  if (asked_.empty()) return Complain("a reply to nothing", frame);
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  asked.on_answer(frame);
}

}  // namespace ringproxy::sim
