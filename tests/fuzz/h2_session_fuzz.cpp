#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/fuzz_target.hpp"
#include "fuzz/script.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/origin/h2_session.hpp"
#include "support/h2_frames.hpp"
#include "support/memory_stream.hpp"

// A whole HTTP/2 session against an origin that the input plays: see Script for how octets become
// frames, and what happens between them.
namespace nikawa::fuzz {
namespace {

using namespace std::chrono_literals;
namespace h2 = test::h2;

// Small ones, so that their limits are met.
constexpr std::size_t most_exchanges = 12;
constexpr std::size_t first_window = 4096;
constexpr std::size_t stream_window = 32 * 1024;
constexpr std::size_t head_bytes = 512;

// A body's window, its blocks that are half full, and that of its reader.
constexpr std::size_t most_held = most_exchanges * (2 * stream_window + 2 * 64 * 1024);

origin::H2Limits limits_within(MemoryBudget& budget) {
    return {.first_stream_window = first_window,
            .stream_window = stream_window,
            .short_window = 1024,
            .memory = &budget,
            .max_streams = 6,
            .head_bytes = head_bytes,
            .fields = 8,
            .interim_heads = 3,
            .write_timeout = 20s,
            .unindexed_field = {}};
}

/// One exchange, by a holder that reads on only while the script lets it.
class Exchange {
public:
    enum class Kind : std::uint8_t { get, head, sized_upload, chunked_upload };

    Exchange(loop::Loop& loop, origin::StreamLease lease, Kind kind)
        : loop_(loop), lease_(std::move(lease)), go_on_(loop), kind_(kind) {}

    void start() {
        http::RequestHead head;
        head.method = kind_ == Kind::get ? "GET" : kind_ == Kind::head ? "HEAD" : "POST";
        head.target = "/fuzz";
        head.fields.add("Host", "api.example.com");
        http::BodyFraming framing = http::NoBody{};
        if (kind_ == Kind::sized_upload) framing = http::Sized{3 * upload_.size()};
        if (kind_ == Kind::chunked_upload) framing = http::Chunked{};
        const auto sent = lease_->send_head(head, framing);
        if (sent && is_upload()) {
            ++tasks_;
            loop_.spawn(send());
        }
        ++tasks_;
        loop_.spawn(receive());
    }

    [[nodiscard]] bool has_ended() const { return tasks_ == 0; }
    [[nodiscard]] unsigned ends() const { return ends_; }

    void read_on() { go_on_.notify(); }
    void hurry() {
        hurries_ = true;
        go_on_.notify();
    }
    void abandon() { lease_->abandon({Errc::client_gone, Side::client}); }
    /// Lets go of the stream; only when it has ended.
    void release() { lease_.reset(); }

private:
    [[nodiscard]] bool is_upload() const {
        return kind_ == Kind::sized_upload || kind_ == Kind::chunked_upload;
    }

    Task<void> send() {
        for (int i = 0; i < 3; ++i) {
            const auto sent = co_await lease_->send_body(upload_);
            if (!sent) break;
        }
        http::FieldBlock trailers;
        if (kind_ == Kind::chunked_upload) trailers.add("x-sum", "1");
        co_await lease_->finish_body({}, trailers);
        --tasks_;
    }

    Task<void> receive() {
        co_await receive_response();
        ++ends_;
        --tasks_;
    }

    Task<void> receive_response() {
        unsigned status = 0;
        while (status < 200) {
            const auto head = co_await lease_->receive_head();
            if (!head) {
                if (head.error().code == Errc::path_in_doubt) continue;
                co_return;
            }
            status = (*head)->status;
            require(status >= 100 && status <= 999 && (*head)->fields.size() <= 8);
            require_sound((*head)->fields);
        }
        const auto framing = lease_->response_framing();
        std::uint64_t bytes = 0;
        for (;;) {
            if (!hurries_) co_await go_on_.wait();
            const auto piece = co_await lease_->receive_body();
            if (!piece) co_return;
            if (piece->empty()) break;
            bytes += piece->size();
        }
        // What ended well is as long as it said.
        if (const auto* sized = std::get_if<http::Sized>(&framing)) require(bytes == sized->bytes);
        if (std::holds_alternative<http::NoBody>(framing)) require(bytes == 0);
        require_sound(lease_->response_trailers());
    }

