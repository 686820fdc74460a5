#include "fuzz/fuzz_target.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/http/h1_writer.hpp"

namespace nikawa::fuzz {
namespace {

// Small ones, so that their limits are met.
constexpr http::HeadLimits limits{.head_bytes = 512, .start_line_bytes = 128, .fields = 16};
constexpr http::HeadLimits wide{};

/// Byte by byte comes out the same as at once.
void require_same_in_pieces(Bytes input,
                            const Result<std::size_t>& whole,
                            const http::ResponseHead& head) {
    http::H1HeadParser parser{limits};
    http::ResponseHead got;
    for (std::size_t size = 0; size <= input.size(); ++size) {
        const auto taken = parser.parse_response(input.substr(0, size), got);
        if (taken && *taken == 0) continue;
        require(taken.has_value() == whole.has_value());
        if (!taken) return;
        require(*taken == *whole && *taken == size && got.status == head.status &&
                got.reason == head.reason && got.version == head.version);
        require(same(got.fields, head.fields));
        return;
    }
    require(whole && *whole == 0);
}

/// What the client receives is read as what we received, its body framed in the same way.
void require_stable(http::ResponseHead& head) {
    const auto framing = http::response_framing("GET", head);
    if (!framing) return;
    head.fields.remove_if(
        [](const http::Field& field) { return field.id == http::FieldId::transfer_encoding; });
    std::string written;
    http::append_response_head(
        written, head, *framing, http::Version::http_1_1, http::Persistence::keep_alive);

    http::ResponseHead again;
    const auto taken = http::H1HeadParser{wide}.parse_response(written, again);
    require(taken && *taken == written.size() && again.status == head.status);
    require(again.reason == (head.reason.empty() ? http::reason_phrase(head.status) : head.reason));
    const auto framing_again = http::response_framing("GET", again);
    require(framing_again && *framing_again == *framing);
    if (std::holds_alternative<http::Sized>(*framing)) {
        require(again.fields.count(http::FieldId::content_length) == 1);
    } else {
        require(again.fields.count(http::FieldId::content_length) <= 1);
        const auto frames = [](const http::Field& field) {
            return field.id == http::FieldId::transfer_encoding ||
                   field.id == http::FieldId::content_length;
        };
        again.fields.remove_if(frames);
        head.fields.remove_if(frames);
        require(same(again.fields, head.fields));
    }
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    const Bytes input = fuzz::text(data, size);
    http::ResponseHead head;
    const auto taken = http::H1HeadParser{fuzz::limits}.parse_response(input, head);
    fuzz::require_same_in_pieces(input, taken, head);
    if (!taken || *taken == 0) return 0;
    fuzz::require(*taken <= input.size());
    fuzz::require(head.status >= 100 && head.status <= 999);
    fuzz::require(head.fields.size() <= fuzz::limits.fields);
    fuzz::require(head.reason.find_first_of(Bytes{"\r\n\0", 3}) == Bytes::npos);
    fuzz::require_sound(head.fields);
    fuzz::require_stable(head);
    return 0;
}
