#include "support/scripted_peer.hpp"

#include <algorithm>
#include <array>

namespace nikawa::test {

using State = net::IoResult::State;

ScriptedPeer::ScriptedPeer(TestLoop& loop, std::unique_ptr<MemoryStream> stream)
    : loop_(loop), stream_(std::move(stream)) {}

ScriptedPeer::~ScriptedPeer() {
    loop_.run();
    if (!failed_ && !steps_.empty()) fail(steps_.front());
    failed_ = true;
    stream_->close();
    loop_.run();
}

ScriptedPeer& ScriptedPeer::expect(std::string_view text, Line line) {
    return add(Kind::expect, text, line);
}
ScriptedPeer& ScriptedPeer::expect_head(std::string_view prefix, Line line) {
    return add(Kind::expect_head, prefix, line);
}
ScriptedPeer& ScriptedPeer::expect_end(Line line) { return add(Kind::expect_end, "", line); }
ScriptedPeer& ScriptedPeer::expect_reset(Line line) { return add(Kind::expect_reset, "", line); }
ScriptedPeer& ScriptedPeer::send(std::string_view text, Line line) {
    return add(Kind::send, text, line);
}
ScriptedPeer& ScriptedPeer::end(Line line) { return add(Kind::end, "", line); }
ScriptedPeer& ScriptedPeer::close(Line line) { return add(Kind::close, "", line); }
ScriptedPeer& ScriptedPeer::reset(Line line) { return add(Kind::reset, "", line); }
ScriptedPeer& ScriptedPeer::stay_silent(Line line) { return add(Kind::stay_silent, "", line); }

bool ScriptedPeer::finished() {
    loop_.run();
    return steps_.empty() && !failed_;
}

std::string_view ScriptedPeer::received() {
    std::size_t before = 0;
    do {  // reading makes room, so the other side may send more
        before = received_.size();
        loop_.run();
        read_what_is_there();
    } while (received_.size() > before);
    return received_;
}

ScriptedPeer& ScriptedPeer::add(Kind kind, std::string_view text, Line line) {
    steps_.push_back({kind, std::string{text}, line});
    if (!playing_ && !failed_) {
        playing_ = true;
        loop_.spawn(play());
    }
    return *this;
}

Task<void> ScriptedPeer::play() {
    while (!steps_.empty() && !failed_) {
        const bool met = co_await run_step(steps_.front());
        if (failed_) break;
        if (!met) {
            fail(steps_.front());
            break;
        }
        steps_.pop_front();
    }
    playing_ = false;
}

Task<bool> ScriptedPeer::run_step(const Step& step) {
    switch (step.kind) {
        case Kind::expect: co_return co_await take(step);
        case Kind::expect_head: co_return co_await take_head(step);
        case Kind::expect_end: co_return co_await take_last(Input::ended);
        case Kind::expect_reset: co_return co_await take_last(Input::broken);
        case Kind::send: co_await send_all(step); break;
        case Kind::end: stream_->shutdown_send(); break;
        case Kind::close: stream_->close(); break;
        case Kind::reset: stream_->abort(); break;
        case Kind::stay_silent: break;
    }
    co_return true;
}

Task<bool> ScriptedPeer::take(const Step& step) {
    for (;;) {
        read_what_is_there();
        const auto bytes = std::min(received_.size(), step.text.size());
        if (received_.compare(0, bytes, step.text, 0, bytes) != 0) co_return false;
        if (bytes == step.text.size()) break;
        if (input_ != Input::open) co_return false;
        co_await stream_->wait_readable();
    }
    received_.erase(0, step.text.size());
    co_return true;
}

Task<bool> ScriptedPeer::take_head(const Step& step) {
    for (;;) {
        read_what_is_there();
        const auto empty_line = received_.find("\r\n\r\n");
        if (empty_line != std::string::npos) {
            if (!received_.starts_with(step.text)) co_return false;
            last_head_ = received_.substr(0, empty_line + 4);
            received_.erase(0, empty_line + 4);
            co_return true;
        }
        if (input_ != Input::open) co_return false;
        co_await stream_->wait_readable();
    }
}

Task<bool> ScriptedPeer::take_last(Input wanted) {
    for (;;) {
        read_what_is_there();
        if (!received_.empty() && wanted == Input::ended) co_return false;
        if (input_ != Input::open) co_return input_ == wanted;
        co_await stream_->wait_readable();
    }
}

Task<void> ScriptedPeer::send_all(const Step& step) {
    for (std::string_view left = step.text; !left.empty();) {
        const auto written = stream_->try_write({&left, 1});
        if (written.state == State::done) {
            left.remove_prefix(written.bytes);
        } else if (written.state == State::would_block) {
            co_await stream_->wait_writable();
        } else {
            break;  // nobody takes it; what the other side did instead is for later steps
        }
        if (failed_) break;
    }
}

void ScriptedPeer::read_what_is_there() {
    std::array<char, 4096> piece;
    for (;;) {
        const auto got = stream_->try_read(piece);
        if (got.state == State::done) {
            received_.append(piece.data(), got.bytes);
            continue;
        }
        if (got.state == State::failed) {
            input_ = stream_->is_closed() ? Input::ended : Input::broken;
        } else if (got.state == State::end) {
            input_ = Input::ended;
        }
        return;
    }
}

void ScriptedPeer::fail(const Step& step) {
    static constexpr std::array names{"expect",
                                      "expect_head",
                                      "expect_end",
                                      "expect_reset",
                                      "send",
                                      "end",
                                      "close",
                                      "reset",
                                      "stay_silent"};
    failed_ = true;
    ADD_FAILURE_AT(step.line.file_name(), static_cast<int>(step.line.line()))
        << "the script stopped at " << names.at(static_cast<std::size_t>(step.kind)) << '('
        << testing::PrintToString(step.text)
        << ")\nwhat came instead: " << testing::PrintToString(received_)
        << (input_ == Input::open    ? ", and the connection is open"
            : input_ == Input::ended ? ", and then the end"
                                     : ", and then a reset");
}

}  // namespace nikawa::test
