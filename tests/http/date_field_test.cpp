#include "nikawa/http/date_field.hpp"

#include <gtest/gtest.h>

namespace nikawa::http {
namespace {

TEST(AddDate, WritesAnImfFixdateWhereThereIsNone) {  // RFC 9110 §5.6.7, §6.6.1
    using Clock = std::chrono::system_clock;
    const struct {
        std::time_t now;
        const char* given;     // nullptr: no Date
        const char* expected;  // the same
    } rows[] = {
        {1709210096, nullptr, "Thu, 29 Feb 2024 12:34:56 GMT"},
        {1735689599, nullptr, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {1709210096, "theirs", "theirs"},
        {0, nullptr, nullptr},
        {-1, nullptr, nullptr},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.now);
        FieldBlock fields;
        if (row.given != nullptr) fields.add("date", row.given);
        add_date(fields, Clock::from_time_t(row.now));
        EXPECT_EQ(fields.count(FieldId::date), row.expected == nullptr ? 0U : 1U);
        if (row.expected != nullptr) {
            EXPECT_EQ(fields.find(FieldId::date), row.expected);
        }
    }
}

}  // namespace
}  // namespace nikawa::http
