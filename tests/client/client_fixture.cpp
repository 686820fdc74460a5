#include "client/client_fixture.hpp"

namespace nikawa::client {
namespace {

unsigned status_of(Errc code) {
    switch (code) {
        case Errc::bad_version: return 505;
        case Errc::bad_expectation: return 417;
        case Errc::head_timed_out: return 408;
        case Errc::body_too_large: return 413;
        case Errc::target_too_long: return 414;
        case Errc::head_too_large: return 431;
        default: return 400;
    }
}

}  // namespace

Task<void> FunctionHandler::handle(ClientExchange& current) {
    exchange = &current;
    requests.push_back(current.head().method + ' ' + current.head().target);
    co_await answer(*this, current);
    request_bytes = current.request_bytes();
    response_bytes = current.response_bytes();
    exchange = nullptr;
}

Task<void> FunctionHandler::refuse(ClientExchange& current, const Failure& failure) {
    refused.push_back(failure);
    co_await send_response(*this, current, status_of(failure.code), "");
}

Task<void> read_body(FunctionHandler& handler, ClientExchange& exchange) {
    handler.body.clear();
    handler.body_pieces = 0;
    for (;;) {
        const auto piece = co_await exchange.receive_body();
        if (!piece) {
            handler.body_failure = piece.error();
            co_return;
        }
        if (piece->empty()) co_return;
        handler.body += *piece;
        ++handler.body_pieces;
    }
}

Task<void> send_response(FunctionHandler& handler,
                         ClientExchange& exchange,
                         unsigned status,
                         std::string_view body) {
    http::ResponseHead head;
    head.status = status;
    head.fields.add("Content-Length", std::to_string(body.size()));
    exchange.begin_response(head, http::Sized{body.size()});
    const auto sent = co_await exchange.finish_response(body, {});
    if (!sent) handler.send_failure = sent.error();
}

Task<void> answer_ok(FunctionHandler& handler, ClientExchange& exchange) {
    co_await read_body(handler, exchange);
    co_await send_response(handler, exchange, 200, "ok");
}

Task<void> answer_without_reading(FunctionHandler& handler, ClientExchange& exchange) {
    co_await send_response(handler, exchange, 200, "ok");
}

Task<void> answer_in_chunks(FunctionHandler& handler, ClientExchange& exchange) {
    http::ResponseHead head;
    head.status = 200;
    http::FieldBlock trailers;
    trailers.add("Sum", "6");
    exchange.begin_response(head, http::Chunked{});
    const auto one = co_await exchange.send_body("one");
    const auto two = co_await exchange.finish_response("two", trailers);
    if (!one || !two) handler.send_failure = two.error();
}

namespace {

Task<void> read_beside(FunctionHandler& handler, ClientExchange& exchange, loop::Event& ended) {
    co_await read_body(handler, exchange);
    ended.notify();
}

}  // namespace

Task<void> converse(FunctionHandler& handler, ClientExchange& exchange) {
    loop::Event ended{*handler.loop};
    handler.loop->spawn(read_beside(handler, exchange, ended));
    co_await handler.go_on->wait();
    http::ResponseHead head;
    head.status = 200;
    exchange.begin_response(head, http::Chunked{});
    co_await exchange.flush();
    co_await handler.go_on->wait();
    const auto sent = co_await exchange.finish_response(handler.response, {});
    if (!sent) handler.send_failure = sent.error();
    exchange.interrupt_receive();
    co_await ended.wait();
}

ClientFixture::ClientFixture() {
    handler.answer = answer_ok;
    handler.go_on.emplace(loop.loop());
    handler.loop = &loop.loop();
    limits.head_timeout = 10s;
    limits.idle_timeout = 60s;
    limits.read_timeout = 30s;
    limits.write_timeout = 20s;
}

ClientFixture::~ClientFixture() { disconnect(); }

void ClientFixture::disconnect() {
    client.reset();
    if (connection != nullptr) connection->close();
    loop.run();
    connection.reset();
    ended_ = false;
}

test::ScriptedPeer& ClientFixture::connect(const test::WireSettings& settings) {
    auto stream = accept(settings);
    return client.emplace(loop, std::move(stream));
}

std::unique_ptr<test::MemoryStream> ClientFixture::accept(const test::WireSettings& settings) {
    disconnect();
    auto pair = test::make_stream_pair(loop, settings);
    our_end = pair.near.get();
    connection = std::make_unique<ClientConnection>(
        loop.loop(), std::move(pair.near), handler, limits, idle_listener);
    loop.spawn(serve());
    return std::move(pair.far);
}

bool ClientFixture::has_ended() {
    loop.run();
    return ended_;
}

Task<void> ClientFixture::serve() {
    co_await connection->run();
    ended_ = true;
}

}  // namespace nikawa::client
