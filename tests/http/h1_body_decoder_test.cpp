#include "nikawa/http/h1_body_decoder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nikawa::http {
namespace {

std::string text_of(const FieldBlock& fields) {
    std::string text;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        text.append(fields[i].name).append("=").append(fields[i].value).append("|");
    }
    return text;
}

/// What came of a body that arrived in pieces.
struct Outcome {
    std::string data;
    std::size_t taken = 0;
    std::string end;  // "end", "more" or the failure's name
    std::string trailers;

    friend bool operator==(const Outcome&, const Outcome&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Outcome& o) {
        return out << '"' << o.data << "\" " << o.taken << ' ' << o.end << ' ' << o.trailers;
    }
};

/// Feeds `input` as a reader does: up to each of `ends` in turn, what was not taken again.
Outcome decode(BodyFraming framing,
               Bytes input,
               std::vector<std::size_t> ends = {},
               Side side = Side::client,
               HeadLimits limits = {}) {
    ends.push_back(input.size());
    H1BodyDecoder decoder{side, limits};
    decoder.start(framing);
    Outcome outcome;
    for (const std::size_t end : ends) {
        while (!decoder.at_end()) {
            const auto rest = input.substr(outcome.taken, end - outcome.taken);
            const auto step = decoder.decode(rest);
            if (!step) {
                EXPECT_EQ(step.error().side, side);
                outcome.end = name_of(step.error().code);
                return outcome;
            }
            if (step->taken == 0) break;
            EXPECT_LE(step->taken, rest.size());
            EXPECT_LE(step->data.size(), step->taken);
            outcome.data.append(step->data);
            outcome.taken += step->taken;
        }
    }
    outcome.end = decoder.at_end() ? "end" : "more";
    outcome.trailers = text_of(decoder.trailers());
    return outcome;
}

Outcome chunked(Bytes input) { return decode(Chunked{}, input); }

TEST(DecodeSized, GivesThatManyBytesAndNoMore) {
    EXPECT_EQ(decode(Sized{5}, "helloGET /"), (Outcome{"hello", 5, "end", ""}));
    EXPECT_EQ(decode(Sized{5}, "hel"), (Outcome{"hel", 3, "more", ""}));
    EXPECT_EQ(decode(Sized{0}, "x"), (Outcome{"", 0, "end", ""}));
    EXPECT_EQ(decode(NoBody{}, "x"), (Outcome{"", 0, "end", ""}));
    EXPECT_EQ(decode(UntilClose{}, "x"), (Outcome{"x", 1, "more", ""}));
}

TEST(DecodeSized, KnowsWhatRemains) {
    H1BodyDecoder decoder{Side::origin, HeadLimits{}};
    decoder.start(Sized{UINT64_MAX});
    EXPECT_EQ(decoder.remaining(), UINT64_MAX);
    ASSERT_TRUE(decoder.decode("12345"));
    EXPECT_EQ(decoder.remaining(), UINT64_MAX - 5);
    decoder.start(NoBody{});
    EXPECT_EQ(decoder.remaining(), 0U);
    decoder.start(Chunked{});
    EXPECT_EQ(decoder.remaining(), std::nullopt);
    decoder.start(UntilClose{});
    EXPECT_EQ(decoder.remaining(), std::nullopt);
}

