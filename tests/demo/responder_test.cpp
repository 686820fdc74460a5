#include "demo/responder.hpp"

#include <gtest/gtest.h>

#include "support/h2_client.hpp"

namespace nikawa::demo {
namespace {

using Then = Responder::Then;

const std::string answer_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 38\r\n";
const std::string answer = answer_head + "\r\nhello from demo.example over http/1.1\n";

TEST(H1Responder, FollowsTheTable) {
    struct Row {
        std::string input;
        std::string out;
        Then then;
    };
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    const Row rows[] = {
        {head + "\r\n", answer, Then::go_on},
        {head + "\r\n" + head + "\r\n", answer + answer, Then::go_on},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", answer_head + "\r\n", Then::go_on},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", answer, Then::go_on},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", answer, Then::go_on},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         answer,
         Then::go_on},
        {head + "Connection: close\r\n\r\n",
         answer_head + "Connection: close\r\n\r\nhello from demo.example over http/1.1\n",
         Then::close},
        {head, "", Then::go_on},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.input);
        std::string out;
        EXPECT_EQ(make_h1_responder()->take(row.input, out), row.then);
        EXPECT_EQ(out, row.out);

        out.clear();  // the same in the smallest pieces
        const auto responder = make_h1_responder();
        auto then = Then::go_on;
        for (const char& byte : row.input) {
            if (then == Then::go_on) then = responder->take({&byte, 1}, out);
        }
        EXPECT_EQ(then, row.then);
        EXPECT_EQ(out, row.out);
    }
}

TEST(H1Responder, RefusesWhatIsNotHttp) {
    std::string out;
    EXPECT_EQ(make_h1_responder()->take("nonsense\r\n\r\n", out), Then::close);
    EXPECT_EQ(out.rfind("HTTP/1.1 400 ", 0), 0U);
}

/// Lets both ends talk until neither has anything to say.
void converse(test::H2Client& client, Responder& origin) {
    std::string to_client;
    ASSERT_EQ(origin.take({}, to_client), Then::go_on);
    for (;;) {
        const std::string to_origin = client.to_send();
        if (to_origin.empty() && to_client.empty()) return;
        client.receive(std::exchange(to_client, {}));
        ASSERT_EQ(origin.take(to_origin, to_client), Then::go_on);
    }
}

TEST(H2Responder, AnswersStreamsThatAreOpenAtOnce) {
    test::H2Client client;
    const auto get = client.request(test::H2Client::head("GET"));
    const auto head = client.request(test::H2Client::head("HEAD"));
    const auto post = client.request(test::H2Client::head("POST"), test::H2Client::More::yes);
    client.send(post, "x", test::H2Client::More::no);
    converse(client, *make_h2_responder());

    for (const auto stream : {get, head, post}) {
        EXPECT_EQ(client.response(stream).status, "200");
        EXPECT_EQ(client.response(stream).field("content-length"), "32");
        EXPECT_TRUE(client.response(stream).complete);
    }
    EXPECT_EQ(client.response(get).body, "hello from demo.example over h2\n");
    EXPECT_EQ(client.response(head).body, "");
    EXPECT_EQ(client.response(post).body, "hello from demo.example over h2\n");
}

TEST(H2Responder, SendsOnAsTheClientsWindowOpens) {
    test::H2Client client{5};
    const auto stream = client.request(test::H2Client::head("GET"));
    converse(client, *make_h2_responder());
    EXPECT_EQ(client.response(stream).body, "hello from demo.example over h2\n");
    EXPECT_TRUE(client.response(stream).complete);
}

TEST(H2Responder, GivesUpOnWhatIsNotHttp2) {
    std::string out;
    EXPECT_EQ(make_h2_responder()->take("GET / HTTP/1.1\r\nHost: a\r\n\r\n", out), Then::close);
}

}  // namespace
}  // namespace nikawa::demo
