#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "origin/h2_fixture.hpp"
#include "support/h2_frame_peer.hpp"

namespace nikawa::origin {

namespace h2 = test::h2;
using h2::Error;
using h2::Type;

inline constexpr unsigned whole_head = h2::end_headers | h2::end_stream;

/// To an origin whose frames are written out, so that they may be wrong.
class H2FrameFixture : public H2SessionFixture {
protected:
    void connect(const H2Limits& wanted = {}) {
        auto pair = test::make_stream_pair(loop);
        peer = std::make_unique<test::H2FramePeer>(loop, std::move(pair.far));
        peer->send(h2::settings() + h2::settings_ack());
        attach(std::move(pair.near), wanted);
    }

    void receive(std::string_view frames) {
        peer->send(frames);
        loop.run();
    }

    /// How a response ends: "200" if it is whole, or why it is not; "waiting" if it has not ended.
    std::string outcome(StreamLease& lease) {
        const auto end = loop.start(read_to_the_end(*lease));
        if (end.done()) return end.value();
        lease->abandon({Errc::abandoned, Side::self});
        loop.run();
        return "waiting";
    }

    static Task<std::string> read_to_the_end(OriginStream& stream) {
        unsigned status = 0;
        while (status < 200) {
            const auto head = co_await stream.receive_head();
            if (!head) co_return std::string{name_of(head.error().code)};
            status = (*head)->status;
        }
        const auto body = co_await read_body(stream);
        if (!body) co_return std::string{name_of(body.error().code)};
        co_return std::to_string(status);
    }

    std::unique_ptr<test::H2FramePeer> peer;
};

}  // namespace nikawa::origin
