#include "nikawa/http/field_block.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace nikawa::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::pair<std::string, std::string>> lines(const FieldBlock& fields) {
    std::vector<std::pair<std::string, std::string>> all;
    for (std::size_t i = 0; i < fields.size(); ++i)
        all.emplace_back(fields[i].name, fields[i].value);
    return all;
}

TEST(FieldId, IsFoundInAnyLetterCase) {
    const std::pair<std::string_view, FieldId> rows[] = {
        {"Alt-Svc", FieldId::alt_svc},
        {"Connection", FieldId::connection},
        {"Content-Length", FieldId::content_length},
        {"Cookie", FieldId::cookie},
        {"Date", FieldId::date},
        {"Expect", FieldId::expect},
        {"Host", FieldId::host},
        {"HTTP2-Settings", FieldId::http2_settings},
        {"Keep-Alive", FieldId::keep_alive},
        {"Max-Forwards", FieldId::max_forwards},
        {"Proxy-Authenticate", FieldId::proxy_authenticate},
        {"Proxy-Authorization", FieldId::proxy_authorization},
        {"Proxy-Connection", FieldId::proxy_connection},
        {"Proxy-Status", FieldId::proxy_status},
        {"TE", FieldId::te},
        {"traceparent", FieldId::traceparent},
        {"Trailer", FieldId::trailer},
        {"Transfer-Encoding", FieldId::transfer_encoding},
        {"Upgrade", FieldId::upgrade},
        {"User-Agent", FieldId::user_agent},
        {"Via", FieldId::via},
        {"X-Chocon-Ver", FieldId::x_chocon_ver},
        {"", FieldId::other},
        {"X", FieldId::other},
        {"Hos", FieldId::other},
        {"Hosts", FieldId::other},
        {"Hosu", FieldId::other},
        {"Alt_Svc", FieldId::other},
        {"Alt\rSvc", FieldId::other},  // differs from '-' by the bit of the letter case
        {"Content-Encoding", FieldId::other},
        {"Proxy-Authorization2", FieldId::other},
    };
    for (const auto& [name, id] : rows) {
        std::string upper{name};
        std::string lower{name};
        for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        EXPECT_EQ(field_id(name), id) << name;
        EXPECT_EQ(field_id(upper), id) << upper;
        EXPECT_EQ(field_id(lower), id) << lower;
    }
}

// RFC 9110 §5.3: the order of fields of one name is significant.
TEST(FieldBlock, KeepsOrderRepetitionsAndLetterCase) {
    FieldBlock fields;
    fields.add("Set-Cookie", "a=1");
    fields.add("x-empty", "");
    fields.add("set-cookie", "b=2");
    EXPECT_THAT(
        lines(fields),
        ElementsAre(Pair("Set-Cookie", "a=1"), Pair("x-empty", ""), Pair("set-cookie", "b=2")));
    EXPECT_EQ(fields.find("SET-COOKIE"), "a=1");
    EXPECT_EQ(fields.find("X-Empty"), "");
    EXPECT_EQ(fields.find("X-None"), std::nullopt);
}

TEST(FieldBlock, FindsAndCountsById) {
    FieldBlock fields;
    fields.add("via", "1.1 a");
    fields.add("Host", "example.com");
    fields.add("Via", "1.1 b");
    EXPECT_EQ(fields.find(FieldId::via), "1.1 a");
    EXPECT_EQ(fields.find("VIA"), "1.1 a");
    EXPECT_EQ(fields.count(FieldId::via), 2U);
    EXPECT_EQ(fields.count(FieldId::te), 0U);
    EXPECT_EQ(fields.find(FieldId::te), std::nullopt);
}

TEST(FieldBlock, SetReplacesTheFirstValueAndDropsTheRest) {
    FieldBlock fields;
    fields.add("X-Id", "1");
    fields.add("Host", "proxy");
    fields.add("x-id", "2");
    fields.add("host", "other");
    fields.set("X-ID", "3");
    fields.set("Host", "origin.example");
    fields.set("Via", "1.1 nikawa");
    EXPECT_THAT(
        lines(fields),
        ElementsAre(Pair("X-Id", "3"), Pair("Host", "origin.example"), Pair("Via", "1.1 nikawa")));
}

TEST(FieldBlock, RemovesWhatThePredicateNames) {
    FieldBlock fields;
    fields.add("A", "1");
    fields.add("Connection", "close");
    fields.add("B", "2");
    fields.remove_if([](const Field& field) { return field.id == FieldId::connection; });
    EXPECT_THAT(lines(fields), ElementsAre(Pair("A", "1"), Pair("B", "2")));
}

TEST(FieldBlock, IsEmptyAfterClearAndUsableAgain) {
    FieldBlock fields;
    fields.add("A", "1");
    fields.clear();
    EXPECT_TRUE(fields.empty());
    fields.add("B", "2");
    EXPECT_THAT(lines(fields), ElementsAre(Pair("B", "2")));
}

TEST(EqualIgnoringCase, KnowsAsciiLettersOnly) {
    EXPECT_TRUE(equal_ignoring_case("", ""));
    EXPECT_TRUE(equal_ignoring_case("cHuNkEd", "ChUnKeD"));
    EXPECT_FALSE(equal_ignoring_case("a", "ab"));
    EXPECT_FALSE(equal_ignoring_case("@", "`"));
    EXPECT_FALSE(equal_ignoring_case("[", "{"));
    EXPECT_FALSE(equal_ignoring_case("\xc4", "\xe4"));
}

// RFC 9110 §5.6.1.2: empty elements are passed over.
TEST(ForEachInList, GivesElementsWithoutWhiteSpace) {
    const std::pair<std::string_view, std::vector<std::string>> rows[] = {
        {"", {}},
        {" , ,\t", {}},
        {"close", {"close"}},
        {" keep-alive ,\tX-Foo,,x bar", {"keep-alive", "X-Foo", "x bar"}},
    };
    for (const auto& [list, elements] : rows) {
        std::vector<std::string> got;
        for_each_in_list(list, [&](std::string_view element) { got.emplace_back(element); });
        EXPECT_EQ(got, elements) << list;
    }
}

}  // namespace
}  // namespace nikawa::http
