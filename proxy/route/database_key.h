// proxy/route/database_key.h – A key and its database as one text, for lists that tell keys apart.
//
// Purpose: equal keys of two databases are two keys. One of database 0 is the text itself, which costs nothing; the
// number of another one stands before it, between two NULs. Threads: values. Lifetime: as the key that it is made of.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringproxy::proxy {

class DatabaseKey {
 public:
  DatabaseKey(uint16_t database, std::string_view key) : text_(key) {
    if (database == 0) [[likely]]
      return;
    constexpr std::string_view kMark("\0", 1);
    own_.append(kMark).append(std::to_string(database)).append(kMark).append(key);
    text_ = own_;
  }
  DatabaseKey(const DatabaseKey&) = delete;
  DatabaseKey& operator=(const DatabaseKey&) = delete;

  std::string_view text() const { return text_; }

  struct Parts {
    uint16_t database = 0;
    std::string_view key;
  };
  // What the text was made of. A key of database 0 that looks like another one's is taken for that.
  static Parts Split(std::string_view text) {
    const size_t end = text.starts_with('\0') ? text.find('\0', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return {0, text};
    uint16_t database = 0;
    const char* const stop = text.data() + end;
    const auto [after, error] = std::from_chars(text.data() + 1, stop, database);
    if (error != std::errc() || after != stop || database == 0) return {0, text};
    return {database, text.substr(end + 1)};
  }

 private:
  std::string own_;
  std::string_view text_;
};

}  // namespace ringproxy::proxy
