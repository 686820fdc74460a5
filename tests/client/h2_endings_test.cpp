#include "client/h2_fixture.hpp"
#include "nikawa/http/h2_error.hpp"

namespace nikawa::client {
namespace {

using IoState = net::IoResult::State;
using GoAway = std::pair<std::int32_t, std::uint32_t>;

constexpr std::int32_t any_stream = 0x7fffffff;

class Listener final : public IdleListener {
public:
    void became_idle() noexcept override { is_idle = true; }
    void became_busy() noexcept override { is_idle = false; }
    bool is_idle = false;
};

class H2EndingsTest : public H2ClientFixture {
protected:
    ~H2EndingsTest() override { idle_listener = nullptr; }
};

// Waits for the client to be gone, and tells.
class Watcher final : public net::PeerCloseListener {
public:
    explicit Watcher(loop::Loop& loop) : gone(loop) {}
    void peer_closed() noexcept override { gone.notify(); }
    loop::Event gone;
};

Task<void> wait_for_the_end(FunctionHandler& handler, ClientExchange& exchange) {
    Watcher watcher{*handler.loop};
    exchange.watch_client(&watcher);
    co_await watcher.gone.wait();
    handler.body += "gone " + exchange.head().target + " ";
}

Task<void> answer_target_or_wait(FunctionHandler& handler, ClientExchange& exchange) {
    if (exchange.head().target == "/held") co_return co_await wait_for_the_end(handler, exchange);
    co_await answer_target(handler, exchange);
}

TEST_F(H2EndingsTest, AResetEndsItsExchangeAlone) {
    handler.answer = answer_target_or_wait;
    connect();
    const auto held = peer->request(get("/held"));
    pump();
    peer->reset(held);
    pump();
    EXPECT_EQ(handler.body, "gone /held ");
    EXPECT_EQ(ask(get("/next")).body, "/next");
}

TEST_F(H2EndingsTest, ALostConnectionEndsThemAll) {
    for (const bool is_abort : {false, true}) {
        handler.answer = answer_target_or_wait;
        handler.body.clear();
        connect();
        for (int i = 0; i < 3; ++i) peer->request(get("/held"));
        pump();
        is_abort ? stream->abort() : stream->close();
        EXPECT_TRUE(has_ended());
        EXPECT_EQ(handler.body, "gone /held gone /held gone /held ");
    }
}

TEST_F(H2EndingsTest, ABrokenResponseIsResetByACodeThatSaysWhy) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        exchange.begin_response(head, http::UntilClose{});
        co_await exchange.send_body("part");
        exchange.break_off(self.failure_to_tell);
    };
    const auto cancel = http::h2_error(NGHTTP2_CANCEL);
    const std::pair<Failure, std::uint32_t> endings[] = {
        {{Errc::peer_closed, Side::origin}, NGHTTP2_INTERNAL_ERROR},
        {{Errc::stream_reset, Side::origin, cancel}, NGHTTP2_CANCEL},
    };
    for (const auto& [failure, code] : endings) {
        handler.failure_to_tell = failure;
        connect();
        const auto& got = ask(get("/"));
        EXPECT_EQ(got.body, "part");
        EXPECT_FALSE(got.ended);
        EXPECT_EQ(got.reset, code);
    }
}

TEST_F(H2EndingsTest, AResponseThatIsNotAsLongAsItSaysIsReset) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        http::ResponseHead head;
        head.status = 200;
        head.fields.add("Content-Length", "5");
        exchange.begin_response(head, http::Sized{5});
        const auto sent = co_await exchange.finish_response("four", {});
        if (!sent) self.send_failure = sent.error();
    };
    connect();
    const auto& got = ask(get("/"));
    EXPECT_FALSE(got.ended);
    EXPECT_EQ(got.reset, NGHTTP2_INTERNAL_ERROR);
    EXPECT_TRUE(handler.send_failure);
}

