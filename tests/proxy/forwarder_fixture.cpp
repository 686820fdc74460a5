#include "proxy/forwarder_fixture.hpp"

#include <algorithm>
#include <sstream>

namespace nikawa::proxy {
namespace {

std::unique_ptr<telemetry::LogWriter> open_log(const test::TemporaryDirectory& directory) {
    auto writer = telemetry::LogWriter::open({.dir = directory.path().string()});
    EXPECT_TRUE(writer.has_value());
    return std::move(*writer);
}

std::chrono::system_clock::time_point the_epoch() { return {}; }

}  // namespace

std::string request(std::string_view method_and_target, std::string_view field_lines) {
    std::string text{method_and_target};
    text.append(" HTTP/1.1\r\nHost: api.example.com.ccnproxy-https\r\n");
    return text.append(field_lines).append("\r\n");
}

std::string response(std::string_view status_and_reason, std::string_view body) {
    std::string text{"HTTP/1.1 "};
    text.append(status_and_reason).append("\r\nContent-Length: ");
    return text.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
}

std::string repeated(std::string_view text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all.append(text);
    return all;
}

ForwarderFixture::Proxy::Proxy(ForwarderFixture& fixture)
    : writer(open_log(log_directory)),
      log(writer.get()),
      factory(fixture.loop, fixture.dialer, fixture.session_limits),
      pools(fixture.loop, factory, fixture.pool_limits),
      forwarder(fixture.loop,
                fixture.settings,
                pools,
                log,
                RequestIdSource{0, 0},
                &the_epoch,
                fixture.memory,
                fixture.credentials) {}

ForwarderFixture::ForwarderFixture() {
    settings.identity = {.via_name = "nikawa", .request_id_field = "X-Chocon-Id"};
    settings.acquire_timeout = 40s;
    session_limits.h2.memory = &memory;
    client_limits.head_timeout = 10s;
    client_limits.idle_timeout = 300s;
    client_limits.read_timeout = 50s;
    client_limits.write_timeout = 20s;
    pool_limits.timeouts = {.response_head = 60s, .response_body = 30s, .write = 25s};
}

ForwarderFixture::~ForwarderFixture() {
    disconnect_all();
    dialer.fail_waiting();
    if (proxy_) proxy_->pools.close();
    loop.run();
}

ScriptedPeer& ForwarderFixture::connect(const test::WireSettings& wire) {
    if (!proxy_) proxy_.emplace(*this);
    auto pair = test::make_stream_pair(loop, wire);
    Client& client = clients_.emplace_back();
    client.peer.emplace(loop, std::move(pair.far));
    client::RequestHandler* handler = &proxy_->forwarder;
    if (denial) handler = &client.denial.emplace(proxy_->forwarder, *denial);
    client.connection = std::make_unique<client::ClientConnection>(
        loop.loop(), std::move(pair.near), *handler, client_limits);
    loop.spawn(serve(*client.connection));
    return *client.peer;
}

void ForwarderFixture::hang_up(ScriptedPeer& client) {
    loop.run();
    client.stream().close();
    loop.run();
}

Task<void> ForwarderFixture::serve(client::ClientConnection& connection) {
    ++connections_;
    co_await connection.run();
    --connections_;
}

void ForwarderFixture::cut_off() {
    for (Client& client : clients_) client.connection->close();
    loop.run();
}

void ForwarderFixture::disconnect_all() {
    loop.run();
    for (Client& client : clients_) client.peer.reset();
    loop.run();
    cut_off();
    clients_.clear();
}

std::vector<std::string> ForwarderFixture::log_lines() {
    disconnect_all();
    proxy_->log.flush();
    proxy_->writer.reset();  // writes what it has
    std::istringstream text{test::content(proxy_->log_directory.path() / "current")};
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

}  // namespace nikawa::proxy