    loop::Loop& loop_;
    origin::StreamLease lease_;
    loop::Event go_on_;
    Kind kind_;
    std::string upload_ = std::string(5000, 'u');
    bool hurries_ = false;
    unsigned tasks_ = 0;
    unsigned ends_ = 0;
};

class World final : private origin::SessionListener {
public:
    explicit World(std::uint8_t settings) : budget_(settings % 4 == 0 ? 0 : 64 * 1024) {
        loop_.set_now(TimePoint{1h});
        auto pair = test::make_stream_pair(loop_);
        far_ = std::move(pair.far);
        session_ =
            std::make_unique<origin::H2Session>(loop_,
                                                net::Dialled{.stream = std::move(pair.near),
                                                             .protocol = net::Protocol::http_2,
                                                             .times = {},
                                                             .address = {},
                                                             .resumed = false},
                                                limits_,
                                                scratch_);
        loop_.spawn(serve());
        loop_.run_turn();
    }

    /// Ends all of it, and looks at what is left: nothing.
    ~World() {
        session_->close({Errc::pool_closed, Side::self});
        hurry();
        require(served_ && loop_.task_count() == 0);
        require(exchanges_.empty());
        session_.reset();
        require(budget_.held() == 0);
    }

    World(const World&) = delete;
    World& operator=(const World&) = delete;

    void begin(std::uint8_t kind) {
        if (exchanges_.size() == most_exchanges || session_->capacity() == 0) return;
        exchanges_.emplace_back(
            loop_, session_->open_stream(timeouts), static_cast<Exchange::Kind>(kind % 4));
        exchanges_.back().start();
        run();
    }

    /// What the origin sends; what does not fit the wire is lost, which is one more wrong to do.
    void send(Bytes bytes) {
        if (far_->is_closed()) return;
        far_->try_write({&bytes, 1});
        run();
    }

    void read_on() {
        for (Exchange& exchange : exchanges_) exchange.read_on();
        run();
    }

    void hurry() {
        for (Exchange& exchange : exchanges_) exchange.hurry();
        run();
    }

    void abandon(std::uint8_t which) {
        if (exchanges_.empty()) return;
        auto at = exchanges_.begin();
        std::advance(at, which % exchanges_.size());
        at->abandon();
        run();
    }

    void advance(Duration time) {
        loop_.advance_to(loop_.now() + time);
        run();
    }

    void probe() {
        session_->probe();
        run();
    }
    void doubt() {
        session_->doubt();
        run();
    }
    void drain() {
        session_->drain();
        run();
    }
    void hang_up() {
        far_->close();
        run();
    }
    /// Whether the origin takes what we send from now on.
    void set_reads(bool reads) {
        reads_ = reads;
        run();
    }

private:
    static constexpr origin::StreamTimeouts timeouts{
        .response_head = 10s, .response_body = 10s, .write = 10s};

    void capacity_changed(origin::OriginSession& session) noexcept override {
        require(&session == session_.get() && session.capacity() <= limits_.max_streams);
    }
    void heard(origin::OriginSession&) noexcept override {}

    Task<void> serve() {
        co_await session_->run(*this);
        served_ = true;
    }

    void run() {
        loop_.run_turn();
        std::array<char, 4096> taken;
        while (reads_ && !far_->is_closed() &&
               far_->try_read(taken).state == net::IoResult::State::done) {
            loop_.run_turn();
        }
        exchanges_.remove_if([](Exchange& exchange) {
            if (!exchange.has_ended()) return false;
            require(exchange.ends() == 1);
            exchange.release();
            return true;
        });
        loop_.run_turn();
        require(budget_.held() <= most_held);
    }

