#include "origin/session_end.hpp"

#include <gtest/gtest.h>

namespace nikawa::origin {
namespace {

namespace errc = boost::system::errc;

boost::system::error_code error(errc::errc_t code) { return errc::make_error_code(code); }

TEST(SessionEnd, OfAnIdleSessionIsTheOriginsUnlessThePathIsLost) {
    EXPECT_EQ(end_while_idle({}), SessionEnd::idle_closed);
    EXPECT_EQ(end_while_idle(error(errc::connection_reset)), SessionEnd::idle_closed);
    EXPECT_EQ(end_while_idle(error(errc::broken_pipe)), SessionEnd::idle_closed);
    EXPECT_EQ(end_while_idle(error(errc::timed_out)), SessionEnd::broken);
    EXPECT_EQ(end_while_idle(error(errc::host_unreachable)), SessionEnd::broken);
    EXPECT_EQ(end_while_idle(error(errc::network_unreachable)), SessionEnd::broken);
}

TEST(SessionEnd, FollowsHowTheStreamFailed) {
    EXPECT_EQ(end_by({Errc::stream_refused, Side::origin}), SessionEnd::idle_closed);
    EXPECT_EQ(end_by({Errc::stream_refused, Side::origin, error(errc::timed_out)}),
              SessionEnd::broken);
    EXPECT_EQ(end_by({Errc::peer_closed, Side::origin}), SessionEnd::broken);
    EXPECT_EQ(end_by({Errc::response_head_timed_out, Side::origin}), SessionEnd::broken);
    EXPECT_EQ(end_by({Errc::client_gone, Side::client}), SessionEnd::ours);
    EXPECT_EQ(end_by({Errc::abandoned, Side::self}), SessionEnd::ours);
}

}  // namespace
}  // namespace nikawa::origin
