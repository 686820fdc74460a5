#include "nikawa/origin/session_factory.hpp"

namespace nikawa::origin {

SessionFactory::SessionFactory(loop::Loop& loop, net::Dialer& dialer, Limits limits)
    : loop_(loop),
      dialer_(dialer),
      limits_(std::move(limits)),
      scratch_(std::make_unique_for_overwrite<char[]>(scratch_bytes)) {}

Task<net::DialResult<DialledSession>> SessionFactory::dial(const http::Origin& origin,
                                                           net::DialMode mode) {
    auto dialled = co_await dialer_.dial(origin, mode);
    if (!dialled) co_return dialled.error();
    DialledSession made{.session = nullptr,
                        .times = dialled->times,
                        .address = dialled->address,
                        .resumed = dialled->resumed};
    if (dialled->protocol == net::Protocol::http_2) {
        made.session = std::make_unique<H2Session>(
            loop_, std::move(*dialled), limits_.h2, MutableBytes{scratch_.get(), scratch_bytes});
    } else {
        made.session = std::make_unique<H1Session>(loop_, std::move(*dialled), limits_.h1);
    }
    co_return std::move(made);
}

}  // namespace nikawa::origin
