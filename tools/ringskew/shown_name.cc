#include "tools/ringskew/shown_name.h"

#include <algorithm>
#include <cstdint>

namespace ringproxy::ringskew {
namespace {

// The length of the UTF-8 character that `text` begins with, and what it is; 0 if there is none. RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF.
size_t CharacterAt(std::string_view text, uint32_t* character) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  constexpr uint32_t kMask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  *character = first & kMask[size];
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    *character = *character << 6 | (byte & 0x3f);
  }
  const bool surrogate = *character >= 0xd800 && *character <= 0xdfff;
  return *character < kLeast[size] || *character > 0x10ffff || surrogate ? 0 : size;
}

bool IsShown(uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  // Marks, embeddings, overrides and isolates of direction; the line and paragraph separators; marks without width.
  const bool turns = c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
                     (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
  // These two no XML and no HTML may hold.
  return !control && !turns && c != 0xfffe && c != 0xffff;
}

}  // namespace

std::string ShownName(std::string_view text, size_t most) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    uint32_t character = 0;
    const size_t size = CharacterAt(text.substr(at), &character);
    const size_t taken = std::max<size_t>(size, 1);
    if (at + taken > most) return shown + "…";
    if (size > 0 && IsShown(character)) {
      shown += text.substr(at, size);
    } else {
      for (const char c : text.substr(at, taken)) {
        const auto byte = static_cast<unsigned char>(c);
        shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      }
    }
    at += taken;
  }
  return shown;
}

std::string ShownLines(std::string_view text) {
  std::string shown;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    shown += ShownName(text.substr(0, end)) + "\n";
    text.remove_prefix(end + 1);
  }
  return shown + ShownName(text);
}

}  // namespace ringproxy::ringskew
