// tools/benchmark/trace.h – A file with one record for each reply of a run, for what a histogram cannot tell: when.
// Purpose: tools/chaos kills a node in the middle of a run and asks afterwards what became of each request around it.
// Threads: one.
// Promises: records stand in the order of the replies, 32 bytes each in the machine's byte order: scheduled time and
// time of
//   the reply (monotonic nanoseconds, 8 bytes each), then the first word of the error, filled with zeros; none = a
//   value.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace ringproxy::bench {

class Trace {
 public:
  // Ends the program when the file cannot be written.
  explicit Trace(const std::string& path);
  void Add(uint64_t started_ns, uint64_t now_ns, const std::string* error_text);
  // After this everything is in the file.
  void Close();

 private:
  struct CloseFile {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<FILE, CloseFile> file_;
};

}  // namespace ringproxy::bench
