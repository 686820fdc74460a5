#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include "support/memory_stream.hpp"
#include "support/test_loop.hpp"

namespace nikawa::test {

/// The other side of a conversation, origin or client, played from a script:
///
///     peer.expect_head("GET /slow HTTP/1.1").send("HTTP/1.1 200 OK\r\n\r\n").close();
///
/// Steps run one after another as the loop runs; more may be added at any time. A step that is not
/// met fails the test with the script's line and what came instead, and ends the script; so does
/// a script that has not come to its end when the peer is destroyed.
class ScriptedPeer {
public:
    using Line = std::source_location;

    ScriptedPeer(TestLoop& loop, std::unique_ptr<MemoryStream> stream);
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;
    ~ScriptedPeer();

    /// Takes exactly `text`.
    ScriptedPeer& expect(std::string_view text, Line line = Line::current());

    /// Takes a whole head, to its empty line, that begins with `prefix`; see `last_head()`.
    ScriptedPeer& expect_head(std::string_view prefix, Line line = Line::current());

    /// The other side has orderly ended after what was taken.
    ScriptedPeer& expect_end(Line line = Line::current());

    /// The connection was reset.
    ScriptedPeer& expect_reset(Line line = Line::current());

    ScriptedPeer& send(std::string_view text, Line line = Line::current());

    /// Ends our side and goes on reading.
    ScriptedPeer& end(Line line = Line::current());
    ScriptedPeer& close(Line line = Line::current());
    ScriptedPeer& reset(Line line = Line::current());

    /// Reads and sends nothing more, and keeps the connection open: the end of a script, said.
    ScriptedPeer& stay_silent(Line line = Line::current());

    /// Whether all steps were done, after running what is ready.
    [[nodiscard]] bool finished();

    /// What came and was not taken by a step, after running what is ready.
    [[nodiscard]] std::string_view received();

    /// The head that the last `expect_head()` took.
    [[nodiscard]] std::string_view last_head() const { return last_head_; }

    MemoryStream& stream() { return *stream_; }

private:
    enum class Kind {
        expect,
        expect_head,
        expect_end,
        expect_reset,
        send,
        end,
        close,
        reset,
        stay_silent,
    };
    enum class Input { open, ended, broken };
    struct Step {
        Kind kind;
        std::string text;
        Line line;
    };

    ScriptedPeer& add(Kind kind, std::string_view text, Line line);
    Task<void> play();
    Task<bool> run_step(const Step& step);
    Task<bool> take(const Step& step);
    Task<bool> take_head(const Step& step);
    Task<bool> take_last(Input wanted);
    Task<void> send_all(const Step& step);
    void read_what_is_there();
    void fail(const Step& step);

    TestLoop& loop_;
    std::unique_ptr<MemoryStream> stream_;
    std::deque<Step> steps_;
    std::string received_;
    std::string last_head_;
    Input input_ = Input::open;
    bool playing_ = false;
    bool failed_ = false;
};

}  // namespace nikawa::test
