#include "net/session_cache.hpp"

#include <gtest/gtest.h>

namespace nikawa::net {
namespace {

constexpr std::time_t issued = 1'000'000;

// A session without a hint of the server's how long it may be kept.
SslSessionPtr session(std::time_t at, long lifetime, int version = TLS1_2_VERSION) {
    SslSessionPtr made{SSL_SESSION_new()};
    constexpr unsigned char id[] = {1};
    SSL_SESSION_set1_id(made.get(), id, sizeof id);
    SSL_SESSION_set_protocol_version(made.get(), version);
    SSL_SESSION_set_time(made.get(), at);
    SSL_SESSION_set_timeout(made.get(), lifetime);
    return made;
}

TEST(SessionCache, GivesNothingAfterItsLifetime) {
    struct Row {
        std::time_t now;
        bool given;
    };
    for (const Row& row : {Row{issued, true},
                           Row{issued + 299, true},
                           Row{issued + 300, false},
                           Row{issued - 1, false}}) {  // the clock was set back: who knows
        SCOPED_TRACE(row.now - issued);
        SessionCache cache;
        cache.put("origin.test:443", session(issued, 300));
        EXPECT_EQ(cache.take("origin.test:443", row.now) != nullptr, row.given);
    }
}

TEST(SessionCache, PassesOverTheOnesThatAreTooOld) {
    SessionCache cache;
    cache.put("origin.test:443", session(issued, 300));
    cache.put("origin.test:443", session(issued, 10));
    const auto given = cache.take("origin.test:443", issued + 20);
    ASSERT_TRUE(given);
    EXPECT_EQ(SSL_SESSION_get_timeout(given.get()), 300);
}

// RFC 8446 §4.6.1
TEST(SessionCache, GivesNoTicketOfTls13ThatIsToBeDiscarded) {
    SessionCache cache;
    cache.put("origin.test:443", session(issued, 300, TLS1_3_VERSION));
    EXPECT_FALSE(cache.take("origin.test:443", issued));
}

TEST(SessionCache, ForgetsOneOriginAlone) {
    SessionCache cache;
    cache.put("one.test:443", session(issued, 300));
    cache.put("two.test:443", session(issued, 300));
    cache.forget("one.test:443");
    EXPECT_FALSE(cache.take("one.test:443", issued));
    EXPECT_TRUE(cache.take("two.test:443", issued));
    EXPECT_TRUE(cache.take("two.test:443", issued)) << "TLS 1.2 resumes as often as one likes";
}

}  // namespace
}  // namespace nikawa::net
