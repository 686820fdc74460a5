#include "proxy/tunnel_dial.hpp"

#include <utility>

namespace nikawa::proxy {

// Lives in the frame of run(); it and its asker tell each other when they go.
struct TunnelDial::Attempt {
    explicit Attempt(TunnelDial& began_by) : asker(&began_by), abandoned(began_by.abandoned_) {
        asker->attempt_ = this;
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt() {
        if (asker != nullptr) {
            asker->attempt_ = nullptr;
        } else {
            --abandoned.count;
        }
    }

    TunnelDial* asker;
    AbandonedDials& abandoned;
};

TunnelDial::~TunnelDial() {
    if (attempt_ == nullptr) return;
    attempt_->asker = nullptr;
    ++abandoned_.count;
}

Task<net::DialResult<net::Dialled>> TunnelDial::dial(const http::Origin& target) {
    loop_.spawn(run(*this, target));
    const auto may_go = [this] { return given_up_ && abandoned_.count < AbandonedDials::most; };
    while (!outcome_ && !may_go()) co_await settled_.wait();
    if (given_up_) co_return *given_up_;
    co_return std::move(*outcome_);
}

void TunnelDial::abandon(const Failure& why) noexcept {
    given_up_ = why;
    settled_.notify();
}

// Begins before its asker can be woken, and so before that can go.
Task<void> TunnelDial::run(TunnelDial& asker, http::Origin target) {
    Attempt attempt{asker};
    auto dialled = co_await asker.dialer_.dial(target, net::DialMode::plain);
    if (attempt.asker == nullptr) co_return;
    attempt.asker->outcome_.emplace(std::move(dialled));
    attempt.asker->settled_.notify();
}

}  // namespace nikawa::proxy
