// proxy/route/script_calls.h – Sees to it that a node has the script that it is asked to run.
//
// Purpose: a client loads a script once and then names it by its SHA-1, as if there were one server; EVAL has loaded it
// on one node only, and a node that was restarted has lost it. So texts are learnt from what EVAL and SCRIPT LOAD were
// answered, and an EVALSHA for a node that is not known to have the text goes out as EVAL, with the same reply. Nothing
// is repaired afterwards: what was sent behind it has already run then. SCRIPT FLUSH makes all workers forget before it
// is answered.
// Threads: its worker's; ScriptPosts are the way to the other workers, whose words are told to On… here.
// Lifetime: the sink and the pool of blocks outlive it. Promise: each ticket that it gives out is answered once, and
// then the one it was given for. Bounds: those of ScriptTexts; as many bytes again on their way for the first time;
// kMostOfExec of one EXEC.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/block_pool.h"
#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/route/routed_request.h"
#include "proxy/route/script_texts.h"

namespace ringproxy::proxy {

// The numbers of sets of pools, by the names of the pools.
using ScriptScopes = std::vector<uint64_t>;

struct LearntScript {
  uint64_t scope;
  std::string sha;
  ScriptText text;
  uint64_t flushes;  // How many the worker had been told of: from before a later one it is no news.
};

// To the other workers. None: there are none.
struct ScriptPosts {
  // Each hears OnLearnt, and this one OnTold(bytes of the text).
  std::function<void(LearntScript)> learnt = {};
  // Each hears OnFlush(scopes, number); then this one OnFlushed(place).
  std::function<void(ScriptScopes scopes, uint32_t place)> flush = {};
  size_t text_bytes = size_t{16} << 20;  // At most so many are kept.
};

// A request that the proxy has made.
struct RewrittenRequest {
  net::Block block;  // Its bytes.
  std::vector<wire::ArgumentSpan> arguments;
  wire::Request request;
};

// EVALSHA and EVALSHA_RO.
inline bool NamesScript(const wire::CommandSpec& spec) {
  return spec.name.starts_with("evalsha");
}

class ScriptCalls final : public backends::ReplySink {
 public:
  // A request as it leaves, and the ticket with which its node is asked.
  struct PreparedCall {
    RoutedRequest routed;
    backends::Ticket ticket;
  };

  // `worker`: whose statistics of the nodes tell how its connections came and went.
  ScriptCalls(backends::ReplySink& sink, net::BlockPool& blocks, uint32_t worker, ScriptPosts posts);
  // The snapshot by which the next requests go.
  void Adopt(const Snapshot& snapshot);

  // EVAL, EVALSHA and the like, for that node. The result refers to `routed` and is valid until the next call.
  PreparedCall Prepare(RoutedRequest& routed, const Origin& origin, NodeId to, backends::Ticket ticket);
  // SCRIPT LOAD, EXISTS and FLUSH; with any other command nothing is done.
  backends::Ticket Follow(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket);
  // SCRIPT FLUSH, also within a transaction.
  backends::Ticket FollowFlush(uint32_t listener, backends::Ticket ticket);
  // An EVALSHA between MULTI and EXEC, with the text in place of its name; none: the text is not known, or not wanted.
  // Valid until the next call.
  using TextWish = std::function<bool(const ScriptText& text)>;
  std::optional<wire::Request> WithText(const wire::CommandSpec& spec, const wire::Request& request, uint32_t listener,
                                        const TextWish& is_wanted);
  // The text of an EVAL between MULTI and EXEC, and the place of its reply in EXEC's array.
  struct ExecText {
    uint32_t place;
    std::string_view text;
  };
  static constexpr size_t kMostOfExec = 64;
  // EXEC of a transaction with these, different ones: those that have run are learnt.
  backends::Ticket FollowExec(std::span<const ExecText> texts, uint32_t listener, backends::Ticket ticket);

  // For tickets of Kind::kScript.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // Of other workers: see ScriptPosts.
  void OnLearnt(const LearntScript& script);
  void OnTold(size_t text_bytes) { untold_bytes_ -= text_bytes; }
  void OnFlush(const ScriptScopes& scopes, uint64_t flushes);
  void OnFlushed(uint32_t place);

  const ScriptTexts& texts() const { return texts_; }
  size_t open() const { return followed_.in_use(); }
  // About once a second: gives idle memory back.
  void Tick() {
    followed_.ShrinkIfUnused();
    rewritten_ = {};
  }

 private:
  struct Scope {
    uint64_t number;
    ScriptScopes touching;  // Of listeners that reach any of its pools, its own among them.
  };
  struct SentText {
    uint32_t place;
    std::string sha;
    ScriptText text;
  };
  struct FollowedScript {
    enum class Form : uint8_t { kCall, kLoad, kExists, kFlush, kExec };
    backends::Ticket ticket = {};
    Form form = Form::kCall;
    bool brings_text = false;
    uint8_t to_come = 0;  // kFlush: the nodes' reply, the workers' word.
    uint32_t node = 0;    // kCall: its place among all marks, at `generation`.
    uint64_t generation = 0;
    uint64_t epoch = 0;
    uint64_t scope = 0;
    size_t text_bytes = 0;  // Of a copy of the text that was made for it.
    std::string sha = {};
    std::string known = {};           // kExists: '1' for each whose text is known.
    ScriptText text = {};             // What is learnt when the reply is no error.
    net::Block reply = {};            // kFlush
    std::vector<SentText> sent = {};  // kExec, by their places.
  };

  PreparedCall PrepareText(RoutedRequest& routed, const backends::Lane& lane, FollowedScript&& call);
  PreparedCall PrepareName(RoutedRequest& routed, const backends::Lane& lane, FollowedScript&& call);
  backends::Ticket FollowLoad(const wire::Request& request, FollowedScript&& load);
  backends::Ticket Open(FollowedScript&& followed);
  // Whether a copy of a text may be made now.
  bool MayCopy(std::string_view text) const;
  void NoteCall(const FollowedScript& call, std::string_view reply);
  void Learn(uint64_t scope, std::string_view sha, const ScriptText& text);
  FollowedScript Take(uint32_t place);
  void FinishFlush(uint32_t place);

  backends::ReplySink& sink_;
  net::BlockPool& blocks_;
  uint32_t worker_;
  ScriptPosts posts_;
  ScriptTexts texts_;
  std::vector<Scope> scopes_;         // By listener.
  std::vector<uint32_t> first_node_;  // By pool, its place among all marks.
  net::PlaceList<FollowedScript> followed_;
  uint64_t epoch_ = 0;          // Counts what makes marks and texts under way void.
  uint64_t flushes_ = 0;        // That the other workers were told of.
  uint32_t own_flushes_ = 0;    // Under way.
  size_t copied_bytes_ = 0;     // Of copies of texts that are under way.
  size_t untold_bytes_ = 0;     // Posted and not told yet.
  RewrittenRequest rewritten_;  // Scratch of one request, as is the next one.
  wire::KeyPositions keys_;
};

}  // namespace ringproxy::proxy
