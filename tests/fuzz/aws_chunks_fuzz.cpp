#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "nikawa/aws/chunk_resigner.hpp"

namespace nikawa::fuzz {
namespace {

// A small one, so that it is met.
constexpr std::size_t max_chunk = 600;

const std::string sent(64, '1');
const std::string made(64, '2');

/// One that signs, which only a request that is right gives: an example of S3's API reference.
const aws::Signer& signer() {
    static const aws::Signer one = [] {
        http::RequestHead head;
        head.method = "GET";
        head.target =
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
            "20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
            "86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        head.fields.add("Host", "examplebucket.s3.amazonaws.com");
        const aws::Credential key{
            "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
        const auto found = aws::find_signature(head);
        require(found && *found);
        const auto verified = aws::Signer::verify(
            head, **found, key, {}, std::chrono::sys_days{std::chrono::year{2013} / 5 / 24});
        require(verified.has_value());
        return *verified;
    }();
    return one;
}

/// A body in signed chunks.
struct Body {
    std::string text;
    std::vector<std::size_t> sizes_at;
    std::size_t trailer_at = 0;

    /// Its signatures follow `previous`; each piece of the input that begins with its size in one
    /// octet (times three) is a chunk.
    Body(Bytes input, std::string previous, bool has_trailer) {
        const auto add = [&](Bytes data) {
            constexpr Bytes digits = "0123456789abcdef";
            sizes_at.push_back(text.size());
            for (const unsigned shift : {8U, 4U, 0U}) {
                text.push_back(digits[(data.size() >> shift) & 15]);
            }
            previous = signer().sign_chunk(previous, aws::sha256_hex(data));
            text.append(";chunk-signature=").append(previous).append("\r\n").append(data);
            if (!data.empty() || !has_trailer) text.append("\r\n");
        };
        while (!input.empty()) {
            const std::size_t size = static_cast<unsigned char>(input.front()) * std::size_t{3};
            input.remove_prefix(1);
            std::string data{input.substr(0, size)};
            input.remove_prefix(data.size());
            data.resize(size, 'd');
            if (size != 0) add(data);
        }
        add({});
        trailer_at = text.size();
        if (!has_trailer) return;
        const auto hash = aws::sha256_hex("x-amz-checksum-crc32:AAAAAA==\n");
        text.append("x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:");
        text.append(signer().sign_trailer(previous, hash)).append("\r\n\r\n");
    }
};

struct Outcome {
    std::string out;
    bool is_right = false;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// What comes out of a body that goes in in pieces of a size; at no time more than went in.
Outcome passed(Bytes body, std::size_t piece, bool has_trailer) {
    aws::ChunkResigner resigner{signer(), sent, made, has_trailer, max_chunk};
    Outcome outcome;
    bool is_right = true;
    for (std::size_t at = 0; at < body.size() && is_right; at += piece) {
        is_right = resigner.feed(body.substr(at, piece), outcome.out).has_value();
        require(outcome.out.size() <= std::min(at + piece, body.size()));
        require(resigner.held_bytes() <= 200'000);
    }
    outcome.is_right = resigner.finish().has_value();
    require(is_right || !outcome.is_right);
    if (outcome.is_right) require(outcome.out.size() == body.size());
    return outcome;
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    using namespace nikawa::fuzz;
    if (size < 5) return 0;
    const bool has_trailer = (data[0] & 1) != 0;
    const bool is_raw = (data[0] & 2) != 0;
    const std::size_t piece = data[1] + std::size_t{1};
    const Bytes input = text(data + 5, std::min(size - 5, std::size_t{1500}));

    if (is_raw) {
        require(passed(input, piece, has_trailer) == passed(input, 4096, has_trailer));
        return 0;
    }
    const Body body{input, sent, has_trailer};
    const Body expected{input, made, has_trailer};
    const auto whole = passed(body.text, body.text.size(), has_trailer);
    const auto split = passed(body.text, piece, has_trailer);
    require(whole == split);
    // Without an octet changed only a chunk that is too large is refused.
    require(expected.text.starts_with(whole.out));
    if (whole.is_right) require(whole.out == expected.text);

    auto changed = body.text;
    const std::size_t at = (data[2] * std::size_t{256} + data[3]) % changed.size();
    changed[at] = static_cast<char>(changed[at] ^ (data[4] == 0 ? 1 : data[4]));
    const auto other = passed(changed, piece, has_trailer);
    require(other == passed(changed, changed.size(), has_trailer));
    // What is not signed is the letter case of the size, and blanks and line ends in the trailer.
    const bool is_of_size = std::ranges::any_of(
        body.sizes_at, [&](std::size_t begin) { return at >= begin && at < begin + 3; });
    if (is_of_size && (changed[at] ^ body.text[at]) == 0x20) return 0;
    if (at >= body.trailer_at) return 0;
    require(!other.is_right && other.out.size() <= at && expected.text.starts_with(other.out));
    return 0;
}
