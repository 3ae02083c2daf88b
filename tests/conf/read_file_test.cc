#include "conf/read_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace ringproxy::conf {
namespace {

class ReadFileTest : public testing::Test {
 protected:
  ~ReadFileTest() override { unlink(file_.c_str()); }
  void Write(const std::string& text) { std::ofstream(file_, std::ios::binary) << text; }
  std::string ErrorOf(const std::string& file) {
    const auto read = ReadFileStart(file, 10);
    return read ? "no error" : read.errors().text;
  }

  const std::string file_ = testing::TempDir() + "ringproxy_read_file_" + std::to_string(getpid());
};

TEST_F(ReadFileTest, GivesAWholeFileOrItsBeginning) {
  const std::string bytes("a\0\r\n\xff", 5);
  Write(bytes);
  EXPECT_EQ(*ReadFileStart(file_, 10), bytes);
  EXPECT_EQ(*ReadFileStart(file_, 5), bytes);
  EXPECT_EQ(*ReadFileStart(file_, 2), bytes.substr(0, 2));
}

TEST_F(ReadFileTest, GivesNothingOfAnEmptyFile) {
  Write("");
  EXPECT_EQ(*ReadFileStart(file_, 10), "");
}

TEST_F(ReadFileTest, EndsThoughTheFileDoesNot) {
  EXPECT_EQ(*ReadFileStart("/dev/zero", 3), std::string(3, '\0'));
}

TEST_F(ReadFileTest, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ErrorOf(file_), "cannot be read: No such file or directory");
  EXPECT_EQ(ErrorOf(testing::TempDir()), "cannot be read: Is a directory");
}

}  // namespace
}  // namespace ringproxy::conf