// RFC 9112 §7.1.
TEST(DecodeChunked, FollowsTheTable) {
    const std::string ext_at_limit = ";" + std::string(255, 'e');
    struct Row {
        std::string input;
        Outcome outcome;
    };
    const auto whole = [](const std::string& input, std::string data, std::string trailers = "") {
        return Row{input, {std::move(data), input.size(), "end", std::move(trailers)}};
    };
    const auto refused = [](std::string input, std::string data = "", std::size_t taken = 0) {
        return Row{std::move(input), {std::move(data), taken, "bad_framing", ""}};
    };
    const Row rows[] = {
        whole("0\r\n\r\n", ""),
        whole("5\r\nhello\r\n0\r\n\r\n", "hello"),
        whole("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
        whole("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        whole("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        whole("0000000000000001\r\nx\r\n000\r\n\r\n", "x"),
        whole("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        // Extensions are passed over (§7.1.1).
        whole("1;a\r\nx\r\n0;b=c;d=\"e f\"\r\n\r\n", "x"),
        whole("1 \t;a = b\r\nx\r\n0\r\n\r\n", "x"),
        whole("1;\x80\r\nx\r\n0\r\n\r\n", "x"),
        whole("1" + ext_at_limit + "\r\nx\r\n0\r\n\r\n", "x"),
        refused("1" + ext_at_limit + "e\r\nx\r\n0\r\n\r\n"),
        refused("0000000000000001" + ext_at_limit + "ee"),
        refused("1;a\x01\r\nx\r\n"),
        refused("1;a\x7f\r\nx\r\n"),
        refused("1;a\rb\r\nx\r\n"),
        // Sizes that are none.
        refused("\r\nx"),
        refused("0x5\r\nhello\r\n"),
        refused("-1\r\nhello\r\n"),
        refused("+5\r\nhello\r\n"),
        refused(" 5\r\nhello\r\n"),
        refused("5 \r\nhello\r\n"),
        refused("5\t\r\nhello\r\n"),
        refused("5 5\r\nhello\r\n"),
        refused("5,\r\nhello\r\n"),
        refused("5_0\r\nhello\r\n"),
        refused("g\r\nhello\r\n"),
        refused(";a\r\nhello\r\n"),
        refused("00000000000000005\r\nhello\r\n"),
        refused("10000000000000000\r\nhello\r\n"),
        // Line ends.
        refused("5\nhello\n0\n\n"),
        refused("5\r\r\nhello\r\n"),
        refused("5\r\nhello\n0\r\n\r\n", "hello", 8),
        refused("5\r\nhello0\r\n\r\n", "hello", 8),
        refused("5\r\nhello\rX0\r\n\r\n", "hello", 8),
        refused("5\r\nhello!\r\n0\r\n\r\n", "hello", 8),
        refused("0\r\n\n", "", 3),
        refused("0\r\n\rX\r\n\r\n", "", 3 + 4),
        // Trailers (§7.1.2).
        whole("0\r\nA: x\r\nb:y \r\n\r\n", "", "A=x|b=y|"),
        refused("0\r\nA : x\r\n\r\n", "", 3 + 7),
        refused("0\r\nA\r\n\r\n", "", 3 + 3),
        refused("0\r\nA: x\r\n y\r\n\r\n", "", 3 + 6 + 4),
        refused("0\r\nA: x\n\r\n", "", 3),
        refused("0\r\nA: \x01\r\n\r\n", "", 3 + 6),
        // What follows is not ours.
        {"0\r\n\r\nGET /", {"", 5, "end", ""}},
        {"1\r\nx\r\n0\r\n\r\n0\r\n\r\n", {"x", 11, "end", ""}},
        // Not all there yet.
        {"", {"", 0, "more", ""}},
        {"5", {"", 0, "more", ""}},
        {"5\r", {"", 0, "more", ""}},
        {"5\r\nhel", {"hel", 6, "more", ""}},
        {"5\r\nhello", {"hello", 8, "more", ""}},
        {"5\r\nhello\r", {"hello", 8, "more", ""}},
        {"5\r\nhello\r\n0\r\n", {"hello", 13, "more", ""}},
        {"ffffffffffffffff\r\nx", {"x", 19, "more", ""}},
    };
    for (const Row& row : rows) EXPECT_EQ(chunked(row.input), row.outcome) << row.input;
}

TEST(DecodeChunked, TakesASizeThatAnOriginPadded) {
    const auto of_origin = [](Bytes input) { return decode(Chunked{}, input, {}, Side::origin); };
    const std::string padded = "5" + std::string(100, ' ') + "\r\nhello\r\n0 \t\r\n\r\n";
    EXPECT_EQ(of_origin(padded), (Outcome{"hello", padded.size(), "end", ""}));
    std::string many;  // it is no extension: a message may have any number
    for (int i = 0; i < 1000; ++i) many.append("1").append(100, ' ').append("\r\nx\r\n");
    EXPECT_EQ(of_origin(many + "0\r\n\r\n").end, "end");
    for (const Bytes input : {" 5\r\nhello\r\n",
                              "5 5\r\nhello\r\n",
                              "5 \r\r\nhello\r\n",
                              "5 \nhello\r\n",
                              "5 x\r\nhello\r\n"}) {
        EXPECT_EQ(of_origin(input).end, "malformed") << input;
    }
    EXPECT_EQ(of_origin("5" + std::string(300, ' ') + "\r\nhello\r\n").end, "malformed");
}

// RFC 9112 §7.1.1: so many bytes of them in a message, and not one more.
TEST(DecodeChunked, BoundsTheExtensionsOfAMessage) {
    std::string chunks;
    const std::string extension = ";" + std::string(255, 'e');
    for (int i = 0; i < 64; ++i) chunks.append("1" + extension + "\r\nx\r\n");
    EXPECT_EQ(chunked(chunks + "0\r\n\r\n").end, "end");
    EXPECT_EQ(chunked(chunks + "0;\r\n\r\n").end, "bad_framing");

    H1BodyDecoder decoder{Side::client, {}};
    for (int message = 0; message < 2; ++message) {  // each message has its own
        decoder.start(Chunked{});
        for (Bytes rest = chunks; !rest.empty();) {
            const auto step = decoder.decode(rest);
            ASSERT_TRUE(step);
            rest.remove_prefix(step->taken);
        }
    }
}

TEST(DecodeChunked, GivesTheSameAtEverySplit) {
    for (const std::string input : {
             "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: x\r\nB: y\r\n\r\nnext",
             "0\r\n\r\n",
             "3\r\n\r\n0\r\n0\r\n\r\n",
             "5\r\nhello!\r\n0\r\n\r\n",
             "5\r\nhello\r\n0x\r\n",
             "1\r\nx\r\n0\r\nA : b\r\n\r\n",
         }) {
        const Outcome whole = chunked(input);
        for (std::size_t first = 0; first <= input.size(); ++first) {
            for (std::size_t second = first; second <= input.size(); ++second) {
                ASSERT_EQ(decode(Chunked{}, input, {first, second}), whole)
                    << first << ' ' << second;
            }
        }
    }
}

TEST(DecodeChunked, GivesTheLastDataAndTheEndInOneStep) {
    H1BodyDecoder decoder{Side::origin, HeadLimits{}};
    decoder.start(Chunked{});
    const Bytes input = "5\r\nhello\r\n0\r\n\r\n";
    const auto step = decoder.decode(input);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->taken, input.size());
    EXPECT_EQ(step->data, "hello");
    EXPECT_EQ(step->data.data(), input.data() + 3);  // a view, no copy
    EXPECT_TRUE(decoder.at_end());
}

// RFC 9110 §6.5.1.
TEST(DecodeChunked, DropsFieldsThatMayNotBeTrailers) {
    EXPECT_EQ(
        chunked("0\r\nContent-Length: 5\r\nX-Sum: 1\r\nHost: b\r\nTE: x\r\nTrailer: y\r\n"
                "Connection: close\r\nauthorization: z\r\nSet-Cookie: c\r\nContent-Type: t\r\n"
                "Grpc-Status: 0\r\n\r\n")
            .trailers,
        "X-Sum=1|Grpc-Status=0|");
    EXPECT_EQ(chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n").trailers, "");
}

TEST(DecodeChunked, HoldsTheTrailerLimits) {
    HeadLimits limits;
    limits.head_bytes = 12;
    limits.fields = 2;
    const auto with = [&](Bytes section) {
        const std::string input = "0\r\n" + std::string{section};
        return decode(Chunked{}, input, {}, Side::client, limits).end;
    };
    EXPECT_EQ(with("A: 1\r\nB:\r\n\r\n"), "end");           // 6 + 4 + 2
    EXPECT_EQ(with("A: 1\r\nB:2\r\n\r\n"), "bad_framing");  // 13
    EXPECT_EQ(with("A: 45678901"), "more");
    EXPECT_EQ(with("A: 4567890123"), "bad_framing");
    limits.head_bytes = 100;
    EXPECT_EQ(with("A:1\r\nB:2\r\n\r\n"), "end");
    EXPECT_EQ(with("A:1\r\nB:2\r\nC:3\r\n\r\n"), "bad_framing");
}

TEST(DecodeChunked, BlamesTheSender) {
    EXPECT_EQ(decode(Chunked{}, "x\r\n", {}, Side::client).end, "bad_framing");
    EXPECT_EQ(decode(Chunked{}, "x\r\n", {}, Side::origin).end, "malformed");
}

// RFC 9112 §8: a body that breaks off is incomplete.
TEST(EndOfInput, IsFineOnlyWhereTheBodyMayEnd) {
    struct Row {
        BodyFraming framing;
        Bytes input;
        bool complete;
    };
    const Row rows[] = {
        {UntilClose{}, "", true},
        {UntilClose{}, "abc", true},
        {NoBody{}, "", true},
        {Sized{3}, "abc", true},
        {Sized{3}, "ab", false},
        {Chunked{}, "", false},
        {Chunked{}, "3\r\nabc\r\n", false},
        {Chunked{}, "3\r\nabc\r\n0\r\n", false},
        {Chunked{}, "0\r\n\r\n", true},
    };
    for (const Row& row : rows) {
        for (const Side side : {Side::client, Side::origin}) {
            H1BodyDecoder decoder{side, HeadLimits{}};
            decoder.start(row.framing);
            ASSERT_TRUE(decoder.decode(row.input));
            const auto ended = decoder.end_of_input();
            ASSERT_EQ(ended.has_value(), row.complete) << row.input;
            if (ended) {
                EXPECT_TRUE(decoder.at_end());
            } else {
                const Errc code = side == Side::client ? Errc::client_gone : Errc::peer_closed;
                EXPECT_EQ(ended.error(), (Failure{code, side}));
            }
        }
    }
}

TEST(BodyDecoder, StartsAfresh) {
    H1BodyDecoder decoder{Side::client, HeadLimits{}};
    decoder.start(Chunked{});
    ASSERT_TRUE(decoder.decode("0\r\nA: x\r\n"));
    decoder.start(Chunked{});
    ASSERT_TRUE(decoder.decode("0\r\nB: y\r\n\r\n"));
    EXPECT_TRUE(decoder.at_end());
    EXPECT_EQ(text_of(decoder.trailers()), "B=y|");
    decoder.start(Sized{1});
    EXPECT_TRUE(decoder.trailers().empty());
    EXPECT_FALSE(decoder.at_end());
}

}  // namespace
}  // namespace nikawa::http
