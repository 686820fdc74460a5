#include "nikawa/http/head.hpp"

#include <gtest/gtest.h>

namespace nikawa::http {
namespace {

TEST(ReasonPhrase, IsTheRegisteredOneOrEmpty) {
    EXPECT_EQ(reason_phrase(100), "Continue");
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(413), "Content Too Large");
    EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
    EXPECT_EQ(reason_phrase(508), "Loop Detected");
    EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
    for (const unsigned unknown : {0U, 99U, 104U, 299U, 306U, 418U, 499U, 512U, 999U}) {
        EXPECT_EQ(reason_phrase(unknown), "") << unknown;
    }
}

}  // namespace
}  // namespace nikawa::http
