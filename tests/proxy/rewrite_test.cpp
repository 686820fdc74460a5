#include "nikawa/proxy/rewrite.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace nikawa::proxy {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Identity identity{"nikawa-1", "X-Chocon-Id"};

http::FieldBlock block(const Fields& fields) {
    http::FieldBlock made;
    for (const auto& [name, value] : fields) made.add(name, value);
    return made;
}

Fields fields_of(const http::FieldBlock& block) {
    Fields fields;
    for (std::size_t i = 0; i < block.size(); ++i) {
        fields.emplace_back(block[i].name, block[i].value);
    }
    return fields;
}

Fields for_origin(const Fields& fields) {
    http::RequestHead head;
    head.method = "GET";
    head.fields = block(fields);
    to_origin(head, "api.example.com", "id1", identity);
    return fields_of(head.fields);
}

TEST(ToOrigin, KeepsOrderCaseAndRepetition) {  // RFC 9110 §5.3
    EXPECT_EQ(for_origin({{"X-B", "1"},
                          {"host", "api.example.com.ccnproxy-https"},
                          {"x-a", "2"},
                          {"X-B", "3"},
                          {"Accept-Encoding", "gzip;q=0.5, br"}}),
              (Fields{{"X-B", "1"},
                      {"host", "api.example.com"},
                      {"x-a", "2"},
                      {"X-B", "3"},
                      {"Accept-Encoding", "gzip;q=0.5, br"},
                      {"X-Chocon-Id", "id1"},
                      {"Via", "1.1 nikawa-1"}}));
}

TEST(ToOrigin, DropsWhatDescribesOneHop) {  // RFC 9110 §7.6.1
    EXPECT_EQ(for_origin({{"Host", "x"},
                          {"Connection", "close, X-Secret"},
                          {"connection", "TE , x-other,,"},
                          {"Keep-Alive", "timeout=5"},
                          {"Proxy-Connection", "keep-alive"},
                          {"TE", "trailers"},
                          {"Transfer-Encoding", "chunked"},
                          {"Upgrade", "h2c"},
                          {"HTTP2-Settings", "AAMAAABk"},
                          {"Expect", "100-continue"},
                          {"Proxy-Authorization", "Basic eDp5"},
                          {"X-Secret", "1"},
                          {"x-OTHER", "1"},
                          {"X-Secret-Not", "stays"},
                          {"Authorization", "stays"}}),
              (Fields{{"Host", "api.example.com"},
                      {"X-Secret-Not", "stays"},
                      {"Authorization", "stays"},
                      {"TE", "trailers"},
                      {"X-Chocon-Id", "id1"},
                      {"Via", "1.1 nikawa-1"}}));
}

TEST(ToOrigin, KeepsOfTeWhatAnyVersionKnows) {  // RFC 9113 §8.2.2
    const auto te_of = [](const char* value) {
        const auto fields = for_origin({{"Host", "x"}, {"te", value}});
        const auto te = std::ranges::find(fields, "TE", &Fields::value_type::first);
        return te == fields.end() ? "" : te->second;
    };
    EXPECT_EQ(te_of("trailers"), "trailers");
    EXPECT_EQ(te_of("deflate;q=0.5, Trailers"), "trailers");
    EXPECT_EQ(te_of("gzip"), "");
}

TEST(ToOrigin, ConnectionCannotTakeAwayWhatTheMessageNeeds) {
    EXPECT_EQ(
        for_origin({{"Host", "x"},
                    {"Connection", "host, content-length, Via, Max-Forwards, transfer-encoding"},
                    {"Content-Length", "5"},
                    {"Max-Forwards", "7"},
                    {"Via", "1.1 before"}}),
        (Fields{{"Host", "api.example.com"},
                {"Content-Length", "5"},
                {"Max-Forwards", "7"},
                {"Via", "1.1 before"},
                {"X-Chocon-Id", "id1"},
                {"Via", "1.1 nikawa-1"}}));
}

TEST(ToOrigin, ConnectionCannotTakeAwayTheRequestId) {
    http::RequestHead head;
    head.fields = block({{"Connection", "x-chocon-id"}, {"X-Chocon-Id", "theirs"}});
    to_origin(head, "o", "theirs", identity);
    EXPECT_EQ(head.fields.find("X-Chocon-Id"), "theirs");
}

