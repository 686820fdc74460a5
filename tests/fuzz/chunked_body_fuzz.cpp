#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "fuzz/fuzz_target.hpp"
#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/http/h1_writer.hpp"

namespace nikawa::fuzz {
namespace {

// Small ones, so that their limits are met.
constexpr http::HeadLimits limits{.head_bytes = 128, .start_line_bytes = 64, .fields = 4};

/// What came of a body that arrived in pieces of that size.
struct Decoded {
    std::string data;
    std::size_t taken = 0;
    bool at_end = false;
    std::optional<Failure> failure;
    http::FieldBlock trailers;
};

Decoded decode(Bytes input, std::size_t piece_bytes, http::HeadLimits bounds = limits) {
    http::H1BodyDecoder decoder{Side::client, bounds};
    decoder.start(http::Chunked{});
    Decoded result;
    for (std::size_t arrived = 0; !decoder.at_end() && !result.failure;) {
        if (arrived == input.size()) break;
        arrived += std::min(piece_bytes, input.size() - arrived);
        while (!decoder.at_end()) {
            const Bytes rest = input.substr(result.taken, arrived - result.taken);
            const auto step = decoder.decode(rest);
            if (!step) {
                result.failure = step.error();
                break;
            }
            require(step->taken <= rest.size() && step->data.size() <= step->taken);
            if (!step->data.empty()) {
                const auto at = static_cast<std::size_t>(step->data.data() - rest.data());
                require(at + step->data.size() <= step->taken);
            }
            if (step->taken == 0) break;
            result.data.append(step->data);
            result.taken += step->taken;
        }
    }
    result.at_end = decoder.at_end();
    if (result.at_end) result.trailers = std::move(decoder.trailers());
    return result;
}

/// Written anew in chunks of our own, the body is the same.
void require_stable(const Decoded& body) {
    std::string written;
    if (!body.data.empty()) {
        written.append(http::ChunkHead{body.data.size()}.bytes()).append(body.data).append("\r\n");
    }
    http::append_last_chunk(written, body.trailers, http::Version::http_1_1);
    const Decoded again = decode(written, written.size(), http::HeadLimits{});
    require(again.at_end && again.taken == written.size() && again.data == body.data);
    require(same(again.trailers, body.trailers));
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    if (size < 2) return 0;
    const Bytes input = fuzz::text(data + 1, size - 1);
    const fuzz::Decoded whole = fuzz::decode(input, input.size());
    fuzz::require(whole.taken <= input.size());
    for (const std::size_t piece : {std::size_t{1}, std::size_t{data[0]} + 2}) {
        const fuzz::Decoded pieces = fuzz::decode(input, piece);
        fuzz::require(pieces.data == whole.data && pieces.taken == whole.taken);
        fuzz::require(pieces.at_end == whole.at_end && pieces.failure == whole.failure);
        fuzz::require(fuzz::same(pieces.trailers, whole.trailers));
    }
    if (whole.at_end) {
        fuzz::require_sound(whole.trailers);
        fuzz::require_stable(whole);
    }
    return 0;
}
