// What a codec makes of a stream does not depend on how the stream was cut: every file of the fuzzers' corpora, at
// every byte, at every pair of bytes where it is short, and byte by byte. And the work stays linear however it is cut.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "backends/wire/resp_encode.h"
#include "tests/backends/wire/feed.h"
#include "tests/support/golden.h"

namespace ringproxy::test {
namespace {

constexpr size_t kShort = 48;      // Every pair of cuts.
constexpr size_t kLongest = 4096;  // Every cut.
constexpr wire::Limits kTinyLimits{
    .request_bytes = 100, .bulk_bytes = 40, .key_bytes = 40, .arguments = 6, .inline_bytes = 64};

std::vector<std::string> Corpus(const char* name) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SourceRoot() / "tests/fuzz/corpus" / name)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<std::string> streams;
  for (const std::filesystem::path& file : files) streams.push_back(ReadFile(file));
  return streams;
}

template <typename Codec>
void ExpectSameHoweverCut(const Codec& codec, std::string_view stream) {
  ASSERT_LE(stream.size(), kLongest);
  const std::vector<Frame> whole = Feed(codec, stream, {});
  ASSERT_EQ(Feed(codec, stream, EveryByte(stream.size())), whole) << stream;
  for (size_t first = 1; first < stream.size(); ++first) {
    ASSERT_EQ(Feed(codec, stream, {first}), whole) << stream << " cut at " << first;
    if (stream.size() > kShort) continue;
    for (size_t second = first + 1; second < stream.size(); ++second) {
      ASSERT_EQ(Feed(codec, stream, {first, second}), whole) << stream << " cut at " << first << " and " << second;
    }
  }
}

TEST(SplitPoints, DoNotChangeHowRequestsAreFramed) {
  const std::vector<std::string> corpus = Corpus("resp_request");
  ASSERT_GE(corpus.size(), 50U);
  for (const std::string& stream : corpus) {
    ExpectSameHoweverCut(RequestCodec(wire::Limits{}), stream);
    ExpectSameHoweverCut(RequestCodec(kTinyLimits), stream);
  }
}

TEST(SplitPoints, DoNotChangeHowRepliesAreFramed) {
  const std::vector<std::string> corpus = Corpus("resp_reply");
  ASSERT_GE(corpus.size(), 40U);
  for (const std::string& stream : corpus) ExpectSameHoweverCut(ReplyCodec(), stream);
}

TEST(SplitPoints, DoNotChangeHowMemcacheRequestsAreFramed) {
  const std::vector<std::string> corpus = Corpus("memcache_request");
  ASSERT_GE(corpus.size(), 80U);
  for (const std::string& stream : corpus) {
    ExpectSameHoweverCut(MemcacheRequestCodec(wire::Limits{}), stream);
    ExpectSameHoweverCut(MemcacheRequestCodec(kTinyLimits), stream);
  }
}

TEST(SplitPoints, DoNotChangeHowMemcacheRepliesAreFramed) {
  const std::vector<std::string> corpus = Corpus("memcache_reply");
  ASSERT_GE(corpus.size(), 30U);
  for (const std::string& stream : corpus) ExpectSameHoweverCut(MemcacheReplyCodec(), stream);
}

// A stream whose framed part disappears: reading it again faults. So a codec that returns without a fault has looked
// at every byte a bounded number of times.
class VanishingStream {
 public:
  explicit VanishingStream(std::string_view bytes)
      : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), size_((bytes.size() + page_ - 1) / page_ * page_) {
    void* const memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    data_ = static_cast<char*>(memory);
    std::memcpy(data_, bytes.data(), bytes.size());
  }
  VanishingStream(const VanishingStream&) = delete;
  VanishingStream& operator=(const VanishingStream&) = delete;
  ~VanishingStream() { munmap(data_, size_); }

  std::string_view First(size_t bytes) const { return {data_, bytes}; }

  // Whole pages only, and not the first one: the size in front of a bulk may be read once more when all of it is here.
  void HideFirst(size_t bytes) {
    const size_t whole = bytes / page_ * page_;
    if (whole <= hidden_) return;
    ASSERT_EQ(mprotect(data_ + hidden_, whole - hidden_, PROT_NONE), 0);
    hidden_ = whole;
  }

 private:
  size_t page_;
  size_t size_;
  size_t hidden_ = page_;
  char* data_ = nullptr;
};

