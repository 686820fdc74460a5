#include "nikawa/origin/h1_session.hpp"

#include <array>
#include <cassert>
#include <optional>
#include <utility>

#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/http/h1_writer.hpp"
#include "nikawa/net/read_buffer.hpp"
#include "origin/stream_deadlines.hpp"

namespace nikawa::origin {
namespace {

using IoState = net::IoResult::State;

// A response that is small, as most are, comes with one read of this; a large one by larger reads.
constexpr std::size_t head_buffer_bytes = 16 * 1024;
constexpr std::size_t body_buffer_bytes = 64 * 1024;

// A piece of body up to this size is copied behind the head, so that both leave as one record.
constexpr std::size_t joined_body_bytes = 4 * 1024;

constexpr Failure abandoned{Errc::abandoned, Side::self};

bool lists(const http::FieldBlock& fields, std::string_view token) {
    bool found = false;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != http::FieldId::connection) continue;
        http::for_each_in_list(fields[i].value, [&](std::string_view element) {
            found |= http::equal_ignoring_case(element, token);
        });
    }
    return found;
}

// RFC 9112 §9.3.
bool means_to_go_on(const http::ResponseHead& head) {
    if (lists(head.fields, "close")) return false;
    return head.version == http::Version::http_1_1 || lists(head.fields, "keep-alive");
}

}  // namespace

// The session and its one stream. While the stream is leased its holder reads; in between `run()`
// does, to notice whatever comes unasked and to read the rest of a response nobody wants.
class H1Session::Impl final : public OriginStream, private loop::TurnFlush {
public:
    Impl(H1Session& self, loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits);
    ~Impl() override { assert(phase_ != Phase::leased && "a session outlives its stream"); }

    [[nodiscard]] bool is_idle() const { return phase_ == Phase::idle && !draining_; }
    [[nodiscard]] bool is_leased() const { return phase_ == Phase::leased; }
    [[nodiscard]] bool is_retired() const { return draining_ || ended_; }
    StreamLease open(const StreamTimeouts& timeouts);
    void drain() noexcept;
    void end(const Failure& why) noexcept;
    Task<void> run(SessionListener& listener);

    // OriginStream
    Result<void> send_head(const http::RequestHead& head,
                           const http::BodyFraming& framing) override;
    Task<Result<void>> send_body(Bytes bytes) override;
    Task<Result<void>> finish_body(const http::FieldBlock& trailers) override;
    Task<Result<http::ResponseHead*>> receive_head() override;
    [[nodiscard]] http::BodyFraming response_framing() const override { return framing_; }
    [[nodiscard]] bool has_body_ready() const override;
    Task<Result<Bytes>> receive_body() override;
    [[nodiscard]] bool was_last_piece() const override {
        return next_piece_.empty() && decoder_.at_end();
    }
    http::FieldBlock& response_trailers() override { return decoder_.trailers(); }
    [[nodiscard]] bool has_response_begun() const override { return response_begun_; }
    void abandon(const Failure& why) noexcept override;

    const std::string address;
    TimePoint idle_since;

private:
    enum class Phase : std::uint8_t {
        idle,
        leased,
        finishing,  // released, the rest of the response is read away
        over,       // closed and not leased
    };

    void release() noexcept override;
    void flush() noexcept override;
    void write() noexcept;
    void stop_sending() noexcept;
    void complete_request();
    Task<Result<void>> read_more(std::size_t capacity);
    Result<bool> parse_head();
    void prepare_piece();
    void become_idle();
    Task<void> watch_idle();
    Task<void> finish_response();
    Task<void> write_when_possible();
    [[nodiscard]] bool is_reusable() const;

    H1Session& self_;
    loop::Loop& loop_;
    const H1SessionLimits& limits_;
    std::unique_ptr<net::ByteStream> stream_;
    SessionListener* listener_ = nullptr;
    Phase phase_ = Phase::idle;
    bool draining_ = false;
    bool ended_ = false;  // the transport is closed
    loop::Event turned_;  // for run(): the phase changed, or writing is blocked
    StreamDeadlines deadlines_;
    std::optional<Failure> failure_;

    // Request
    bool is_head_request_ = false;
    http::BodyFraming request_framing_;
    std::uint64_t announced_ = 0;  // Content-Length still to be sent
    bool request_complete_ = false;
    std::string output_;
    std::size_t written_ = 0;  // of output_
    Bytes outgoing_;           // of the sender's; follows output_
    bool first_write_ = true;  // nothing of this request has left
    bool write_blocked_ = false;
    bool send_failed_ = false;  // the origin takes no more; it may have answered all the same
    loop::Event sent_;

