#include "proxy/exchange_run.hpp"

#include <algorithm>

#include "nikawa/http/date_field.hpp"
#include "nikawa/proxy/may_resend.hpp"
#include "proxy/max_forwards.hpp"
#include "proxy/upgrade.hpp"

namespace nikawa::proxy {
namespace {

using telemetry::without_userinfo;

constexpr unsigned switching = 101;  // RFC 9110 §15.2.2
constexpr unsigned too_early = 425;  // RFC 8470 §5.2

// chocon logs the path without the query, which may hold what does not belong in a log, either.
std::string_view path_of(std::string_view target) {
    const auto path = target.substr(0, target.find('?'));
    return path.starts_with('/') ? path : without_userinfo(path);
}

std::string_view protocol_text(net::Protocol protocol) {
    return protocol == net::Protocol::http_2 ? "h2" : "http/1.1";
}

// Requests that another reader could read in another way, and what is after them, too.
constexpr bool spoils_the_connection(Errc code) {
    return code == Errc::bad_head || code == Errc::bad_host || code == Errc::tunnel_refused;
}

}  // namespace

ExchangeRun::ExchangeRun(Forwarder& forwarder, client::ClientExchange& exchange)
    : forwarder_(forwarder),
      exchange_(exchange),
      body_(forwarder.loop_, exchange, forwarder.settings_.replay_bytes, forwarder.memory_) {
    record_.time = forwarder.wall_clock_();
    choose_request_id();
}

ExchangeRun::~ExchangeRun() { exchange_.watch_client(nullptr); }

void ExchangeRun::choose_request_id() {
    const auto& name = forwarder_.settings_.identity.request_id_field;
    const auto given = exchange_.head().fields.find(name);
    id_is_ours_ = !given || !is_usable_request_id(*given);
    const auto keep = [this](std::string_view id) {
        std::copy(id.begin(), id.end(), id_.begin());
        id_bytes_ = id.size();
    };
    if (id_is_ours_) {
        const auto made = forwarder_.ids_.next(record_.time);
        keep({made.data(), made.size()});
    } else {
        keep(*given);
    }
}

Task<void> ExchangeRun::forward() {
    if (exchange_.head().method == "CONNECT") co_return co_await forward_connect();
    auto done = prepare();
    if (done && final_answer_) {
        co_await send_own(std::move(*final_answer_));
        log();
        co_return;
    }
    if (done) done = co_await run_attempts();
    if (!done) co_await answer(done.error());
    log();
}

Task<void> ExchangeRun::refuse(Failure failure) {
    host_ = exchange_.head().fields.find(http::FieldId::host).value_or("");
    co_await answer(failure);
    log();
}

// Everything that needs no origin: what the request means, and what becomes of its head.
Result<void> ExchangeRun::prepare() {
    auto& head = exchange_.head();
    const auto& settings = forwarder_.settings_;
    const auto reach = reach_of(head);
    if (reach && *reach == Reach::here) final_answer_ = final_answer(head);
    host_ = head.fields.find(http::FieldId::host).value_or("");
    const auto normalized = normalize_target(head);
    if (!normalized) {
        host_ = head.fields.find(http::FieldId::host).value_or("");  // or the target's in its place
        return normalized.error();
    }
    std::string host_field;  // beside the target that takes its place
    if (*normalized != mapping::HostForm::host_field) {
        host_field = std::exchange(host_, *head.fields.find(http::FieldId::host));
    }
    if (!reach) return reach.error();
    if (is_loop(head, settings.identity.via_name)) {
        return Failure{Errc::loop_detected, Side::client};
    }
    if (settings.fixed_origin) {
        origin_ = *settings.fixed_origin;
    } else {
        auto mapped = mapping::map_host(host_, settings.host_rules, *normalized);
        if (!mapped) return mapped.error();
        origin_ = std::move(*mapped);
    }
    origin_text_ = origin_.to_string();
    if (settings.targets != nullptr) {
        if (const auto refused = settings.targets->refuse(origin_)) return *refused;
    }
    // An HTTP/1.0 client need not name anyone.
    const bool keeps_host = settings.fixed_origin && head.fields.find(http::FieldId::host);
    if (keeps_host) {
        const auto checked = mapping::check_host(host_);
        if (!checked) return checked;
    }
    std::string authority = keeps_host ? host_ : origin_.authority();
    const auto signed_host = host_that_is_signed(host_field, authority, *normalized);
    if (authority != signed_host) resigned_ = ResignedRequest::of(head, signed_host);
    if (resigned_ && is_same_host(signed_host, authority)) {
        authority = signed_host;
        resigned_.reset();
    }
    if (resigned_) note_other_signed_hosts(signed_host, authority, *normalized);
    if (*reach == Reach::origin) count_down_forwards(head);  // the client's may be signed
    note_upgrade();
    to_origin(head, authority, request_id(), settings.identity);
    pass_on_upgrade();
    return {};
}

// What a client signs is the field, even where it is the target that counts (RFC 9112 §3.2.2). Only
// one that means the same origin is looked at: a signature for one is none for another.
std::string_view ExchangeRun::host_that_is_signed(std::string_view host_field,
                                                  std::string_view authority,
                                                  mapping::HostForm form) const {
    if (host_field.empty() || host_field == host_) return host_;
    if (is_same_host(host_field, host_) || is_same_host(host_field, authority)) return host_field;
    if (forwarder_.settings_.fixed_origin) return host_;
    const auto meant = mapping::map_host(host_field, forwarder_.settings_.host_rules, form);
    return meant && *meant == origin_ ? host_field : host_;
}

// Some clients leave a port out of what they sign, and URLs that others presigned are for the true
// Host. That is no signature for another origin, either.
void ExchangeRun::note_other_signed_hosts(std::string_view signed_host,
                                          std::string_view authority,
                                          mapping::HostForm form) {
    const auto without_port = signed_host.substr(0, signed_host.rfind(':'));
    const auto meant = mapping::map_host(without_port, forwarder_.settings_.host_rules, form);
    if (meant && *meant == origin_) resigned_->may_be_signed_for(without_port);
    resigned_->may_be_signed_for(authority);
}

// While it is full no exchange begins.
Result<void> ExchangeRun::check_memory() {
    if (!forwarder_.memory_.is_full()) return {};
    forwarder_.memory_.note_refusal();
    return Failure{Errc::memory_exhausted, Side::self};
}

Task<Result<void>> ExchangeRun::run_attempts() {
    const auto room = check_memory();
    if (!room) co_return room;
    if (resigned_) {
        const auto made = co_await resigned_->sign(exchange_.head(), body_, signing());
        if (!made) co_return made;
    }
    const auto fetched = co_await body_.prefetch();
    if (!fetched) co_return fetched;
    exchange_.watch_client(this);
    for (;;) {
        const auto done = co_await attempt();
        if (done) co_return done;
        if (client_gone_) co_return exchange_.why_gone();
        if (!stream_.lease) co_return done;  // no session could be had: the pool has tried
        if (std::exchange(repeat_confirmed_, false)) {
            pool().try_retry(done.error().code, pool::RetryCost::free);
            continue;
        }
        const FailedAttempt failed{
            .method = exchange_.head().method,
            .failure = done.error(),
            .session_reused = stream_.reused || stream_.early || !stream_.cold,
            .response_begun = final_head_received_ || stream_.lease->has_response_begun(),
            .request_is_whole = body_.is_whole(),
            .attempts = record_.attempts};
        if (failed.failure.code == Errc::http_1_1_required) {
            forwarder_.pools_.require_http_1_1(origin_);
        }
        if (!may_resend(failed)) co_return done;
        if (!pool().try_retry(failed.failure.code, retry_cost(failed))) co_return done;
    }
}

Signing ExchangeRun::signing() const {
    return {.credentials = forwarder_.credentials_,
            .max_chunk = forwarder_.settings_.aws_max_chunk,
            .max_body = forwarder_.settings_.aws_max_body,
            .wall_clock = forwarder_.wall_clock_};
}

Task<Result<void>> ExchangeRun::attempt() {
    stream_.lease.reset();
    const auto acquired = co_await acquire();
    if (!acquired) co_return acquired;
    ++record_.attempts;
    const auto done = co_await exchange_messages();
    co_await body_.stop();
    co_return done;
}

// Early data may be replayed by who listens: only what harms nobody then is sent as such.
bool ExchangeRun::may_be_early() const {
    return !was_too_early_ && is_safe(exchange_.head().method) && !body_.is_streamed();
}

Task<Result<void>> ExchangeRun::acquire() {
    auto& loop = forwarder_.loop_;
    auto& pool = this->pool();
    const auto repeatable = may_be_early() ? pool::Repeatable::yes : pool::Repeatable::no;
    if (auto acquired = pool.try_acquire(repeatable)) {
        stream_ = std::move(*acquired);
    } else {
        const TimePoint began = loop.now();
        waiter_.emplace(loop, repeatable);
        auto served = co_await pool.acquire(
            *waiter_, Deadline::after(began, forwarder_.settings_.acquire_timeout));
        if (!served && waiter_->failed_at()) note_failed_dial(*waiter_->failed_at());
        waiter_.reset();
        record_.wait += loop.now() - began;
        if (!served) {
            if (served.error().code == Errc::origin_failing) outage_ = this->pool().outage();
            co_return served.error();
        }
        stream_ = std::move(*served);
    }
    note_stream();
    if (stream_.cold) {
        record_.resolve = stream_.dialled.resolve;
        record_.connect = stream_.dialled.connect;
        record_.tls = stream_.dialled.tls;
        record_.cold = name_of(*stream_.cold);
    }
    if (client_gone_) co_return exchange_.why_gone();
    if (must_acquire_anew()) co_return co_await acquire();
    co_return Result<void>{};
}

// It got no further than that.
void ExchangeRun::note_failed_dial(const net::Endpoint& peer) {
    stream_.address = peer.to_string();
    record_.protocol = {};
    record_.reused = false;
}

void ExchangeRun::note_stream() {
    record_.protocol = protocol_text(stream_.protocol);
    record_.reused = stream_.reused;
}

// Sends the request, or starts to: a body that is not complete in memory is sent beside the waiting
// for the response.
Task<Result<void>> ExchangeRun::send_request() {
    origin::OriginStream& stream = *stream_.lease;
    const auto begun = stream.send_head(exchange_.head(), exchange_.request_framing());
    if (!begun) co_return begun;
    if (body_.is_streamed()) {
        body_.start(stream);
        co_return Result<void>{};
    }
    const auto sent = co_await body_.send(stream);
    // An origin may answer and close without reading the body: the answer counts.
    if (!sent && !stream.has_response_begun()) co_return sent;
    co_return Result<void>{};
}

Task<Result<void>> ExchangeRun::exchange_messages() {
    const auto sent = co_await send_request();
    if (!sent) co_return sent;
    const auto head = co_await receive_final_head();
    if (!head) co_return head.error();
    if ((*head)->status == too_early && stream_.early) {
        was_too_early_ = repeat_confirmed_ = true;
        co_return Failure{Errc::stream_refused, Side::origin};
    }
    if ((*head)->status == switching) co_return co_await switch_protocols(**head);
    final_head_received_ = true;
    record_.first_byte = forwarder_.loop_.now() - exchange_.started_at();
    record_.status = (*head)->status;
    const http::BodyFraming framing = stream_.lease->response_framing();  // of who has answered
    const auto required = required_upgrade(**head);
    to_client(**head, request_id(), forwarder_.settings_.identity);
    if (!required.empty()) add_upgrade((**head).fields, required);
    if (!(*head)->fields.find(http::FieldId::date)) {
        http::add_date((*head)->fields, forwarder_.wall_clock_());
    }
    exchange_.begin_response(**head, framing);
    co_return co_await relay_body(framing);
}

Task<Result<http::ResponseHead*>> ExchangeRun::receive_final_head() {
    auto head = co_await receive_first_head();
    while (head && (*head)->status < 200 && (*head)->status != switching) {
        if ((*head)->status != 100) {  // that is answered by us, and never asked for
            to_client(**head, request_id(), forwarder_.settings_.identity);
            const auto sent = co_await exchange_.send_interim(**head);
            if (!sent) co_return sent.error();
        }
        head = co_await receive_head_despite_doubt(*stream_.lease);
    }
    co_return head;
}

// The head that comes first, an interim one too. While the path is in doubt the request is repeated
// beside it, if it may be.
Task<Result<http::ResponseHead*>> ExchangeRun::receive_first_head() {
    auto head = co_await stream_.lease->receive_head();
    if (head || head.error().code != Errc::path_in_doubt) co_return head;
    const bool may_repeat =
        is_idempotent(exchange_.head().method) && !body_.is_streamed() && body_.is_whole();
    if (may_repeat && pool().try_retry(Errc::path_in_doubt, pool::RetryCost::counted)) {
        co_return co_await race_against_doubted();
    }
    co_return co_await receive_head_despite_doubt(*stream_.lease);
}

Task<Result<http::ResponseHead*>> ExchangeRun::race_against_doubted() {
    constexpr Failure lost{Errc::abandoned, Side::self};
    record_.hedged = true;
    DoubtedListener& listener = *this;
    std::string address = stream_.address;  // of the last attempt, until there is another
    doubted_.emplace(forwarder_.loop_, std::move(stream_), listener);
    stream_.address = std::move(address);
    doubted_->start();
    auto head = co_await repeat();
    if (head) doubted_->abandon(lost);
    co_await doubted_->join();
    if (doubted_->has_answer()) {  // and so the other one was given up
        stream_ = doubted_->take_stream();
        note_stream();
        head = doubted_->head();
    }
    doubted_.reset();
    co_return head;
}

// The request once more, on another session.
Task<Result<http::ResponseHead*>> ExchangeRun::repeat() {
    const auto acquired = co_await acquire();
    if (!acquired) co_return acquired.error();
    ++record_.attempts;
    if (doubted_->has_answer()) co_return Failure{Errc::abandoned, Side::self};
    const auto sent = co_await send_request();
    if (!sent) co_return sent.error();
    co_return co_await receive_head_despite_doubt(*stream_.lease);
}

// Whether a response is whole with the last byte that was announced. Between HTTP/2 and HTTP/2 it
// is not: trailers may follow, or a reset in their place.
bool ExchangeRun::is_ended_by_length() const {
    return exchange_.head().version != http::Version::http_2 ||
           stream_.protocol != net::Protocol::http_2;
}

Task<Result<void>> ExchangeRun::relay_body(http::BodyFraming framing) {
    origin::OriginStream& stream = *stream_.lease;
    static const http::FieldBlock no_trailers;
    const auto* sized = is_ended_by_length() ? std::get_if<http::Sized>(&framing) : nullptr;
    auto left = sized != nullptr ? sized->bytes : 0;
    if (std::holds_alternative<http::NoBody>(framing)) {
        co_return co_await exchange_.finish_response({}, no_trailers);
    }
    for (;;) {
        if (!stream.has_body_ready()) {
            const auto flushed = co_await exchange_.flush();
            if (!flushed) co_return flushed;
        }
        const auto piece = co_await stream.receive_body();
        if (!piece) co_return piece.error();
        left -= std::min<std::uint64_t>(left, piece->size());
        const bool last =
            piece->empty() || stream.was_last_piece() || (sized != nullptr && left == 0);
        if (!last) {
            const auto sent = co_await exchange_.send_body(*piece);
            if (!sent) co_return sent;
            continue;
        }
        co_return co_await exchange_.finish_response(*piece, stream.response_trailers());
    }
}

// The client's failures have no answer it could read, and after a head there is only breaking off.
Task<void> ExchangeRun::answer(Failure failure) {
    stream_.lease.reset();  // whatever the client does now holds nobody else
    record_.failure = failure;
    const Circumstances known = circumstances_of(failure);
    if (known.has_any()) record_.failure_detail = failure_detail_ = reason_of(failure, known);
    const unsigned status = status_of(failure);
    if (exchange_.has_response_begun() || status == 499) {
        if (!exchange_.has_response_begun() || failure.side == Side::client) record_.status = 499;
        exchange_.break_off(failure);
        co_return;
    }
    // Streams of HTTP/2 cannot be taken for one another.
    const bool is_shared = exchange_.head().version == http::Version::http_2;
    if (spoils_the_connection(failure.code) && !is_shared) exchange_.close_after_response();
    const auto& via_name = forwarder_.settings_.identity.via_name;
    const bool names_none = failure.code == Errc::bad_host;
    const std::string subject = names_none ? shown_host(host_) : origin_text_;
    auto own = own_answer(failure, subject, request_id(), via_name, known);
    if (resigned_) resigned_->shape(failure, request_id(), own);
    co_await send_own(std::move(own));
}

Task<void> ExchangeRun::send_own(OwnAnswer own) {
    record_.status = own.head.status;
    own.head.fields.set(forwarder_.settings_.identity.request_id_field, request_id());
    http::add_date(own.head.fields, forwarder_.wall_clock_());
    static const http::FieldBlock no_trailers;
    http::BodyFraming framing = http::Sized{own.body.size()};
    if (exchange_.head().method == "HEAD") framing = http::NoBody{};
    exchange_.begin_response(own.head, framing);
    const auto sent = co_await exchange_.finish_response(own.body, no_trailers);
    if (!sent) record_.status = 499;
}

void ExchangeRun::log() {
    const auto& head = exchange_.head();
    record_.client_address = exchange_.client_address();
    record_.method = head.method;
    record_.path = path_of(head.target);
    record_.user_agent = head.fields.find(http::FieldId::user_agent).value_or("");
    record_.host = without_userinfo(host_);
    record_.request_id = request_id();
    record_.origin = origin_text_;
    record_.origin_address = stream_.address;
    record_.request_bytes += exchange_.request_bytes();  // beside a tunnel's
    record_.response_bytes += exchange_.response_bytes();
    record_.total = forwarder_.loop_.now() - exchange_.started_at();
    const auto traceparent = head.fields.find(http::FieldId::traceparent);
    if (traceparent) record_.trace_id = trace_id_of(*traceparent);
    forwarder_.log_.write(record_);
}

void ExchangeRun::peer_closed() noexcept {
    client_gone_ = true;
    const Failure gone = exchange_.why_gone();
    give_up_attempt(gone);
    if (doubted_) doubted_->abandon(gone);
    if (dial_ != nullptr) dial_->abandon(gone);
    if (tunnel_ != nullptr) tunnel_->cut(gone);
}

void ExchangeRun::give_up_attempt(const Failure& why) noexcept {
    if (waiter_) waiter_->abandon(why);
    if (stream_.lease) stream_.lease->abandon(why);
}

}  // namespace nikawa::proxy