TEST_F(H2EndingsTest, AnIdleConnectionEndsWithAGoAway) {
    connect();
    EXPECT_EQ(ask(get("/")).status, "200");
    loop.advance(limits.idle_timeout - 1s);
    EXPECT_EQ(ask(get("/")).status, "200");
    loop.advance(limits.idle_timeout);
    pump();
    EXPECT_EQ(peer->go_aways(), (std::vector<GoAway>{{3, NGHTTP2_NO_ERROR}}));
    EXPECT_EQ(end, IoState::end);
    stream->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(H2EndingsTest, OneThatIsBusyIsNotIdle) {
    handler.answer = answer_later;
    Listener listener;
    idle_listener = &listener;
    connect();
    EXPECT_TRUE(listener.is_idle);
    const auto id = peer->request(get("/"));
    pump();
    EXPECT_FALSE(listener.is_idle);
    loop.advance(10 * limits.idle_timeout);
    go_on();
    EXPECT_EQ(peer->response(id).status, "200");
    EXPECT_TRUE(listener.is_idle);
    loop.advance(2s);  // gives up its memory, and goes on
    EXPECT_TRUE(listener.is_idle);
    handler.answer = answer_ok;
    EXPECT_EQ(ask(get("/")).status, "200");
    stream->close();
    EXPECT_TRUE(has_ended());
    EXPECT_FALSE(listener.is_idle);
}

TEST_F(H2EndingsTest, AnIdleOneThatIsDrainedClosesAtOnce) {
    connect();
    connection->drain();
    EXPECT_TRUE(our_end->is_closed());
    EXPECT_TRUE(has_ended());
    pump();
    EXPECT_EQ(peer->go_aways(), (std::vector<GoAway>{{0, NGHTTP2_NO_ERROR}}));
}

// RFC 9113 §6.8
TEST_F(H2EndingsTest, ABusyOneSaysSoTwiceAndFinishes) {
    handler.answer = answer_later;
    connect();
    const auto first = peer->request(get("/first"));
    pump();
    peer->request(get("/late"));
    const auto under_way = peer->to_send();  // when the first GOAWAY leaves
    connection->drain();
    loop.run();
    const Bytes bytes = under_way;
    stream->try_write({&bytes, 1});
    loop.run();
    EXPECT_EQ(handler.requests.size(), 2U);
    pump();
    EXPECT_EQ(peer->go_aways(),
              (std::vector<GoAway>{{any_stream, NGHTTP2_NO_ERROR}, {3, NGHTTP2_NO_ERROR}}));
    EXPECT_FALSE(has_ended());
    go_on();
    EXPECT_EQ(peer->response(first).body, "/first");
    EXPECT_EQ(end, IoState::end);
    stream->close();
    EXPECT_TRUE(has_ended());
}

TEST_F(H2EndingsTest, AClientThatGivesNoWindowIsLeft) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        return send_response(self, exchange, 200, "more than the window");
    };
    connect(0);
    const auto id = peer->request(get("/"));
    pump();
    EXPECT_EQ(peer->response(id).status, "200");
    loop.advance(limits.write_timeout);
    pump();
    EXPECT_EQ(handler.send_failure, (Failure{Errc::write_timed_out, Side::client}));
    EXPECT_EQ(peer->response(id).reset, NGHTTP2_CANCEL);
    EXPECT_FALSE(has_ended());
}

// An origin may have any number of them, which nobody keeps for a client that takes none.
TEST_F(H2EndingsTest, InterimHeadsWaitForAClientThatReadsNothing) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) -> Task<void> {
        for (; self.body_pieces < 1000; ++self.body_pieces) {
            http::ResponseHead hints;
            hints.status = 103;
            hints.fields.add("Link", std::to_string(self.body_pieces) + std::string(1000, 'x'));
            const auto sent = co_await exchange.send_interim(hints);
            if (!sent) self.send_failure = sent.error();
            if (!sent) co_return;
        }
    };
    connect(1'000'000, {.capacity = 5000});
    peer->request(get("/"));
    const auto request = peer->to_send();
    const Bytes bytes = request;
    stream->try_write({&bytes, 1});
    loop.run();
    EXPECT_LT(handler.body_pieces, 100U);
    loop.advance(limits.write_timeout);
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(handler.send_failure, (Failure{Errc::write_timed_out, Side::client}));
}

TEST_F(H2EndingsTest, AClientThatReadsNothingIsCutOff) {
    handler.answer = [](FunctionHandler& self, ClientExchange& exchange) {
        static const std::string body(100'000, 'x');
        return send_response(self, exchange, 200, body);
    };
    connect(1'000'000, {.capacity = 5000});
    peer->request(get("/"));
    const auto request = peer->to_send();
    const Bytes bytes = request;
    stream->try_write({&bytes, 1});
    loop.run();
    loop.advance(limits.write_timeout - 1s);
    EXPECT_FALSE(has_ended());
    loop.advance(1s);
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(handler.send_failure, (Failure{Errc::write_timed_out, Side::client}));
}

TEST_F(H2EndingsTest, AClientThatSaysGoAwayIsServedToTheEnd) {
    handler.answer = answer_later;
    connect();
    const auto id = peer->request(get("/"));
    pump();
    const auto frame = h2::go_away(0, h2::Error::no_error);
    const Bytes bytes = frame;
    stream->try_write({&bytes, 1});
    pump();
    go_on();
    EXPECT_EQ(peer->response(id).body, "/");
    EXPECT_EQ(end, IoState::end);
    stream->close();
    EXPECT_TRUE(has_ended());
}

}  // namespace
}  // namespace nikawa::client
