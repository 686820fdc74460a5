#include "client/h2_request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace nikawa::client {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr http::HeadLimits limits{.head_bytes = 1000, .start_line_bytes = 100, .fields = 5};

class H2RequestTest : public testing::Test {
protected:
    Result<http::BodyFraming> read(const Fields& fields, bool is_end = true) {
        request.start();
        for (const auto& [name, value] : fields) request.take_field(name, value);
        return request.finish(is_end);
    }

    // What becomes of it: the framing's index, or the failure.
    std::string outcome(const Fields& more, bool is_end = true) {
        Fields fields{{":method", "POST"},
                      {":scheme", "http"},
                      {":authority", "a.example"},
                      {":path", "/x?y"}};
        fields.insert(fields.end(), more.begin(), more.end());
        const auto framing = read(fields, is_end);
        if (!framing) return std::string{name_of(framing.error().code)};
        if (const auto* sized = std::get_if<http::Sized>(&*framing)) {
            return "sized " + std::to_string(sized->bytes);
        }
        return std::holds_alternative<http::NoBody>(*framing) ? "none" : "chunked";
    }

    Fields fields() {
        Fields all;
        for (std::size_t i = 0; i < request.head().fields.size(); ++i) {
            const auto field = request.head().fields[i];
            all.emplace_back(field.name, field.value);
        }
        return all;
    }

    H2Request request{limits};
};

static_assert(match_preface("") == PrefaceMatch::part);
static_assert(match_preface("PRI * HTTP/2.0\r\n\r\nSM") == PrefaceMatch::part);
static_assert(match_preface("PRI * HTTP/1.1\r\n") == PrefaceMatch::none);
static_assert(match_preface("POST / HTTP/1.1\r\n") == PrefaceMatch::none);
static_assert(match_preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0") == PrefaceMatch::whole);

TEST_F(H2RequestTest, HasItsControlDataFromPseudoFields) {  // RFC 9113 §8.3.1
    EXPECT_EQ(outcome({{"x-b", "1"}, {"x-a", "2"}}), "none");
    EXPECT_EQ(request.head().method, "POST");
    EXPECT_EQ(request.head().target, "/x?y");
    EXPECT_EQ(request.head().version, http::Version::http_2);
    EXPECT_EQ(fields(), (Fields{{"Host", "a.example"}, {"x-b", "1"}, {"x-a", "2"}}));
}

TEST_F(H2RequestTest, TakesHostForTheAuthorityUnlessTheyDiffer) {
    EXPECT_EQ(outcome({{"host", "A.example"}}), "none");
    EXPECT_EQ(fields(), (Fields{{"Host", "a.example"}}));
    EXPECT_EQ(outcome({{"host", "b.example"}}), "bad_head");
    EXPECT_TRUE(read({{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "b"}}));
    EXPECT_EQ(fields(), (Fields{{"Host", "b"}}));
    EXPECT_FALSE(read({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}));
}

TEST_F(H2RequestTest, JoinsTheCrumbsOfACookie) {  // RFC 9113 §8.2.3
    EXPECT_EQ(outcome({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}),
              "none");
    EXPECT_EQ(fields(), (Fields{{"Host", "a.example"}, {"cookie", "a=1; b=2; c=3"}, {"x", "y"}}));
}

TEST_F(H2RequestTest, FramesItsBody) {
    EXPECT_EQ(outcome({}, false), "chunked");
    EXPECT_EQ(outcome({{"content-length", "5"}}, false), "sized 5");
    EXPECT_EQ(outcome({{"content-length", "0"}}), "sized 0");
    EXPECT_EQ(outcome({{"content-length", "5"}}), "bad_framing");  // and nothing comes
    EXPECT_EQ(outcome({{"content-length", "+5"}}, false), "bad_framing");
    EXPECT_EQ(outcome({{"content-length", "5, 5"}}, false), "bad_framing");
    EXPECT_EQ(outcome({{"content-length", "5"}, {"content-length", "5"}}, false), "bad_framing");
}

TEST_F(H2RequestTest, OfConnectHasTheAuthorityForATarget) {  // RFC 9113 §8.5
    const auto framing = read({{":method", "CONNECT"}, {":authority", "a:443"}}, false);
    ASSERT_TRUE(framing);
    EXPECT_TRUE(std::holds_alternative<http::NoBody>(*framing));
    EXPECT_EQ(request.head().target, "a:443");
}

TEST_F(H2RequestTest, IsRefusedForWhatIsNoRequestOfOurs) {
    struct Row {
        Fields fields;
        Errc code;
    };
    const Row rows[] = {
        {{{":method", "CONNECT"}}, Errc::bad_head},
        {{{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "/"}},
         Errc::bad_head},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "http://b/"}},
         Errc::bad_head},
        {{{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}, Errc::bad_head},
        {{{":method", "GET"}, {":protocol", "websocket"}, {":authority", "a"}, {":path", "/"}},
         Errc::bad_head},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(name_of(row.code));
        const auto got = read(row.fields);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error(), (Failure{row.code, Side::client}));
    }
}

TEST_F(H2RequestTest, KeepsToTheLimitsOfAHead) {
    const auto of_path = [this](std::size_t bytes) {
        const auto got = read({{":method", "GET"},
                               {":scheme", "http"},
                               {":authority", "a"},
                               {":path", "/" + std::string(bytes - 1, 'x')}});
        return got ? "" : std::string{name_of(got.error().code)};
    };
    EXPECT_EQ(of_path(97), "");
    EXPECT_EQ(of_path(98), "target_too_long");

    EXPECT_EQ(outcome(Fields(5, {"x", ""})), "none");
    EXPECT_EQ(outcome(Fields(6, {"x", ""})), "head_too_large");

    // 4 pseudo-fields of 9, 11, 19 and 9 octets, each with 32 more (RFC 9113 §6.5.2).
    const std::size_t of_others = 11 + 11 + 19 + 9 + 5 * 32;
    EXPECT_EQ(outcome({{"x", std::string(999 - of_others, 'x')}}), "none");
    EXPECT_EQ(outcome({{"x", std::string(1000 - of_others, 'x')}}), "head_too_large");
}

TEST_F(H2RequestTest, KeepsOfTrailersWhatMayStandThere) {
    EXPECT_EQ(outcome({}, false), "chunked");
    http::FieldBlock trailers;
    EXPECT_TRUE(request.take_trailer("x-sum", "1", trailers));
    EXPECT_TRUE(request.take_trailer("content-length", "1", trailers));
    EXPECT_EQ(trailers.size(), 1U);
    EXPECT_FALSE(request.take_trailer("x", std::string(1000, 'x'), trailers));
}

}  // namespace
}  // namespace nikawa::client