TEST(ToOrigin, TakesTheFirst64NamesOfConnectionForNames) {
    std::string names;
    for (int i = 1; i < 64; ++i) names.append("none, ");
    EXPECT_EQ(
        for_origin({{"Connection", names + "x-64th, x-65th"}, {"X-64th", "1"}, {"X-65th", "1"}}),
        (Fields{{"X-65th", "1"},
                {"Host", "api.example.com"},
                {"X-Chocon-Id", "id1"},
                {"Via", "1.1 nikawa-1"}}));
}

TEST(ToOrigin, AddsItsViaAfterOthers) {  // RFC 9110 §7.6.3
    http::RequestHead head;
    head.version = http::Version::http_1_0;
    head.fields = block({{"Host", "x"}, {"Via", "1.1 other"}, {"X-Chocon-Id", "theirs"}});
    to_origin(head, "o", "theirs", identity);
    EXPECT_EQ(fields_of(head.fields),
              (Fields{{"Host", "o"},
                      {"Via", "1.1 other"},
                      {"X-Chocon-Id", "theirs"},
                      {"Via", "1.0 nikawa-1"}}));
}

TEST(ToClient, DropsWhatDescribesOneHopAndAddsOurs) {
    http::ResponseHead head;
    head.status = 200;
    head.version = http::Version::http_2;
    head.fields = block({{"connection", "x-hop"},
                         {"keep-alive", "timeout=5"},
                         {"transfer-encoding", "chunked"},
                         {"x-hop", "1"},
                         {"set-cookie", "a=1"},
                         {"set-cookie", "b=2"},
                         {"x-chocon-id", "echoed"}});
    to_client(head, "id1", identity);
    EXPECT_EQ(fields_of(head.fields),
              (Fields{{"set-cookie", "a=1"},
                      {"set-cookie", "b=2"},
                      {"x-chocon-id", "id1"},
                      {"Via", "2 nikawa-1"}}));
}

TEST(IsLoop, KnowsOurViaAndChoconsField) {
    const struct {
        Fields fields;
        bool expected;
    } rows[] = {
        {{}, false},
        {{{"Via", "1.1 nikawa-1"}}, true},
        {{{"Via", "1.1 a, 2 nikawa-1 (comment)"}}, true},
        {{{"Via", "1.1 a"}, {"via", "HTTP/1.1 nikawa-1"}}, true},
        {{{"Via", "1.1 nikawa-12"}}, false},
        {{{"Via", "nikawa-1"}}, false},
        {{{"Via", ","}}, false},
        {{{"X-Chocon-Ver", "0.12"}}, true},
    };
    for (const auto& row : rows) {
        http::RequestHead head;
        head.fields = block(row.fields);
        SCOPED_TRACE(row.fields.empty() ? "" : row.fields.back().second);
        EXPECT_EQ(is_loop(head, "nikawa-1"), row.expected);
    }
}

TEST(NormalizeTarget, SaysHowTheHostIsToBeRead) {
    using mapping::HostForm;
    const struct {
        const char* method;
        const char* target;
        HostForm expected;
    } rows[] = {
        {"GET", "/http://o.example/", HostForm::host_field},
        {"GET", "//o.example/", HostForm::host_field},
        {"OPTIONS", "*", HostForm::host_field},
        {"GET", "http://o.example/", HostForm::absolute},
        {"GET", "hTTp://o.example:443?https://", HostForm::absolute},
        {"GET", "https://o.example/", HostForm::absolute_https},
        {"GET", "HTTPS://o.example:80", HostForm::absolute_https},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target);
        http::RequestHead head;
        head.method = row.method;
        head.target = row.target;
        const auto form = normalize_target(head);
        ASSERT_TRUE(form);
        EXPECT_EQ(*form, row.expected);
    }
}

TEST(NormalizeTarget, SaysWhatIsWrong) {
    using mapping::HostFault;
    const struct {
        const char* target;
        const char* host;
        HostFault fault;
        const char* shown;  // what Host is then
    } rows[] = {
        {"http://a.example/", "b c", HostFault::odd_byte, "b c"},
        {"http://a b/", "b,c", HostFault::odd_byte, "b,c"},
        {"http://u:p@a.example/", "a", HostFault::userinfo, "u:p@a.example"},
        {"http://a..example/", "a", HostFault::empty_label, "a..example"},
        {"http://a.example:0/", "a", HostFault::port, "a.example:0"},
        {"https://a.example\\@b.example", "a", HostFault::userinfo, "a.example\\@b.example"},
        {"https://[fe80::1%25eth0]", "a", HostFault::ipv6_address, "[fe80::1%25eth0]"},
        {"http:///a", "a", HostFault::empty, ""},
        {"http://https://a.example/", "a", HostFault::url, "https:"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.target);
        http::RequestHead head;
        head.method = "GET";
        head.target = row.target;
        head.fields.add("Host", row.host);
        const auto done = normalize_target(head);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error(), mapping::bad_host(row.fault)) << describe(done.error());
        EXPECT_EQ(head.fields.find("host"), row.shown);
        EXPECT_EQ(head.target, row.target);
    }
}

