#include <algorithm>
#include <bit>
#include <utility>

#include "origin/h1_session_impl.hpp"
#include "origin/keep_alive_timeout.hpp"
#include "origin/session_end.hpp"

namespace nikawa::origin {
namespace {

using IoState = net::IoResult::State;

// A response that is small, as most are, comes with one read of this; a large one by larger reads.
constexpr std::size_t small_buffer_bytes = 16 * 1024;
constexpr std::size_t large_buffer_bytes = 64 * 1024;

constexpr Failure malformed{Errc::malformed, Side::origin};

// RFC 9112 §9.3.
bool means_to_go_on(const http::ResponseHead& head) {
    constexpr auto connection = http::FieldId::connection;
    if (head.fields.lists(connection, "close")) return false;
    return head.version == http::Version::http_1_1 || head.fields.lists(connection, "keep-alive");
}

}  // namespace

Task<Result<http::ResponseHead*>> H1Session::Impl::receive_head() {
    bool found = find_head();
    if (!found) {
        deadlines_.set_awaiting(true);
        while (!found && !std::exchange(doubted_, false)) {
            ask_for_input();
            co_await received_.wait();
            found = find_head();
        }
        doubted_ = false;
        if (!ended_) deadlines_.set_awaiting(false);
    }
    if (failure_) co_return *failure_;
    if (!found) co_return Failure{Errc::path_in_doubt, Side::origin};
    if (!head_complete_) deadlines_.note_interim_given();
    co_return &head_;
}

// Wakes who waits for a head, as if there were one. Input that comes before the holder waits again
// is read for it all the same.
void H1Session::Impl::doubt() noexcept {
    const bool nothing_came = is_leased() && !response_begun_ && !failure_;
    if (!nothing_came || !received_.has_waiter() || deadlines_.is_sending()) return;
    doubted_ = true;
    received_.notify();
}

// Whether there is a head, or a failure, without waiting.
bool H1Session::Impl::find_head() {
    while (!failure_) {
        if (parse_head()) return true;
        if (!read_more()) return false;
    }
    return true;
}

// Takes a head out of the input; false when more of it is needed.
bool H1Session::Impl::parse_head() {
    if (input_.unread().empty()) return false;
    const auto taken = parser_.parse_response(input_.unread(), head_);
    if (!taken) {
        end(taken.error());
        return true;
    }
    if (*taken == 0) return false;
    input_.take(*taken);
    has_answered = true;
    parser_.reset();
    if (head_.status >= 200) {
        const auto accepted = accept_final_head();
        if (!accepted) end(accepted.error());
    } else if (head_.status == 101) {
        const auto accepted = accept_switch();
        if (!accepted) end(accepted.error());
    } else if (!interim_.spend(loop_.now())) {
        end(interim_flood());
    }
    return true;
}

// Nobody may switch who was not asked to, nor before the request is whole (RFC 9110 §7.8): what is
// left of it would be taken for the new protocol.
Result<void> H1Session::Impl::accept_switch() {
    if (!is_upgrade_asked_ || !writer_.is_complete()) return malformed;
    keep_ = false;
    head_complete_ = true;
    deadlines_.note_head_given();
    return {};
}

Result<void> H1Session::Impl::accept_final_head() {
    const auto framing = http::response_framing(is_head_request_ ? "HEAD" : "", head_);
    if (!framing) return framing.error();
    framing_ = *framing;
    keep_ = means_to_go_on(head_) && !std::holds_alternative<http::UntilClose>(framing_);
    if (!keep_ && end_cause_ == SessionEnd::none) end_cause_ = SessionEnd::limit;
    if (const auto limit = keep_alive_timeout(head_.fields)) advertised_idle_limit = limit;
    decoder_.start(framing_);
    head_complete_ = true;
    deadlines_.note_head_given();
    prepare_piece();
    return {};
}

bool H1Session::Impl::has_body_ready() const {
    return !next_piece_.empty() || is_response_complete() || failure_.has_value();
}

Task<Result<Bytes>> H1Session::Impl::receive_body() {
    if (!find_piece()) {
        deadlines_.set_awaiting(true);
        do {
            ask_for_input();
            co_await received_.wait();
        } while (!find_piece());
        if (!ended_) deadlines_.set_awaiting(false);
    }
    if (!next_piece_.empty()) {
        const Bytes piece = std::exchange(next_piece_, {});
        prepare_piece();
        co_return piece;
    }
    if (is_response_complete()) co_return Bytes{};
    co_return *failure_;
}

// Whether there is a piece of the body, its end or a failure, without waiting.
bool H1Session::Impl::find_piece() {
    for (;;) {
        prepare_piece();
        if (has_body_ready()) return true;
        if (!read_more()) return false;
    }
}

// Looks for the next piece in what has been read.
void H1Session::Impl::prepare_piece() {
    while (!ended_ && next_piece_.empty() && !decoder_.at_end() && !input_.unread().empty()) {
        const auto step = decoder_.decode(input_.unread());
        if (!step) return end(step.error());
        if (step->taken == 0) return;
        input_.take(step->taken);
        next_piece_ = step->data;
    }
    note_response();
}

// An origin that has answered need not be told the rest (RFC 9112 §9.3); who sends it is let go.
void H1Session::Impl::note_response() noexcept {
    if (is_response_complete() && !writer_.is_complete()) writer_.stop({});
}

// Reads what the transport has. False when that is nothing, and when it is known to be nothing.
bool H1Session::Impl::read_more() noexcept {
    if (dry_) return false;
    const auto least = large_ ? large_buffer_bytes : small_buffer_bytes;
    const auto room = input_.room(std::max(least, std::bit_ceil(input_.unread().size() + 1)));
    const auto read = transport_->try_read(room);
    switch (read.state) {
        case IoState::done:
            input_.add(read.bytes);
            dry_ = read.bytes < room.size();
            large_ = large_ || !dry_;
            response_begun_ = true;
            note_heard();
            return true;
        case IoState::would_block: dry_ = true; return false;
        case IoState::end:
            if (head_complete_ && decoder_.end_of_input()) {
                note_response();
                return true;
            }
            break;
        case IoState::failed: break;
    }
    end(failure_of_transport(read.error));
    return true;
}

void H1Session::Impl::ask_for_input() {
    awaiting_ = true;
    unstall();
}

void H1Session::Impl::unstall() noexcept {
    if (std::exchange(stalled_, false)) turned_.notify();
}

}  // namespace nikawa::origin
