#include "backends/wire/base64.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

// RFC 4648, section 10.
TEST(Base64, DecodesTheVectorsOfItsStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"Zg==", "f"},         {"Zm8=", "fo"},
                                                         {"Zm9v", "foo"},       {"Zm9vYg==", "foob"},
                                                         {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}};
  for (const auto& [text, expected] : vectors) {
    std::string out = "old";
    EXPECT_TRUE(DecodeBase64(text, &out));
    EXPECT_EQ(out, expected);
  }
}

TEST(Base64, RefusesWhatIsNotWhole) {
  std::string out;
  for (const char* text : {"", "Z", "Zg", "Zg=", "Zm9v=", "Zm 9", "Zm9-", "=Zg="})
    EXPECT_FALSE(DecodeBase64(text, &out)) << text;
}

}  // namespace
}  // namespace ringproxy::wire
