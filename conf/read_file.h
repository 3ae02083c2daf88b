// conf/read_file.h – The beginning of a file that may be endless, missing, a directory or a pipe.
// Threads: no state.
#pragma once

#include <cstddef>
#include <string>

#include "conf/result.h"

namespace ringproxy::conf {

// At most the first `most_bytes`, or why there are none: "cannot be read: No such file or directory".
Result<std::string, Problem> ReadFileStart(const std::string& file, size_t most_bytes);

}  // namespace ringproxy::conf