    // Response
    net::ReadBuffer input_;
    http::H1HeadParser parser_;
    http::H1BodyDecoder decoder_;
    http::ResponseHead head_;
    http::BodyFraming framing_;
    std::size_t interim_count_ = 0;
    bool response_begun_ = false;
    bool head_complete_ = false;
    bool keep_ = false;  // the origin means to go on after this response
    Bytes next_piece_;
};

H1Session::Impl::Impl(H1Session& self,
                      loop::Loop& loop,
                      net::Dialled dialled,
                      const H1SessionLimits& limits)
    : TurnFlush(loop),
      address(dialled.stream->peer_address()),
      idle_since(loop.now()),
      self_(self),
      loop_(loop),
      limits_(limits),
      stream_(std::move(dialled.stream)),
      turned_(loop),
      deadlines_(loop, *this),
      sent_(loop),
      parser_(limits.head),
      decoder_(Side::origin, limits.head) {}

StreamLease H1Session::Impl::open(const StreamTimeouts& timeouts) {
    assert(is_idle());
    phase_ = Phase::leased;
    deadlines_.start(timeouts);
    failure_.reset();
    request_complete_ = send_failed_ = false;
    first_write_ = true;
    sent_.reset();
    parser_.reset();
    decoder_.start(http::NoBody{});
    framing_ = http::NoBody{};
    interim_count_ = 0;
    response_begun_ = head_complete_ = keep_ = false;
    next_piece_ = {};
    stream_->wake();  // run() stops reading and leaves that to the holder
    return StreamLease{*this};
}

Result<void> H1Session::Impl::send_head(const http::RequestHead& head,
                                        const http::BodyFraming& framing) {
    if (failure_) return *failure_;
    is_head_request_ = head.method == "HEAD";
    request_framing_ = framing;
    http::append_request_head(output_, head, framing);
    const auto* sized = std::get_if<http::Sized>(&framing);
    announced_ = sized != nullptr ? sized->bytes : 0;
    if (!std::holds_alternative<http::Chunked>(framing) && announced_ == 0) complete_request();
    mark_dirty();
    return {};
}

Task<Result<void>> H1Session::Impl::send_body(Bytes bytes) {
    if (failure_) co_return *failure_;
    if (bytes.empty() || send_failed_) co_return Result<void>{};
    const bool chunked = std::holds_alternative<http::Chunked>(request_framing_);
    if (chunked) {
        output_.append(http::ChunkHead{bytes.size()}.bytes());
    } else if (bytes.size() > announced_) {
        co_return Failure{Errc::bad_framing, Side::client};
    } else {
        announced_ -= bytes.size();
    }
    if (bytes.size() <= joined_body_bytes && !write_blocked_) {
        output_.append(bytes);
        mark_dirty();
    } else {
        outgoing_ = bytes;
        mark_dirty();
        deadlines_.set_sending(true);
        while (!outgoing_.empty() && !failure_) co_await sent_.wait();
        outgoing_ = {};
        deadlines_.set_sending(false);
        if (failure_) co_return *failure_;
    }
    if (send_failed_) co_return Result<void>{};
    if (chunked) {
        output_.append("\r\n");  // leaves with what follows
    } else if (announced_ == 0) {
        complete_request();
    }
    co_return Result<void>{};
}

Task<Result<void>> H1Session::Impl::finish_body(const http::FieldBlock& trailers) {
    if (failure_) co_return *failure_;
    if (request_complete_ || send_failed_) co_return Result<void>{};
    if (announced_ != 0) co_return Failure{Errc::bad_framing, Side::client};
    http::append_last_chunk(output_, trailers);
    mark_dirty();
    complete_request();
    co_return Result<void>{};
}

void H1Session::Impl::complete_request() {
    request_complete_ = true;
    deadlines_.note_request_complete();
}

void H1Session::Impl::flush() noexcept {
    if (!write_blocked_) write();
}

