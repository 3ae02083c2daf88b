// proxy/session/memcache_session.h – A client that speaks memcached's text protocols, classic and meta.
//
// Threads, ownership: as session.h.
#pragma once

#include "backends/wire/memcache_request.h"
#include "proxy/session/session.h"

namespace ringproxy::proxy {

class MemcacheSession final : public Session {
 public:
  using Session::Session;

 private:
  bool ProcessOne() override;
  size_t bytes_needed() const override { return progress_.needed; }
  void RefuseHalfRead() override;
  void AppendFailure(const wire::Failure& failure, std::string* out) const override;
  void AppendRefusal(const wire::CommandSpec& spec, const wire::Request& request, const wire::Failure& failure,
                     bool as_miss, std::string* out) const override;

  void HandleRequest(const wire::MemcacheParser& parser);
  // quit, mn.
  void AnswerLocally(const wire::MemcacheParser& parser);
  void Refuse(const wire::MemcacheParser& parser);
  // The rest of a data block that was refused; true while there is input behind it.
  bool Swallow();
  void CloseBinaryClient();

  wire::MemcacheParser::Progress progress_;
  uint64_t swallow_ = 0;  // Bytes to come that belong to a refused request.
};

}  // namespace ringproxy::proxy