// Feeds in small pieces and hides all that lies more than a few bytes back; returns after how many bytes it was framed.
template <typename Step>
size_t FeedVanishing(std::string_view bytes, Step step) {
  constexpr size_t kPiece = 100;
  constexpr size_t kUnfinishedLine = 32;
  VanishingStream stream(bytes);
  for (size_t available = kPiece; available < bytes.size(); available += kPiece) {
    if (step(stream.First(available))) return available;
    stream.HideFirst(available - kUnfinishedLine);
  }
  return step(stream.First(bytes.size())) ? bytes.size() : 0;
}

TEST(SplitPoints, CostARequestOfAMillionArgumentsNoSecondLook) {
  constexpr size_t kArguments = 1'000'000;
  std::string bytes;
  wire::AppendArrayHeader(kArguments, &bytes);
  for (size_t i = 0; i < kArguments; ++i) wire::AppendBulk("x", &bytes);
  wire::RequestParser parser{wire::Limits{}};
  const size_t framed = FeedVanishing(
      bytes, [&](std::string_view seen) { return parser.Parse(seen) == wire::RequestParser::RespStatus::kRequest; });
  EXPECT_EQ(framed, bytes.size());
  EXPECT_EQ(parser.request().size(), kArguments);
}

TEST(SplitPoints, CostALargeBulkNoSecondLook) {
  std::string bytes;
  wire::AppendArrayHeader(1, &bytes);
  wire::AppendBulk(std::string(8 << 20, 'x'), &bytes);
  wire::RequestParser parser{wire::Limits{}};
  const size_t framed = FeedVanishing(
      bytes, [&](std::string_view seen) { return parser.Parse(seen) == wire::RequestParser::RespStatus::kRequest; });
  EXPECT_EQ(framed, bytes.size());
}

TEST(SplitPoints, CostAMultiGetOfAHundredThousandKeysOneSecondLookAtMost) {
  // Its words are found once the line is whole, so only the search for the line's end is held to one look.
  std::string bytes = "get";
  while (bytes.size() < 8 << 20) bytes += " key";
  wire::MemcacheParser parser{wire::Limits{}};
  wire::MemcacheParser::Progress progress;
  const size_t framed = FeedVanishing(bytes, [&](std::string_view seen) {
    // The first page stays: it says that this line may be long.
    return parser.Parse(seen, &progress) != wire::MemcacheParser::MemcacheStatus::kNeedMore;
  });
  EXPECT_EQ(framed, 0U);
  EXPECT_EQ(progress.scanned, bytes.size());
}

TEST(SplitPoints, CostAReplyOfAMillionValuesNoSecondLook) {
  std::string bytes;
  for (size_t i = 0; i < 500'000; ++i) bytes += "VALUE key 0 3\r\nabc\r\n";
  bytes += "END\r\n";
  wire::MemcacheReplyFramer framer;
  const size_t framed = FeedVanishing(
      bytes, [&](std::string_view seen) { return framer.Frame(seen) == wire::ReplyFramer::FrameStatus::kReply; });
  EXPECT_EQ(framed, bytes.size());
}

TEST(SplitPoints, CostAReplyOfAMillionElementsNoSecondLook) {
  std::string bytes;
  wire::AppendArrayHeader(500'000, &bytes);
  for (size_t i = 0; i < 500'000; ++i) bytes += "*1\r\n$-1\r\n";
  wire::RespReplyFramer framer;
  const size_t framed = FeedVanishing(
      bytes, [&](std::string_view seen) { return framer.Frame(seen) == wire::ReplyFramer::FrameStatus::kReply; });
  EXPECT_EQ(framed, bytes.size());
}

TEST(SplitPoints, CostALongStatusLineNoSecondLook) {
  const std::string bytes = "+" + std::string(8 << 20, 'x') + "\r\n";
  wire::RespReplyFramer framer;
  const size_t framed = FeedVanishing(
      bytes, [&](std::string_view seen) { return framer.Frame(seen) == wire::ReplyFramer::FrameStatus::kReply; });
  EXPECT_EQ(framed, bytes.size());
}

}  // namespace
}  // namespace ringproxy::test
