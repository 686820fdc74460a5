#include "daemon/pool_journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;
using pool::DialReason;
using testing::ElementsAre;

std::vector<std::string> warnings;
std::vector<std::string> debug_lines;

void warn(std::string_view line) { warnings.emplace_back(line); }
void debug(std::string_view line) { debug_lines.emplace_back(line); }

class PoolJournalTest : public testing::Test {
protected:
    PoolJournalTest() {
        warnings.clear();
        debug_lines.clear();
    }

    const http::Origin api{http::Scheme::https, "api.test", 443};
    const http::Origin typo{http::Scheme::https, "tpyo.test", 8443};
    const net::IpAddress address = *net::IpAddress::parse("192.0.2.1");
    const net::DialFailure unknown{{Errc::resolve_failed, Side::origin}};
    const net::DialFailure refused{{Errc::connect_failed, Side::origin},
                                   net::Endpoint{*net::IpAddress::parse("192.0.2.1"), 443}};
};

TEST_F(PoolJournalTest, TellsWhatBecomesOfConnections) {
    PoolJournal journal{&warn, &debug};
    journal.dialled(
        api, DialReason::peak_exceeded, address, {.resolve = 400us, .connect = 10ms, .tls = 21ms});
    journal.session_ended(api, DialReason::idle_limit, address, 12'300ms, 17);
    journal.dial_failed(api, DialReason::origin_closed, refused, 2ms);
    journal.dial_failed(typo, DialReason::first_use, unknown, 1500us);
    EXPECT_THAT(
        debug_lines,
        ElementsAre("https://api.test: connected to 192.0.2.1 for peak_exceeded; name 0.4 ms, TCP "
                    "10.0 ms, TLS 21.0 ms",
                    "https://api.test: connection to 192.0.2.1 ended for idle_limit after 12.3 s, "
                    "requests: 17",
                    "https://api.test: no connection to 192.0.2.1:443 for origin_closed after 2.0 "
                    "ms: the connection to the origin failed",
                    "https://tpyo.test:8443: no connection for first_use after 1.5 ms: " +
                        describe(unknown)));
    EXPECT_TRUE(warnings.empty());
}

TEST_F(PoolJournalTest, WarnsOnceOfEachOriginThatDoesNotGetWarm) {
    PoolJournal journal{&warn, nullptr};
    journal.warn_of({api, typo});
    journal.dialled(api, DialReason::at_start, address, {});
    for (int i = 0; i < 2; ++i) {
        journal.dial_failed(typo, DialReason::at_start, unknown, 1ms);
        journal.dial_failed(api, DialReason::broken, refused, 1ms);  // which was warm
    }
    EXPECT_THAT(warnings, ElementsAre("warm: https://tpyo.test:8443: " + describe(unknown)));
    EXPECT_TRUE(debug_lines.empty());
}

}  // namespace
}  // namespace nikawa::daemon
