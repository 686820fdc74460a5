#include "nikawa/net/dns_resolver.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "net/fake_dns.hpp"
#include "net/io_test.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::net {
namespace {

class DnsResolverTest : public IoTest {
protected:
    Result<Addresses> resolve(const std::string& host, Deadline deadline = Deadline::none()) {
        return await(resolver.resolve(host, deadline));
    }

    using Texts = std::vector<std::string>;

    static Texts texts(const Result<Addresses>& found) {
        EXPECT_TRUE(found) << describe(found.error());
        Texts texts;
        if (found) {
            for (const IpAddress& address : *found) texts.push_back(address.to_string());
        }
        std::sort(texts.begin(), texts.end());  // the order is the system's, by its routes
        return texts;
    }

    Texts addresses_of(const std::string& host) { return texts(resolve(host)); }

    using Resolving = Pending<Result<Addresses>>;

    // Asks at a later time by the loop's clock, which is the real one again when the loop runs.
    std::unique_ptr<Resolving> resolve_later(DnsResolver& asked,
                                             const std::string& host,
                                             Duration later) {
        loop.set_now(loop.now() + later);
        auto pending = std::make_unique<Resolving>(loop, asked.resolve(host, Deadline::none()));
        loop.run_turn();
        return pending;
    }

    // Whether the answer is remembered `later`; looks only, and leaves the loop's clock there.
    bool is_remembered(const std::string& host, Duration later) {
        const auto pending = resolve_later(resolver, host, later);
        const bool at_once = pending->is_done();
        run_until([&] { return pending->is_done(); });
        return at_once;
    }

    static IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

    FakeDns dns{event_loop.io()};
    DnsResolver resolver{event_loop,
                         {.servers = {dns.address()}, .query_timeout = 30ms, .tries = 2}};
};

TEST_F(DnsResolverTest, AnswersAddressesWithoutAsking) {
    dns.stay_silent();
    EXPECT_EQ(addresses_of("192.0.2.1"), Texts{"192.0.2.1"});
    EXPECT_EQ(addresses_of("2001:db8::1"), Texts{"2001:db8::1"});
}

TEST_F(DnsResolverTest, KnowsLocalhostItself) {  // RFC 6761 §6.3
    dns.add("localhost", "192.0.2.1", 30);
    dns.add("notlocalhost", "192.0.2.1", 30);
    EXPECT_EQ(addresses_of("localhost"), (Texts{"127.0.0.1", "::1"}));
    EXPECT_EQ(addresses_of("app.localhost"), (Texts{"127.0.0.1", "::1"}));
    EXPECT_TRUE(resolver.keep_fresh("localhost").is_none());
    EXPECT_EQ(dns.queries("localhost"), 0);
    EXPECT_EQ(addresses_of("notlocalhost"), Texts{"192.0.2.1"});
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
    Resolving first{loop, resolver.resolve("origin.test", Deadline::none())};
    Resolving second{loop, resolver.resolve("origin.test", Deadline::none())};
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
    Resolving patient{loop, resolver.resolve("silent.test", Deadline::none())};
    const auto found = resolve("silent.test", Deadline{std::chrono::steady_clock::now() + 1ms});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error(), (Failure{Errc::resolve_timed_out, Side::origin}));
    EXPECT_FALSE(patient.is_done());
    run_until([&] { return patient.is_done(); });
}

TEST_F(DnsResolverTest, CancelFailsWhoWaitsAndWhoComesLater) {
    dns.stay_silent();
    Resolving waiting{loop, resolver.resolve("silent.test", Deadline::none())};
    settle();
    resolver.cancel();
    settle();
    ASSERT_TRUE(waiting.is_done());
    EXPECT_EQ(waiting.take().error().code, Errc::resolve_failed);
    EXPECT_EQ(resolve("late.test").error().code, Errc::resolve_failed);
}

