#include "nikawa/http/date_field.hpp"

#include <array>
#include <cstdio>

namespace nikawa::http {

void add_date(FieldBlock& fields, std::chrono::system_clock::time_point now) {
    namespace chrono = std::chrono;
    constexpr const char* weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = chrono::floor<chrono::days>(now);
    const chrono::year_month_day date{day};
    if (date.year() < chrono::year{2000} || fields.find(FieldId::date)) return;
    const chrono::hh_mm_ss time{chrono::floor<chrono::seconds>(now - day)};
    // IMF-fixdate (RFC 9110 §5.6.7), in English wherever we run.
    std::array<char, sizeof "Sun, 06 Nov 1994 08:49:37 GMT" + 4> text{};
    const int size = std::snprintf(text.data(),
                                   text.size(),
                                   "%s, %02u %s %04d %02d:%02d:%02d GMT",
                                   weekdays[chrono::weekday{day}.c_encoding()],
                                   static_cast<unsigned>(date.day()),
                                   months[static_cast<unsigned>(date.month()) - 1],
                                   static_cast<int>(date.year()),
                                   static_cast<int>(time.hours().count()),
                                   static_cast<int>(time.minutes().count()),
                                   static_cast<int>(time.seconds().count()));
    fields.add("Date", {text.data(), static_cast<std::size_t>(size)});
}

}  // namespace nikawa::http
