#include "client/h2_reset.hpp"

#include <array>

#include "nikawa/http/h2_error.hpp"

namespace nikawa::client {
namespace {

H2Reset passed_on(const boost::system::error_code& origins) {
    for (const auto reset : std::array{H2Reset::cancelled, H2Reset::too_much}) {
        if (origins == http::h2_error(static_cast<std::uint32_t>(reset))) return reset;
    }
    return H2Reset::broken;
}

}  // namespace

// An origin that fell silent or was lost is no CANCEL: who subscribes to something ends with that,
// as if he had wanted it, and tries again after an error.
H2Reset reset_for(const Failure& why) {
    switch (why.code) {
        case Errc::stream_reset: return passed_on(why.cause);
        case Errc::body_too_large:
        case Errc::signed_body_too_large:
        case Errc::memory_exhausted: return H2Reset::too_much;
        case Errc::bad_framing:
        case Errc::signature_refused: return H2Reset::malformed;
        case Errc::write_timed_out:
            return why.side == Side::client ? H2Reset::cancelled : H2Reset::broken;
        default: return H2Reset::broken;
    }
}

}  // namespace nikawa::client