TEST_F(DnsResolverTest, KeepsALimitedNumberOfNames) {
    for (int i = 0; i <= 4096; ++i) dns.add(std::to_string(i) + ".test", "192.0.2.1", 300);
    for (int i = 0; i < 4096; ++i) resolve(std::to_string(i) + ".test");
    EXPECT_TRUE(is_remembered("0.test", 0s));
    EXPECT_EQ(addresses_of("4096.test"), Texts{"192.0.2.1"});
    EXPECT_FALSE(is_remembered("0.test", 0s));
}

TEST_F(DnsResolverTest, NamesThatDoNotExistDriveOutNoneThatDoes) {
    dns.add("origin.test", "192.0.2.1", 300);
    addresses_of("origin.test");
    for (int i = 0; i < 4096; ++i) resolve(std::to_string(i) + ".test");
    EXPECT_TRUE(is_remembered("origin.test", 0s));
}

// RFC 8767. A name has been answered, and by the loop's clock the answer has expired.
class OldAnswerTest : public DnsResolverTest {
protected:
    OldAnswerTest() {
        dns.add("origin.test", "192.0.2.1", 30);
        addresses_of("origin.test");
    }

    std::unique_ptr<Resolving> resolve_once_expired() {
        return resolve_later(resolver, "origin.test", 31s);
    }

    const Texts old{"192.0.2.1"};
};

TEST_F(OldAnswerTest, ServesWhenTheServerFailsAndThenAtOnce) {
    dns.manner = FakeDns::Manner::server_failure;
    const auto first = resolve_once_expired();
    EXPECT_FALSE(first->is_done());
    run_until([&] { return first->is_done(); });
    EXPECT_EQ(texts(first->take()), old);

    const auto second = resolve_once_expired();
    ASSERT_TRUE(second->is_done());
    EXPECT_EQ(texts(second->take()), old);
}

TEST_F(OldAnswerTest, ServesWhenTheNameIsSaidNotToExist) {
    dns.clear();
    const auto pending = resolve_once_expired();
    run_until([&] { return pending->is_done(); });
    EXPECT_EQ(texts(pending->take()), old);
}

TEST_F(OldAnswerTest, ServesAfterHalfASecondOfSilence) {
    dns.stay_silent();
    const auto pending = resolve_once_expired();
    loop.advance_to(loop.now() + 499ms);
    EXPECT_FALSE(pending->is_done());
    loop.advance_to(loop.now() + 1ms);
    ASSERT_TRUE(pending->is_done());
    EXPECT_EQ(texts(pending->take()), old);
}

TEST_F(OldAnswerTest, GivesWayToTheNewOne) {
    dns.clear();
    dns.add("origin.test", "192.0.2.2", 30);
    const auto pending = resolve_once_expired();
    run_until([&] { return pending->is_done(); });
    EXPECT_EQ(texts(pending->take()), Texts{"192.0.2.2"});
}

TEST_F(OldAnswerTest, DoesNotServeWhoIsCancelled) {
    dns.stay_silent();
    const auto pending = resolve_once_expired();
    resolver.cancel();
    settle();
    ASSERT_TRUE(pending->is_done());
    EXPECT_EQ(pending->take().error().code, Errc::resolve_failed);
    EXPECT_TRUE(resolver.keep_fresh("origin.test").is_none());
}

class KeepFreshTest : public DnsResolverTest {};

TEST_F(KeepFreshTest, AsksBeforeTheAnswerExpiresWithoutAnybodyWaiting) {
    dns.add("origin.test", "192.0.2.1", 60);
    EXPECT_EQ(resolver.keep_fresh("origin.test"), Deadline{loop.now() + 500ms});
    run_until([&] { return dns.queries("origin.test") == 1; });
    addresses_of("origin.test");
    const auto due = resolver.keep_fresh("origin.test");
    EXPECT_GT(due, Deadline{loop.now() + 47s});
    EXPECT_LE(due, Deadline{loop.now() + 48s});

    dns.clear();
    dns.add("origin.test", "192.0.2.2", 60);
    loop.set_now(due.at());
    EXPECT_EQ(resolver.keep_fresh("origin.test"), Deadline{due.at() + 500ms});
    run_until([&] { return addresses_of("origin.test") == Texts{"192.0.2.2"}; });
}