// Writes what is queued and then the sender's bytes, as far as the transport takes them.
void H1Session::Impl::write() noexcept {
    while (!ended_ && !send_failed_ && (written_ < output_.size() || !outgoing_.empty())) {
        const std::array<Bytes, 2> pieces{Bytes{output_}.substr(written_), outgoing_};
        const auto result = stream_->try_write(pieces);
        if (result.state == IoState::would_block) {
            write_blocked_ = true;
            turned_.notify();
            return;
        }
        if (result.state != IoState::done) return stop_sending();
        first_write_ = false;
        const auto queued = std::min(result.bytes, output_.size() - written_);
        written_ += queued;
        outgoing_.remove_prefix(result.bytes - queued);
        if (written_ == output_.size()) {
            output_.clear();
            written_ = 0;
        }
    }
    if (outgoing_.empty()) sent_.notify();
}

// The origin has closed, perhaps after an answer that is yet to be read. If it had closed before
// the first byte was written, it has not seen the request.
void H1Session::Impl::stop_sending() noexcept {
    if (first_write_) return abandon({Errc::stream_refused, Side::origin});
    send_failed_ = true;
    output_.clear();
    written_ = 0;
    outgoing_ = {};
    deadlines_.note_request_complete();  // nothing more will go: the answer is due
    sent_.notify();
}

Task<Result<http::ResponseHead*>> H1Session::Impl::receive_head() {
    for (;;) {
        if (failure_) co_return *failure_;
        const auto parsed = parse_head();
        if (!parsed) {
            abandon(parsed.error());
            co_return *failure_;
        }
        if (*parsed) co_return &head_;
        const auto read = co_await read_more(head_buffer_bytes);
        if (!read) co_return read.error();
    }
}

// Takes a head out of the input; false when more of it is needed.
Result<bool> H1Session::Impl::parse_head() {
    constexpr Failure malformed{Errc::malformed, Side::origin};
    if (input_.unread().empty()) return false;
    response_begun_ = true;
    const auto taken = parser_.parse_response(input_.unread(), head_);
    if (!taken) return taken.error();
    if (*taken == 0) return false;
    input_.take(*taken);
    parser_.reset();
    if (head_.status < 200) {
        // We ask for no upgrade, so nobody may switch (RFC 9110 §15.2.2).
        if (head_.status == 101 || ++interim_count_ > limits_.interim_heads) return malformed;
        return true;
    }
    const auto framing = http::response_framing(is_head_request_ ? "HEAD" : "", head_);
    if (!framing) return framing.error();
    framing_ = *framing;
    keep_ = means_to_go_on(head_) && !std::holds_alternative<http::UntilClose>(framing_);
    decoder_.start(framing_);
    head_complete_ = true;
    deadlines_.note_head_given();
    prepare_piece();
    return true;
}

// Suspends until more input is there.
Task<Result<void>> H1Session::Impl::read_more(std::size_t capacity) {
    const MutableBytes room = input_.room(std::max(capacity, input_.unread().size() * 2));
    for (;;) {
        if (failure_) co_return *failure_;
        const auto result = stream_->try_read(room);
        if (result.state == IoState::done) {
            input_.add(result.bytes);
            co_return Result<void>{};
        }
        if (result.state != IoState::would_block) {
            if (result.state == IoState::end && head_complete_ && decoder_.end_of_input()) {
                co_return Result<void>{};
            }
            abandon({Errc::peer_closed, Side::origin, result.error});
            co_return *failure_;
        }
        deadlines_.set_awaiting(true);
        co_await stream_->wait_readable();
        deadlines_.set_awaiting(false);
    }
}

// Looks for the next piece of the body in what has been read.
void H1Session::Impl::prepare_piece() {
    while (next_piece_.empty() && !decoder_.at_end() && !input_.unread().empty()) {
        const auto step = decoder_.decode(input_.unread());
        if (!step) return abandon(step.error());
        if (step->taken == 0) return;
        input_.take(step->taken);
        next_piece_ = step->data;
    }
}

bool H1Session::Impl::has_body_ready() const {
    return !next_piece_.empty() || decoder_.at_end() || failure_.has_value();
}

Task<Result<Bytes>> H1Session::Impl::receive_body() {
    while (!has_body_ready()) {
        const auto read = co_await read_more(body_buffer_bytes);
        if (!read) co_return read.error();
        prepare_piece();
    }
    if (next_piece_.empty()) {
        if (decoder_.at_end()) co_return Bytes{};
        co_return *failure_;
    }
    const Bytes piece = std::exchange(next_piece_, {});
    prepare_piece();
    co_return piece;
}

void H1Session::Impl::abandon(const Failure& why) noexcept {
    if (head_complete_ && decoder_.at_end() && request_complete_) return;  // nothing to give up
    end(why);
}

