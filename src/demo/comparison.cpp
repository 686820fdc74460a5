#include "demo/comparison.hpp"

#include <algorithm>
#include <cstdio>
#include <ostream>
#include <span>
#include <vector>

namespace nikawa::demo {
namespace {

double ms(Duration duration) { return std::chrono::duration<double, std::milli>{duration}.count(); }

template <class... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
    std::array<char, 256> line;
    const int written = std::snprintf(line.data(), line.size(), format, arguments...);
    return {line.data(), std::min<std::size_t>(static_cast<std::size_t>(written), line.size() - 1)};
}

Timing mean(std::span<const Timing> timings) {
    Timing sum;
    for (const Timing& timing : timings) {
        sum.connect += timing.connect;
        sum.tls += timing.tls;
        sum.first_byte += timing.first_byte;
        sum.total += timing.total;
    }
    const auto count = static_cast<Duration::rep>(timings.size());
    return {sum.connect / count, sum.tls / count, sum.first_byte / count, sum.total / count};
}

/// The timings of `requests` requests one after the other. What goes wrong is told to `out`, and
/// nothing is given.
std::vector<Timing> measure(const Destination& destination,
                            const char* route,
                            const Comparison& comparison,
                            const StopSignal& stop,
                            std::ostream& out) {
    std::vector<Timing> timings;
    for (int i = 0; i < comparison.requests; ++i) {
        // A cold request needs three round trips; what takes more than ten is not coming.
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::seconds{10} + 10 * comparison.rtt;
        const auto response = get(destination, until, stop);
        if (stop.is_raised()) return {};
        if (!response) {
            out << "nikawa --demo: a request " << route << " failed: " << describe(response.error())
                << std::endl;
            return {};
        }
        if (response->status != 200) {
            out << "nikawa --demo: a request " << route << " was answered with status "
                << response->status << ":\n"
                << response->body << std::endl;
            return {};
        }
        timings.push_back(response->timing);
    }
    return timings;
}

std::string introduction(const Comparison& comparison) {
    return formatted(
        "\nRequests to https://%s, a TLS origin with an emulated %.0f ms round\n"
        "trip; each on a new client connection, as a PHP worker does.\n\n",
        comparison.origin_name.c_str(),
        ms(comparison.rtt));
}

std::string table(const Comparison& comparison,
                  const Timing& direct,
                  const Timing& first,
                  const Timing& others) {
    constexpr const char* heading =
        "milliseconds                    connect     TLS  first byte   total   trips\n";
    return heading + table_row("direct HTTPS, each request", direct, comparison.rtt) +
           table_row("through nikawa, first request", first, comparison.rtt) +
           table_row("through nikawa, every other", others, comparison.rtt) +
           formatted(
               "\n%.0f ms instead of %.0f ms: nikawa keeps the session, so connect and TLS\n"
               "are paid once and not by each request.\n",
               ms(others.total),
               ms(direct.total));
}

std::string what_to_try(const Comparison& comparison) {
    const auto command = [&](const char* curl) {
        return formatted("  %s -H 'Host: %s.ccnproxy-https:%u' http://127.0.0.1:%u/\n",
                         curl,
                         comparison.origin_name.c_str(),
                         unsigned{comparison.relay_port},
                         unsigned{comparison.daemon_port});
    };
    return "\nTry it; -i shows the response's fields, such as Via and X-Chocon-Id:\n\n" +
           command("curl") + command("curl -i") +
           "\nEach request writes one line of JSON to the access log: where its time went,\n"
           "and whether its session was reused. Ctrl-C ends it.\n\n";
}

}  // namespace

Timing as_over_distance(Timing measured, Duration rtt) {
    const Duration handshake = std::min(rtt, measured.tls);
    measured.connect += handshake;
    measured.tls -= handshake;
    return measured;
}

std::string table_row(const std::string& label, const Timing& timing, Duration rtt) {
    const auto tls = timing.tls > Duration::zero() ? formatted("%.1f", ms(timing.tls)) : "-";
    const auto trips =
        rtt > Duration::zero() ? formatted("%.1f", ms(timing.total) / ms(rtt)) : std::string{"-"};
    return formatted("%-31s%8.1f%8s%12.1f%8.1f%8s\n",
                     label.c_str(),
                     ms(timing.connect),
                     tls.c_str(),
                     ms(timing.first_byte),
                     ms(timing.total),
                     trips.c_str());
}

void run_comparison(const Comparison& comparison, const StopSignal& stop, std::ostream& out) {
    const std::string port = ":" + std::to_string(comparison.relay_port);
    const Destination origin{comparison.relay_port, comparison.origin_name + port, comparison.tls};
    const Destination proxy{
        comparison.daemon_port, comparison.origin_name + ".ccnproxy-https" + port, nullptr};

    out << introduction(comparison) << std::flush;
    auto direct = measure(origin, "straight to the origin", comparison, stop, out);
    if (direct.empty()) return;
    const auto proxied = measure(proxy, "through nikawa", comparison, stop, out);
    if (proxied.empty()) return;

    for (Timing& timing : direct) timing = as_over_distance(timing, comparison.rtt);
    const auto others = std::span{proxied}.subspan(1);
    // In one piece, because the access log may be written to the same terminal.
    out << table(comparison, mean(direct), proxied.front(), mean(others)) + what_to_try(comparison)
        << std::flush;
}

}  // namespace nikawa::demo
