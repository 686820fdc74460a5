#include "daemon/options_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/options_fixture.hpp"

namespace nikawa::daemon {
namespace {

using testing::ElementsAre;

TEST(WarningAboutVariable, IsOfWhatNoOptionReads) {
    const struct {
        std::string_view name;
        std::string_view value;
        std::string_view warning;
    } rows[] = {
        {"NIKAWA_REED_TIMEOUT",
         "10s",
         "NIKAWA_REED_TIMEOUT has no effect: there is no such option; did you mean "
         "NIKAWA_READ_TIMEOUT?"},
        {"NIKAWA_NO_CHECK", "1", "NIKAWA_NO_CHECK has no effect: there is no such option"},
        {"NIKAWA_UNHEARD_OF", "1", "NIKAWA_UNHEARD_OF has no effect: there is no such option"},
        {"NIKAWA_read_timeout",
         "1",
         "NIKAWA_read_timeout has no effect: there is no such option; did you mean "
         "NIKAWA_READ_TIMEOUT?"},
        {"NIKAWA_NO_HTTP2",
         "1",
         "NIKAWA_NO_HTTP2 has no effect: there is no such option; did you mean "
         "NIKAWA_HTTP2=false?"},
        {"NIKAWA_DEMO", "1", "NIKAWA_DEMO has no effect: --demo is for the command line alone"},
        {"NIKAWA_", "", "NIKAWA_ has no effect: there is no such option"},
        {"NIKAWA_SERVICE", "x", "NIKAWA_SERVICE has no effect: there is no such option"},
        {"NIKAWA_PROT_3000", "x", "NIKAWA_PROT_3000 has no effect: there is no such option"},
        {"NIKAWA_LISTEN_PORT", "80", "NIKAWA_LISTEN_PORT has no effect: there is no such option"},
        {"NIKAWA_READ_TIMEOUT", "x", ""},
        {"NIKAWA_CONFIG", "x", ""},
        {"NIKAWA_PORT", "1", ""},
        {"NIKAWA", "", ""},
        {"nikawa_port", "", ""},
        {"OTHER_REED_TIMEOUT", "", ""},
        // Of Kubernetes, beside services nikawa, nikawa-b2 and nikawa-allow.
        {"NIKAWA_PORT", "tcp://10.0.0.1:3000", ""},
        {"NIKAWA_SERVICE_HOST", "10.0.0.1", ""},
        {"NIKAWA_SERVICE_PORT", "3000", ""},
        {"NIKAWA_SERVICE_PORT_HTTP", "3000", ""},
        {"NIKAWA_PORT_3000_TCP", "tcp://10.0.0.1:3000", ""},
        {"NIKAWA_PORT_3000_TCP_PROTO", "tcp", ""},
        {"NIKAWA_PORT_3000_TCP_PORT", "3000", ""},
        {"NIKAWA_PORT_3000_TCP_ADDR", "10.0.0.1", ""},
        {"NIKAWA_B2_SERVICE_HOST", "10.0.0.1", ""},
        {"NIKAWA_B2_SERVICE_PORT_HTTP", "80", ""},
        {"NIKAWA_B2_PORT", "udp://10.0.0.1:3000", ""},
        {"NIKAWA_B2_PORT_53_UDP_ADDR", "10.0.0.1", ""},
        {"NIKAWA_ALLOW_PORT", "tcp://10.0.0.1:80", ""},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.name);
        EXPECT_EQ(warning_about_variable(row.name, row.value), row.warning);
    }
}

TEST(ParseOptions, WarnsOfVariablesThatHaveNoEffect) {
    const Variable wrong{"NIKAWA_REED_TIMEOUT", "10s"};
    const Variable right{"NIKAWA_READ_TIMEOUT", "10s"};
    const Variable of_kubernetes{"NIKAWA_SERVICE_HOST", "10.0.0.1"};
    const std::string warning =
        "NIKAWA_REED_TIMEOUT has no effect: there is no such option; did you mean "
        "NIKAWA_READ_TIMEOUT?";
    EXPECT_THAT(accepted({}).warnings, ElementsAre(warning));
    EXPECT_EQ(std::get<ExitNow>(parse({"--check"})).text,
              "warning: " + warning + "\nconfiguration is fine\n");
}

}  // namespace
}  // namespace nikawa::daemon