void H1Session::Impl::end(const Failure& why) noexcept {
    if (ended_) return;
    ended_ = true;
    if (!failure_) failure_ = why;
    deadlines_.stop();
    stream_->close();  // wakes who waits for it
    if (phase_ != Phase::leased) phase_ = Phase::over;
    sent_.notify();
    turned_.notify();
}

bool H1Session::Impl::is_reusable() const {
    return !ended_ && !failure_ && request_complete_ && !send_failed_ && head_complete_ && keep_ &&
           written_ == output_.size();
}

void H1Session::Impl::release() noexcept {
    deadlines_.stop();
    phase_ = ended_ ? Phase::over : Phase::finishing;
    if (!ended_) {
        const auto rest = decoder_.remaining();
        if (!is_reusable()) {
            end(abandoned);
        } else if (decoder_.at_end()) {
            become_idle();
        } else if (rest && *rest > limits_.drain_bytes) {
            end(abandoned);
        }
    }
    turned_.notify();
    if (listener_ != nullptr && phase_ != Phase::finishing) listener_->capacity_changed(self_);
}

// After a whole response nothing may follow; what does belongs to no request.
void H1Session::Impl::become_idle() {
    idle_since = loop_.now();
    if (!input_.unread().empty() || draining_) return end(abandoned);
    input_.release();
    phase_ = Phase::idle;
}

void H1Session::Impl::drain() noexcept {
    draining_ = true;
    if (phase_ != Phase::leased) end(abandoned);
}

Task<void> H1Session::Impl::run(SessionListener& listener) {
    listener_ = &listener;
    while (phase_ != Phase::over) {
        if (write_blocked_ && !ended_) {
            co_await write_when_possible();
        } else if (phase_ == Phase::idle) {
            co_await watch_idle();
        } else if (phase_ == Phase::finishing) {
            co_await finish_response();
        } else {
            co_await turned_.wait();
        }
    }
    listener.capacity_changed(self_);
}

Task<void> H1Session::Impl::write_when_possible() {
    co_await stream_->wait_writable();
    write_blocked_ = false;
    write();
}

// Data or an end while nothing was asked for: this connection is of no more use. (A TLS record
// without data, such as a session ticket, shows as readiness to read nothing.)
Task<void> H1Session::Impl::watch_idle() {
    co_await stream_->wait_readable();
    if (phase_ != Phase::idle) co_return;
    std::array<char, 256> unasked;
    if (stream_->try_read(unasked).state != IoState::would_block) {
        end({Errc::peer_closed, Side::origin});
    }
}

// Reads away what is left of a response whose client has gone: cheaper than a new connection.
Task<void> H1Session::Impl::finish_response() {
    const auto deadline = loop_.now() + limits_.drain_time;
    deadlines_.start({.response_body = limits_.drain_time});
    deadlines_.note_head_given();
    auto left = limits_.drain_bytes;
    while (phase_ == Phase::finishing) {
        const auto piece = co_await receive_body();
        if (phase_ != Phase::finishing) break;
        if (piece && piece->empty()) {
            become_idle();
        } else if (!piece || piece->size() > left || loop_.now() >= deadline) {
            end(abandoned);
        } else {
            left -= piece->size();
        }
    }
    deadlines_.stop();
    if (phase_ == Phase::idle) listener_->capacity_changed(self_);
}

H1Session::H1Session(loop::Loop& loop, net::Dialled dialled, const H1SessionLimits& limits)
    : impl_(std::make_unique<Impl>(*this, loop, std::move(dialled), limits)) {}

H1Session::~H1Session() = default;

std::size_t H1Session::capacity() const { return impl_->is_idle() ? 1 : 0; }
std::size_t H1Session::streams() const { return impl_->is_leased() ? 1 : 0; }
bool H1Session::is_retired() const { return impl_->is_retired(); }
StreamLease H1Session::open_stream(const StreamTimeouts& timeouts) { return impl_->open(timeouts); }
void H1Session::drain() noexcept { impl_->drain(); }
void H1Session::close(const Failure& why) noexcept { impl_->end(why); }
Task<void> H1Session::run(SessionListener& listener) { return impl_->run(listener); }
const std::string& H1Session::peer_address() const { return impl_->address; }
TimePoint H1Session::idle_since() const { return impl_->idle_since; }

}  // namespace nikawa::origin