TEST(NormalizeTarget, LeavesConnectToOthers) {
    http::RequestHead head;
    head.method = "CONNECT";
    head.target = "a.example:443";
    EXPECT_EQ(normalize_target(head).error().code, Errc::tunnel_refused);
}

TEST(NormalizeTarget, FollowsTheTable) {  // RFC 9112 §3.2
    const struct {
        const char* method;
        const char* target;
        const char* expected;  // nullptr: refused
        const char* host;
    } rows[] = {
        {"GET", "/", "/", "given"},
        {"GET", "/a%2Fb//c?d=/e", "/a%2Fb//c?d=/e", "given"},
        {"GET", "/\xc3\xbc", "/\xc3\xbc", "given"},
        {"GET", "/a#b", nullptr, "given"},
        {"GET", "http://user:secret@o.example/", nullptr, "given"},
        {"GET", "http://o.example\\@evil.example/", nullptr, "given"},
        {"GET", "http:///a", nullptr, "given"},
        {"GET", "http://o.example:0/", nullptr, "given"},
        {"GET", "http://o.example:/", "/", "o.example:"},
        {"GET", "https://[2001:db8::1]:?a", "/?a", "[2001:db8::1]:"},
        {"GET", "http://o.example,p.example/", nullptr, "given"},
        {"CONNECT", "/", nullptr, "given"},
        {"CONNECT", "http://o.example/", nullptr, "given"},
        {"GET", "http://o.example/a?b", "/a?b", "o.example"},
        {"GET", "HTTP://o.example:8080?b", "/?b", "o.example:8080"},
        {"GET", "http://o.example", "/", "o.example"},
        {"OPTIONS", "http://o.example", "*", "o.example"},
        {"GET", "https://o.example/a?b", "/a?b", "o.example"},
        {"GET", "https://O.example:8443", "/", "O.example:8443"},
        {"GET", "https://[2001:db8::1]:8443/a", "/a", "[2001:db8::1]:8443"},
        {"GET", "https://user@o.example/", nullptr, "given"},
        {"GET", "https:///a", nullptr, "given"},
        {"GET", "https:/o.example/", nullptr, "given"},
        {"GET", "httpss://o.example/", nullptr, "given"},
        {"GET", "https", nullptr, "given"},
        {"GET", "ws://o.example/", nullptr, "given"},
        {"OPTIONS", "*", "*", "given"},
        {"GET", "*", nullptr, "given"},
        {"GET", "a/b", nullptr, "given"},
        {"GET", "ftp://o.example/", nullptr, "given"},
        {"CONNECT", "o.example:443", nullptr, "given"},
        {"GET", "", nullptr, "given"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{row.method} + " " + row.target);
        http::RequestHead head;
        head.method = row.method;
        head.target = row.target;
        head.fields.add("Host", "given");
        const auto done = normalize_target(head);
        ASSERT_EQ(done.has_value(), row.expected != nullptr);
        if (done) {
            EXPECT_EQ(head.target, row.expected);
            EXPECT_EQ(head.fields.find("host"), row.host);
        }
    }
}

TEST(NormalizeTarget, SaysWhatKindOfTargetIsServed) {
    const struct {
        const char* target;
        const char* words;
    } rows[] = {
        {"ws://o.example/", "its target is neither a path nor an http:// or https:// URL"},
        {"*", "its target is neither a path nor an http:// or https:// URL"},
        {"/a#b", "its target has a fragment: leave out the # and what is behind it"},
        {"http://o.example/#", "its target has a fragment: leave out the # and what is behind it"},
    };
    for (const auto& row : rows) {
        http::RequestHead head;
        head.method = "GET";
        head.target = row.target;
        head.fields.add("Host", "o.example");
        const auto failure = normalize_target(head).error();
        EXPECT_EQ(failure.code, Errc::bad_head) << row.target;
        EXPECT_EQ(failure.cause.message(), row.words) << row.target;
    }
}

}  // namespace
}  // namespace nikawa::proxy
