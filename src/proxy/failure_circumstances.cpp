// The part of ExchangeRun that knows what more there is to say of a failure than its cause.

#include "proxy/exchange_run.hpp"

namespace nikawa::proxy {
namespace {

// That its port is closed tells little to who has meant https all along.
constexpr bool may_be_for_being_plain(Errc code) {
    return code == Errc::connect_failed || code == Errc::connect_timed_out;
}

}  // namespace

Circumstances ExchangeRun::circumstances_of(const Failure& failure) const {
    Circumstances known;
    if (failure.code == Errc::origin_failing && outage_) known.outage = &*outage_;
    if (failure.code == Errc::client_denied) {
        known.more.append(exchange_.client_address()).append(" is not in --allow-client");
    }
    if (failure.code == Errc::loop_detected) {
        const bool is_by_chocon =
            exchange_.head().fields.find(http::FieldId::x_chocon_ver).has_value();
        known.more = is_by_chocon ? "X-Chocon-Ver is in it: a chocon has passed it on"
                                  : "our own name is in its Via";
        if (is_by_chocon) known.advice = "Send it here without a chocon in front.";
    }
    if (resigned_ && failure.code == Errc::signature_refused) {
        known.more = resigned_->subject_of(failure);
    }
    if (is_plain_for_want_of_a_rule(failure)) {
        known.more = "plain http, for no --https-for covers it";
        known.advice =
            "If https is meant, the operator can name the host in --https-for; else look at the "
            "origin.";
    }
    return known;
}

// Whether it failed for being http at port 80, perhaps, and that is so by the form of the target
// alone (RFC 9112 §3.2.2): as a Host field it would name no origin.
bool ExchangeRun::is_plain_for_want_of_a_rule(const Failure& failure) const {
    const auto& settings = forwarder_.settings_;
    const bool is_plain = origin_.scheme == http::Scheme::http && origin_.port == 80;
    if (!is_plain || settings.fixed_origin || exchange_.head().method == "CONNECT") return false;
    if (failure.code == Errc::target_denied) {
        const http::Origin meant{http::Scheme::https, origin_.host, 443};
        if (settings.targets == nullptr || settings.targets->refuse(meant)) return false;
    } else {
        const bool is_out = failure.code == Errc::origin_failing && outage_;
        if (!may_be_for_being_plain(is_out ? outage_->last.code : failure.code)) return false;
    }
    const auto ruled = mapping::map_host(host_, settings.host_rules, mapping::HostForm::host_field);
    return !ruled && ruled.error() == mapping::bad_host(mapping::HostFault::unmarked);
}

}  // namespace nikawa::proxy
