#include "fuzz/fuzz_target.hpp"
#include "nikawa/http/body_framing.hpp"
#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/http/h1_writer.hpp"

namespace nikawa::fuzz {
namespace {

// Small ones, so that their limits are met.
constexpr http::HeadLimits limits{.head_bytes = 512, .start_line_bytes = 128, .fields = 16};
constexpr http::HeadLimits wide{};

void require_sound_head(const http::RequestHead& head) {
    require(!head.method.empty() && !head.target.empty());
    for (const char c : head.method) require(is_token_byte(c));
    for (const char c : head.target) require(static_cast<unsigned char>(c) > ' ' && c != 0x7f);
    require(head.fields.size() <= limits.fields);
    require_sound(head.fields);
}

/// Byte by byte comes out the same as at once.
void require_same_in_pieces(Bytes input,
                            const Result<std::size_t>& whole,
                            const http::RequestHead& head) {
    http::H1HeadParser parser{limits};
    http::RequestHead got;
    for (std::size_t size = 0; size <= input.size(); ++size) {
        const auto taken = parser.parse_request(input.substr(0, size), got);
        if (taken && *taken == 0) continue;
        require(taken.has_value() == whole.has_value());
        if (!taken) return;
        require(*taken == *whole && *taken == size && got.method == head.method &&
                got.target == head.target && got.version == head.version);
        require(same(got.fields, head.fields));
        return;
    }
    require(whole && *whole == 0);
}

/// Every field but TE, which the writer leaves out: it is for one connection.
http::FieldBlock without_te(const http::FieldBlock& fields) {
    http::FieldBlock rest;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].id != http::FieldId::te) rest.add(fields[i].name, fields[i].value);
    }
    return rest;
}

/// What we send on is read as what we received.
void require_stable(const http::RequestHead& head) {
    std::string written;
    http::append_request_head(written, head, http::NoBody{});
    http::RequestHead again;
    const auto taken = http::H1HeadParser{wide}.parse_request(written, again);
    require(taken && *taken == written.size());
    require(again.method == head.method && again.target == head.target);
    require(same(again.fields, without_te(head.fields)));
}

void require_one_framing(const http::RequestHead& head) {
    const auto framing = http::request_framing(head);
    const bool coded = head.fields.count(http::FieldId::transfer_encoding) != 0;
    const bool sized = head.fields.count(http::FieldId::content_length) != 0;
    if (coded && sized) require(!framing);
    if (!framing) return;
    require(std::holds_alternative<http::Chunked>(*framing) == coded);
    require(std::holds_alternative<http::Sized>(*framing) == sized);
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    const Bytes input = fuzz::text(data, size);
    http::RequestHead head;
    const auto taken = http::H1HeadParser{fuzz::limits}.parse_request(input, head);
    fuzz::require_same_in_pieces(input, taken, head);
    if (!taken || *taken == 0) return 0;
    fuzz::require(*taken <= input.size());
    fuzz::require_sound_head(head);
    fuzz::require_stable(head);
    fuzz::require_one_framing(head);
    return 0;
}
