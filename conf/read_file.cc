#include "conf/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace ringproxy::conf {

Result<std::string, Problem> ReadFileStart(const std::string& file, size_t most_bytes) {
  // A stream keeps no reason for its failure. What the system call has left in errno is the best there is.
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  // The bound decides and not the file's size, which pipes and devices do not have.
  std::string text(most_bytes, '\0');
  if (stream) stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  const size_t got = static_cast<size_t>(stream.gcount());
  // A directory opens like a file and fails at the first byte.
  if (got == 0 && !stream.eof())
    return Problem{std::string("cannot be read: ") + std::strerror(errno == 0 ? EIO : errno)};
  text.resize(got);
  return text;
}

}  // namespace ringproxy::conf
