// tools/benchmark/trace.cc – see trace.h.
#include "tools/benchmark/trace.h"

#include <algorithm>
#include <string_view>

#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

struct Record {
  uint64_t started_ns;
  uint64_t replied_ns;
  char error[16];
};
// Scripts in Python unpack the records.
static_assert(sizeof(Record) == 32);

}  // namespace

Trace::Trace(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
  if (!file_) Die("the trace " + path);
}

void Trace::Add(uint64_t started_ns, uint64_t now_ns, const std::string* error_text) {
  Record record{started_ns, now_ns, {}};
  if (error_text != nullptr) {
    std::string_view word = *error_text;
    if (word.starts_with('-')) word.remove_prefix(1);
    word = word.substr(0, std::min(word.find_first_of(" \r\n"), sizeof record.error));
    word.copy(record.error, sizeof record.error);
  }
  if (std::fwrite(&record, sizeof record, 1, file_.get()) != 1) Die("the trace");
}

void Trace::Close() {
  if (file_ && std::fclose(file_.release()) != 0) Die("the trace");
}

}  // namespace ringproxy::bench
