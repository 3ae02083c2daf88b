// tools/benchmark/canned_output.h – Replies of a canned server that wait to be written.
// Purpose: a value is its key followed by filler. Short filler is copied beside the text; long filler is never copied
// by
//   this program, it leaves straight from one block that all replies share, so a queue of 1 MiB replies costs a few
//   bytes.
// Threads: one.
// Lifetime: one for each connection.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

struct iovec;

namespace ringproxy::bench {

class CannedOutput {
 public:
  void Append(std::string_view text);
  void AppendFiller(size_t bytes);

  // Writes as much as the socket takes. Returns false when the peer is gone.
  bool Flush(int fd);
  bool empty() const { return segments_.empty(); }

 private:
  // A run of `bytes` of the text, or of the shared filler.
  struct Segment {
    bool filler;
    size_t bytes;
  };

  void AddSegment(bool filler, size_t bytes);
  size_t Gather(iovec* pieces, size_t capacity) const;
  void Drop(size_t bytes);

  std::string text_;
  size_t text_start_ = 0;
  std::vector<Segment> segments_;
};

}  // namespace ringproxy::bench