    loop::Loop loop_;
    MemoryBudget budget_;
    origin::H2Limits limits_ = limits_within(budget_);
    std::array<char, 4096> scratch_;
    std::unique_ptr<test::MemoryStream> far_;
    std::unique_ptr<origin::H2Session> session_;
    std::list<Exchange> exchanges_;
    bool reads_ = true;
    bool served_ = false;
};

// Header blocks that get past HPACK, so that what comes behind it is met.
std::string block(std::uint8_t which) {
    using h2::field;
    const std::string ok{h2::ok};
    switch (which % 10) {
        case 0: return ok;
        case 1: return ok + field("content-length", "5");
        case 2: return field(":status", "103") + field("link", "</a>");
        case 3: return field(":status", "204");
        case 4: return field("x-trailer", "1");
        case 5: return ok + field("x-large", std::string(120, 'x'));
        case 6:
            return ok + "\x40" + h2::number(1, 1) + "y" + h2::number(100, 1) +
                   std::string(100, 'y');
        case 7: return ok + std::string(20, '\xbe');
        case 8: return ok + field(":path", "/");
        default: return ok + field("connection", "close");
    }
}

// The next frame of the origin's: of a known kind and right in itself, for the most part.
std::string next_frame(Script& script) {
    const std::uint32_t stream = script.octet() % 32;
    const std::uint8_t flags = script.octet();
    const std::uint8_t value = script.octet();
    switch (script.octet() % 12) {
        case 0: return h2::headers(stream, block(value), flags | h2::end_headers);
        case 1: return h2::headers(stream, block(value), flags & ~(h2::padded | 0x20U));
        case 2: return h2::data(stream, std::string(std::size_t{value} * 16, 'd'), flags & 1U);
        case 3: return h2::rst_stream(stream, static_cast<h2::Error>(value % 14));
        case 4:
            return h2::settings(
                {{static_cast<std::uint16_t>(flags % 9), std::uint32_t{value} << (flags / 16)}});
        case 5: return h2::settings_ack();
        case 6: return h2::ping();
        case 7:
            return h2::go_away(value == 0xff ? 0x7fffffff : stream,
                               static_cast<h2::Error>(flags % 14));
        case 8:
            return h2::window_update(flags % 4 == 0 ? 0 : stream,
                                     std::uint32_t{value} << (flags / 8));
        case 9: return h2::frame(h2::Type::continuation, flags, stream, block(value));
        case 10: return h2::data(stream, "hello", h2::end_stream);
        default:
            return h2::frame(
                static_cast<h2::Type>(flags), value, stream, script.take(script.octet()));
    }
}

void play(Script& script) {
    World world{script.octet()};
    world.begin(script.octet());
    world.begin(script.octet());
    while (!script.is_over()) {
        switch (script.octet() % 16) {
            case 0: world.begin(script.octet()); break;
            case 1: world.read_on(); break;
            case 2: world.hurry(); break;
            case 3: world.abandon(script.octet()); break;
            case 4: world.advance(script.octet() * 100ms); break;
            case 5: world.send(script.take(script.octet())); break;
            case 6: {
                const std::string frame = next_frame(script);
                world.send(h2::repeated(frame, script.octet()));
                break;
            }
            case 7: world.set_reads(script.octet() % 2 == 0); break;
            case 8:
                switch (script.octet() % 32) {
                    case 0: world.drain(); break;
                    case 1: world.hang_up(); break;
                    case 2: world.doubt(); break;
                    case 3: world.probe(); break;
                    default: world.send(h2::settings() + h2::settings_ack()); break;
                }
                break;
            default: world.send(next_frame(script)); break;
        }
    }
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    // Long inputs find nothing that short ones do not.
    fuzz::Script script{fuzz::text(data, std::min<std::size_t>(size, 4096))};
    fuzz::play(script);
    return 0;
}
