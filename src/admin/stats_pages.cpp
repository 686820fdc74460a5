#include "nikawa/admin/stats_pages.hpp"

#include <algorithm>
#include <thread>

#include "admin/stats_json.hpp"
#include "nikawa/http/date_field.hpp"

namespace nikawa::admin {
namespace {

constexpr std::string_view stats_path = "/.api/stats";
constexpr std::string_view http_stats_path = "/.api/http-stats";

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// "pp=1" or "pp=true" in the query, as chocon has it.
Layout layout_of(std::string_view target) {
    auto query = target.substr(path_of(target).size());
    while (!query.empty()) {
        query.remove_prefix(1);
        const auto pair = query.substr(0, query.find('&'));
        if (pair == "pp=1" || pair == "pp=true") return Layout::indented;
        query.remove_prefix(pair.size());
    }
    return Layout::dense;
}

std::string_view host_of(const http::RequestHead& head) {
    return head.fields.find(http::FieldId::host).value_or("");
}

}  // namespace

StatsPages::StatsPages(loop::Loop& loop,
                       const StatsPagesSettings& settings,
                       const StatsReporter& stats,
                       std::size_t shards,
                       telemetry::AccessLog& log,
                       client::RequestHandler& next,
                       WallClock wall_clock)
    : loop_(loop),
      settings_(settings),
      stats_(stats),
      shards_(shards),
      log_(log),
      next_(next),
      wall_clock_(wall_clock) {}

// No coroutine of its own: what is not ours costs a comparison and no frame.
Task<void> StatsPages::handle(client::ClientExchange& exchange) {
    const auto page = page_of(exchange.head().target);
    if (!page || !is_for_us(exchange.head())) return next_.handle(exchange);
    static constexpr Failure bad_method{Errc::bad_method, Side::client};  // is looked at later
    const auto& method = exchange.head().method;
    if (method == "GET" || method == "HEAD") return answer(exchange, *page);
    return refuse(exchange, bad_method);
}

Task<void> StatsPages::refuse(client::ClientExchange& exchange, const Failure& failure) {
    return next_.refuse(exchange, failure);
}

// chocon looks at the beginning of the path only.
std::optional<StatsPages::Page> StatsPages::page_of(std::string_view target) {
    if (target.starts_with(stats_path)) return Page::stats;
    if (target.starts_with(http_stats_path)) return Page::http_stats;
    return std::nullopt;
}

bool StatsPages::is_for_us(const http::RequestHead& head) const {
    constexpr auto form = mapping::HostForm::host_field;  // the page's path is no absolute target
    return settings_.takes_every_host ||
           !mapping::map_host(host_of(head), settings_.host_rules, form);
}

Task<void> StatsPages::answer(client::ClientExchange& exchange, Page page) {
    const auto& head = exchange.head();
    telemetry::ExchangeRecord record{.time = wall_clock_()};
    const std::string body = body_of(page, head.target);
    http::ResponseHead response;
    response.status = record.status = 200;
    response.fields.add("Content-Type", "application/json");
    response.fields.add("Cache-Control", "no-store");
    response.fields.add("Content-Length", std::to_string(body.size()));
    http::add_date(response.fields, record.time);
    http::BodyFraming framing = http::Sized{body.size()};
    if (head.method == "HEAD") framing = http::NoBody{};
    exchange.begin_response(response, framing);
    static const http::FieldBlock no_trailers;
    const auto sent = co_await exchange.finish_response(body, no_trailers);
    if (!sent) {
        record.status = 499;
        record.failure = sent.error();
    }
    record.client_address = exchange.client_address();
    record.method = head.method;
    record.path = path_of(head.target);
    record.user_agent = head.fields.find(http::FieldId::user_agent).value_or("");
    record.host = telemetry::without_userinfo(host_of(head));
    record.request_bytes = exchange.request_bytes();
    record.response_bytes = exchange.response_bytes();
    record.total = loop_.now() - exchange.started_at();
    log_.write(record);
}

std::string StatsPages::body_of(Page page, std::string_view target) const {
    auto stats = stats_.collect();
    const auto layout = layout_of(target);
    if (page == Page::http_stats) {
        stats.http.keep_newest(settings_.most_samples);
        return http_stats_json(stats.http, layout);
    }
    const ProcessFigures process{.time = wall_clock_(),
                                 .version = settings_.version,
                                 .uptime = loop_.now() - settings_.started,
                                 .threads = shards_,
                                 .cpus = std::max(std::thread::hardware_concurrency(), 1U),
                                 .memory = MemoryFigures::now(),
                                 .body_bytes = stats.body_bytes,
                                 .memory_refusals = stats.memory_refusals};
    return stats_json(process, stats.origins, layout);
}

}  // namespace nikawa::admin
