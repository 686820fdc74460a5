#include "nikawa/net/dns_resolver.hpp"

#include <algorithm>
#include <cstdint>

#include "net/fake_dns.hpp"
#include "net/io_test.hpp"

namespace nikawa::net {
namespace {

class DnsResolverTest : public IoTest {
protected:
    Result<Addresses> resolve(const std::string& host, Deadline deadline = Deadline::none()) {
        return await(resolver.resolve(host, deadline));
    }

    std::vector<std::string> addresses_of(const std::string& host) {
        const auto found = resolve(host);
        EXPECT_TRUE(found) << describe(found.error());
        std::vector<std::string> text;
        if (found) {
            for (const IpAddress& address : *found) text.push_back(address.to_string());
        }
        std::sort(text.begin(), text.end());  // the order is the system's, by its routes
        return text;
    }

    // Whether the answer is remembered `later`; looks only, and leaves the loop's clock there.
    bool is_remembered(const std::string& host, Duration later) {
        loop.set_now(loop.now() + later);
        Pending<Result<Addresses>> pending{loop, resolver.resolve(host, Deadline::none())};
        loop.run_turn();
        const bool at_once = pending.is_done();
        run_until([&] { return pending.is_done(); });
        return at_once;
    }

    using Texts = std::vector<std::string>;

    FakeDns dns{event_loop.io()};
    DnsResolver resolver{event_loop,
                         {.servers = {dns.address()}, .query_timeout = 30ms, .tries = 2}};
};

TEST_F(DnsResolverTest, AnswersAddressesWithoutAsking) {
    dns.stay_silent();
    EXPECT_EQ(addresses_of("192.0.2.1"), Texts{"192.0.2.1"});
    EXPECT_EQ(addresses_of("2001:db8::1"), Texts{"2001:db8::1"});
}

TEST_F(DnsResolverTest, ReadsTheHostsFile) {
    const auto addresses = addresses_of("localhost");
    EXPECT_NE(std::find(addresses.begin(), addresses.end(), "127.0.0.1"), addresses.end());
    EXPECT_EQ(dns.queries("localhost"), 0);
    EXPECT_TRUE(is_remembered("localhost", 59s));
}

TEST_F(DnsResolverTest, FindsAddressesOfBothFamilies) {
    dns.add("origin.test", "192.0.2.1", 300);
    dns.add("origin.test", "192.0.2.2", 300);
    dns.add("origin.test", "2001:db8::1", 300);
    EXPECT_EQ(addresses_of("origin.test"), (Texts{"192.0.2.1", "192.0.2.2", "2001:db8::1"}));
}

TEST_F(DnsResolverTest, RemembersAnAnswerForItsLife) {
    struct Row {
        std::uint32_t ttl;
        Duration remembered;
        Duration forgotten;
    };
    const Row rows[] = {{30, 29s, 31s}, {0, 0s, 1100ms}, {100'000, 3599s, 3601s}};
    for (const Row& row : rows) {
        SCOPED_TRACE(row.ttl);
        const auto name = "ttl" + std::to_string(row.ttl) + ".test";
        dns.add(name, "192.0.2.1", row.ttl);
        addresses_of(name);
        EXPECT_TRUE(is_remembered(name, row.remembered));
        EXPECT_FALSE(is_remembered(name, row.forgotten));
        EXPECT_EQ(dns.queries(name), 2);
    }
}

TEST_F(DnsResolverTest, AnAliasLimitsTheLifeOfWhatItLeadsTo) {
    dns.add("target.test", "192.0.2.1", 300);
    dns.add_alias("alias.test", "target.test", 10);
    EXPECT_EQ(addresses_of("alias.test"), Texts{"192.0.2.1"});
    EXPECT_TRUE(is_remembered("alias.test", 9s));
    EXPECT_FALSE(is_remembered("alias.test", 11s));
}

TEST_F(DnsResolverTest, AsksOnceForAllThatWait) {
    dns.add("origin.test", "192.0.2.1", 300);
    Pending<Result<Addresses>> first{loop, resolver.resolve("origin.test", Deadline::none())};
    Pending<Result<Addresses>> second{loop, resolver.resolve("origin.test", Deadline::none())};
    run_until([&] { return first.is_done() && second.is_done(); });
    EXPECT_EQ(*first.take(), *second.take());
    EXPECT_EQ(dns.queries("origin.test"), 1);
}

TEST_F(DnsResolverTest, RemembersShortlyThatANameDoesNotExist) {
    const auto found = resolve("missing.test");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::resolve_failed);
    EXPECT_EQ(found.error().side, Side::origin);
    EXPECT_EQ(found.error().cause.message(), "Domain name not found");
    EXPECT_TRUE(is_remembered("missing.test", 900ms));
    EXPECT_FALSE(is_remembered("missing.test", 1100ms));
}

TEST_F(DnsResolverTest, NeverAppendsASearchDomain) {
    EXPECT_FALSE(resolve("single"));
    EXPECT_EQ(dns.queries("single"), 1);
}

TEST_F(DnsResolverTest, TimesOutWhenNoServerAnswers) {
    dns.stay_silent();
    const auto found = resolve("silent.test");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::resolve_timed_out);
    EXPECT_EQ(dns.queries("silent.test"), 2);
}

TEST_F(DnsResolverTest, OneWaiterGivesUpAtItsDeadlineAndTheOthersWaitOn) {
    dns.stay_silent();
    Pending<Result<Addresses>> patient{loop, resolver.resolve("silent.test", Deadline::none())};
    const auto found = resolve("silent.test", Deadline{std::chrono::steady_clock::now() + 1ms});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error(), (Failure{Errc::resolve_timed_out, Side::origin}));
    EXPECT_FALSE(patient.is_done());
    run_until([&] { return patient.is_done(); });
}

TEST_F(DnsResolverTest, CancelFailsWhoWaitsAndWhoComesLater) {
    dns.stay_silent();
    Pending<Result<Addresses>> waiting{loop, resolver.resolve("silent.test", Deadline::none())};
    settle();
    resolver.cancel();
    settle();
    ASSERT_TRUE(waiting.is_done());
    EXPECT_EQ(waiting.take().error().code, Errc::resolve_failed);
    EXPECT_EQ(resolve("late.test").error().code, Errc::resolve_failed);
}

TEST_F(DnsResolverTest, KeepsALimitedNumberOfNames) {
    for (int i = 0; i < 4096; ++i) resolve(std::to_string(i) + ".test");
    EXPECT_TRUE(is_remembered("4095.test", 0s));
    dns.add("one.more", "192.0.2.1", 300);
    EXPECT_EQ(addresses_of("one.more"), Texts{"192.0.2.1"});
    EXPECT_FALSE(is_remembered("4095.test", 0s));
}

TEST_F(DnsResolverTest, NamesTheServerItCannotUnderstand) {
    try {
        const DnsResolver broken{event_loop, {.servers = {"not an address"}}};
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string{error.what()}.find("not an address"), std::string::npos);
    }
}

}  // namespace
}  // namespace nikawa::net