TEST_F(KeepFreshTest, DoesNothingForAddresses) {
    EXPECT_TRUE(resolver.keep_fresh("192.0.2.1").is_none());
    EXPECT_FALSE(resolver.has_left("192.0.2.1", ip("192.0.2.1")));
}

TEST_F(KeepFreshTest, NoticesThatAnAddressHasLeft) {
    DnsResolver strict{event_loop, {.servers = {dns.address()}, .grace = 0s}};
    dns.add("origin.test", "192.0.2.1", 30);
    dns.add("origin.test", "192.0.2.2", 30);
    await(strict.resolve("origin.test", Deadline::none()));
    EXPECT_FALSE(strict.has_left("origin.test", ip("192.0.2.1")));

    dns.clear();
    dns.add("origin.test", "192.0.2.2", 30);
    loop.set_now(loop.now() + 25s);
    strict.keep_fresh("origin.test");
    run_until([&] { return strict.has_left("origin.test", ip("192.0.2.1")); });
    EXPECT_FALSE(strict.has_left("origin.test", ip("192.0.2.2")));
    EXPECT_FALSE(strict.has_left("origin.test", ip("192.0.2.3")));
    EXPECT_FALSE(strict.has_left("other.test", ip("192.0.2.1")));
}

class SystemFileTest : public DnsResolverTest {
protected:
    void name_server(const std::string& address) {
        const auto fresh = directory.path() / "fresh";
        std::ofstream{fresh} << "nameserver " << address << '\n';
        std::filesystem::rename(fresh, file);
    }

    test::TemporaryDirectory directory;
    std::string file = directory.path() / "resolv.conf";
    FakeDns other_dns{event_loop.io(), "127.0.0.2", dns.port()};
};

TEST_F(SystemFileTest, AChangeMovesAllQueriesToTheNewServers) {
    name_server("127.0.0.1");
    DnsResolver system{event_loop, {.servers = {}, .system_file = file, .system_port = dns.port()}};
    dns.add("first.test", "192.0.2.1", 30);
    EXPECT_EQ(texts(await(system.resolve("first.test", Deadline::none()))), Texts{"192.0.2.1"});

    dns.stay_silent();
    Resolving on_its_way{loop, system.resolve("second.test", Deadline::none())};
    run_until([&] { return dns.queries("second.test") == 1; });
    name_server("127.0.0.2");
    other_dns.add("second.test", "192.0.2.2", 30);
    other_dns.add("third.test", "192.0.2.3", 30);
    const auto third = resolve_later(system, "third.test", 2s);
    run_until([&] { return on_its_way.is_done() && third->is_done(); });
    EXPECT_EQ(texts(third->take()), Texts{"192.0.2.3"});
    EXPECT_EQ(texts(on_its_way.take()), Texts{"192.0.2.2"});
}

TEST_F(SystemFileTest, ReadsTheHostsFile) {
    name_server("127.0.0.1");
    DnsResolver system{event_loop, {.servers = {}, .system_file = file, .system_port = dns.port()}};
    const auto addresses = texts(await(system.resolve("localhost", Deadline::none())));
    EXPECT_NE(std::find(addresses.begin(), addresses.end(), "127.0.0.1"), addresses.end());
    EXPECT_EQ(dns.queries("localhost"), 0);
    const auto asked_again = resolve_later(system, "localhost", 11s);  // a life of 60 s
    EXPECT_TRUE(asked_again->is_done());
    EXPECT_EQ(system.keep_fresh("localhost"), Deadline{loop.now() + 37s});
    EXPECT_FALSE(system.has_left("localhost", ip("127.0.0.1")));
}

TEST_F(SystemFileTest, GoesOnWhileTheFileIsMissing) {
    name_server("127.0.0.1");
    DnsResolver system{event_loop, {.servers = {}, .system_file = file, .system_port = dns.port()}};
    std::filesystem::remove(file);
    dns.add("origin.test", "192.0.2.1", 30);
    const auto pending = resolve_later(system, "origin.test", 2s);
    run_until([&] { return pending->is_done(); });
    EXPECT_EQ(texts(pending->take()), Texts{"192.0.2.1"});
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
