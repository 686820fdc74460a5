#include "nikawa/proxy/own_answer.hpp"

#include <gtest/gtest.h>

#include "nikawa/mapping/host_fault.hpp"
#include "proxy/connect_target.hpp"

namespace nikawa::proxy {
namespace {

TEST(OwnAnswer, EveryFailureHasAStatusAndNoneIsASuccess) {
    for (int code = 0; code <= static_cast<int>(Errc::abandoned); ++code) {
        const auto status = status_of({static_cast<Errc>(code), Side::origin});
        EXPECT_GE(status, 400U);
        EXPECT_LE(status, 508U);
        EXPECT_NE(status, 500U) << name_of(static_cast<Errc>(code));
    }
}

TEST(OwnAnswer, SaysWhatWentWrongAndWhatToDo) {
    const auto answer = own_answer(mapping::bad_host(mapping::HostFault::unmarked),
                                   shown_host("api.example.com"),
                                   "9m4e2mr0ui3e8a215n4g",
                                   "nikawa-1");
    EXPECT_EQ(answer.head.status, 400U);
    EXPECT_TRUE(
        answer.body.starts_with("400 Bad Request: the Host does not name an origin (no marker "
                                "label is behind the name) [Host: api.example.com].\n"))
        << answer.body;
    EXPECT_NE(answer.body.find("api.example.com.ccnproxy-https"), std::string::npos);
    EXPECT_NE(answer.body.find("--https-for and [map]"), std::string::npos);
    EXPECT_NE(answer.body.find("Request ID: 9m4e2mr0ui3e8a215n4g"), std::string::npos);
    EXPECT_EQ(answer.head.fields.find("Content-Length"), std::to_string(answer.body.size()));
    EXPECT_EQ(answer.head.fields.find("Proxy-Status"),
              "nikawa-1; error=http_request_error; details=\"the Host does not name an origin (no "
              "marker label is behind the name)\"");
}

// Whoever reads the reason is not told to do what it says is wrong, or done already.
TEST(OwnAnswer, AdvisesNothingAgainstTheReason) {
    const struct {
        Failure failure;
        std::string_view advice;  // what the second line begins with; empty: there is none
    } rows[] = {
        {mapping::bad_host(mapping::HostFault::unmarked), "Expected the origin's name followed by"},
        {mapping::bad_host(mapping::HostFault::empty), "Expected the origin's name followed by"},
        {mapping::bad_host(mapping::HostFault::port_before_marker), ""},
        {mapping::bad_host(mapping::HostFault::url), ""},
        {refused(TunnelRefusal::port), "Send plain HTTP and name the origin"},
        {refused(TunnelRefusal::switched_off), "Send plain HTTP and name the origin"},
        {refused(TunnelRefusal::marked_host), ""},
        {refused(TunnelRefusal::fixed_origin), "Send plain HTTP: every request goes there."},
        {refused(TunnelRefusal::not_http_1), "Ask for the tunnel over HTTP/1.1."},
        {{Errc::address_denied, Side::client}, "Check the origin's name"},
        {{Errc::bad_head, Side::client}, "Send a valid HTTP/1.1 request."},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(describe(row.failure));
        const auto answer = own_answer(row.failure, "", "", "v");
        const auto second_line = answer.body.substr(answer.body.find('\n') + 1);
        EXPECT_TRUE(second_line.starts_with(row.advice)) << second_line;
        EXPECT_EQ(second_line.empty(), row.advice.empty()) << second_line;
    }
}

TEST(OwnAnswer, SaysWhichMethodsThereAre) {  // RFC 9110 §15.5.6
    const auto answer = own_answer({Errc::bad_method, Side::client}, "", "id", "v");
    EXPECT_EQ(answer.head.status, 405U);
    EXPECT_EQ(answer.head.fields.find("Allow"), "GET, HEAD");
    EXPECT_EQ(answer.head.fields.find("Proxy-Status"),
              "v; error=http_request_error; details=\"statistics are only to be read\"");
}

TEST(ShownHost, IsVisibleAsciiWithoutSecretsAndNotLong) {
    EXPECT_EQ(shown_host("api.example.com.ccnproxy-htps:8080"),
              "Host: api.example.com.ccnproxy-htps:8080");
    EXPECT_EQ(shown_host("me:secret@a.example"), "Host: a.example");
    EXPECT_EQ(shown_host("b\xc3\xbc"
                         "cher.example"),
              "Host: b\\xc3\\xbccher.example");
    EXPECT_EQ(shown_host("a b\t\x7f\\"), "Host: a\\x20b\\x09\\x7f\\x5c");
    EXPECT_EQ(shown_host(std::string(300, 'a')), "Host: " + std::string(300, 'a'));
    EXPECT_EQ(shown_host(std::string(301, 'a')), "Host: " + std::string(300, 'a') + "...");
    EXPECT_EQ(shown_host("me:secret@"), "");
    EXPECT_EQ(shown_host(""), "");
}

TEST(OwnAnswer, NamesTheOriginAndTheCause) {
    using boost::system::errc::connection_refused;
    const auto answer =
        own_answer({Errc::connect_failed, Side::origin, make_error_code(connection_refused)},
                   "https://api.example.com",
                   "id",
                   "nikawa-1");
    EXPECT_EQ(answer.head.status, 502U);
    EXPECT_TRUE(answer.body.starts_with(
        "502 Bad Gateway: the connection to the origin failed (Connection refused) "
        "[https://api.example.com].\n"))
        << answer.body;
    EXPECT_TRUE(answer.head.fields.find("Proxy-Status")
                    ->starts_with("nikawa-1; error=connection_refused; details="));
}

TEST(OwnAnswer, SaysWhatElseIsKnownAndAdvisesByIt) {
    const auto answer = own_answer({Errc::connect_timed_out, Side::origin},
                                   "http://o",
                                   "",
                                   "v",
                                   {.more = "port 80", .advice = "Open the port."});
    EXPECT_EQ(answer.body,
              "504 Gateway Timeout: the origin did not accept a connection in time (port 80) "
              "[http://o].\nOpen the port.\n");
    EXPECT_EQ(answer.head.fields.find("Proxy-Status"),
              "v; error=connection_timeout; details=\"the origin did not accept a connection in "
              "time (port 80)\"");
}

// --ca-file would take the trust in all public origins away.
TEST(OwnAnswer, AdvisesToTrustAnIssuerForItsOriginsAlone) {
    const auto answer = own_answer({Errc::tls_certificate_rejected, Side::origin}, "", "", "v");
    EXPECT_NE(answer.body.find("ca-file in a section [origin ...]"), std::string::npos);
    EXPECT_EQ(answer.body.find("--ca-file"), std::string::npos);
}

TEST(OwnAnswer, TellsAClientThatItMayComeBack) {
    const auto answer = own_answer({Errc::pool_full, Side::self}, "https://o", "id", "v");
    EXPECT_EQ(answer.head.status, 503U);
    EXPECT_EQ(answer.head.fields.find("Retry-After"), "1");
}

TEST(OwnAnswer, SaysSinceWhenAndWhyAnOriginIsOut) {
    using namespace std::chrono_literals;
    struct Row {
        Duration lasting;
        Duration next_attempt_in;
        std::string_view since;
        std::string_view next;
        std::string_view retry_after;
    };
    const Row rows[] = {
        {0ms, 200ms, ": for 0.0 s ", "; the next attempt is in 1 s", "1"},
        {12'345ms, 1001ms, ": for 12.3 s ", "; the next attempt is in 2 s", "2"},
        {99'999ms, 2s, ": for 99.9 s ", "; the next attempt is in 2 s", "2"},
        {2h + 900ms, 0ms, ": for 7200 s ", "; an attempt is under way", "1"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.since);
        const pool::Outage outage{.last = {Errc::tls_failed, Side::origin},
                                  .lasting = row.lasting,
                                  .next_attempt_in = row.next_attempt_in};
        const Failure failure{Errc::origin_failing, Side::origin};
        const auto answer = own_answer(failure, "https://o", "id", "v", {.outage = &outage});
        std::string reason = "no connection to the origin can be made at present";
        reason.append(row.since).append(describe(outage.last));
        reason.append(row.next);
        EXPECT_EQ(reason_of(failure, {.outage = &outage}), reason);
        EXPECT_TRUE(
            answer.body.starts_with("503 Service Unavailable: " + reason + " [https://o].\n"))
            << answer.body;
        EXPECT_EQ(answer.head.fields.find("Retry-After"), row.retry_after);
        EXPECT_EQ(answer.head.fields.find("Proxy-Status"),
                  "v; error=destination_unavailable; details=\"" + reason + "\"");
    }
}

TEST(OwnAnswer, AClientThatStopsReadingIsGone) {
    EXPECT_EQ(status_of({Errc::write_timed_out, Side::client}), 499U);
    EXPECT_EQ(status_of({Errc::write_timed_out, Side::origin}), 504U);
}

}  // namespace
}  // namespace nikawa::proxy
