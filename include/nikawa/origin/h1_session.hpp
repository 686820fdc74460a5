#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/origin_session.hpp"

namespace nikawa::origin {

/// What an HTTP/1.1 session bears from its origin.
struct H1SessionLimits {
    http::HeadLimits head;                ///< of a response head, and of a trailer section
    std::size_t interim_heads = 100;      ///< 1xx responses at once; more of them by 50 in a second
    std::size_t drain_bytes = 64 * 1024;  ///< unread rest that is read to keep the connection
    Duration drain_time = std::chrono::seconds{1};  ///< how long that may take
};

/// An HTTP/1.1 connection to an origin: one exchange at a time (RFC 9112).
///
/// It is idle again after an exchange only when both messages are complete and both sides mean to
/// go on (RFC 9112 §9.3); anything that arrives while it is idle, an end of input too, retires it.
class H1Session final : public OriginSession {
public:
    H1Session(loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits);
    ~H1Session() override;

    [[nodiscard]] std::size_t capacity() const override;
    [[nodiscard]] std::size_t max_streams() const override { return 1; }
    [[nodiscard]] std::size_t streams() const override;
    [[nodiscard]] bool is_retired() const override;
    StreamLease open_stream(const StreamTimeouts& timeouts) override;
    void drain() noexcept override;
    void close(const Failure& why) noexcept override;
    Task<void> run(SessionListener& listener) override;
    [[nodiscard]] net::Protocol protocol() const override { return net::Protocol::http_1_1; }
    [[nodiscard]] const std::string& peer_address() const override;
    [[nodiscard]] TimePoint idle_since() const override;
    [[nodiscard]] TimePoint last_heard() const override;
    [[nodiscard]] bool has_answered() const override;
    [[nodiscard]] net::PathReport path() const override;
    void probe() override;
    void call_when_heard() override;
    void doubt() noexcept override;
    [[nodiscard]] SessionEnd end_cause() const override;
    [[nodiscard]] std::optional<Duration> advertised_idle_limit() const override;
    [[nodiscard]] bool is_confirmed() const override;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace nikawa::origin
