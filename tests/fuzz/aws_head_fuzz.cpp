#include <algorithm>

#include "aws/canonical_request.hpp"
#include "aws/query.hpp"
#include "aws/sha256.hpp"
#include "aws/timestamp.hpp"
#include "fuzz/fuzz_target.hpp"
#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/connection_specific.hpp"
#include "nikawa/http/h1_head_parser.hpp"

namespace nikawa::fuzz {
namespace {

/// The right signature of a request whose target is written as documented.
std::string right_signature(const http::RequestHead& head,
                            const aws::RequestSignature& of,
                            std::string_view secret) {
    std::string canonical = head.method + "\n";
    aws::append_path(canonical, aws::path_of(head.target), aws::path_forms(of.service).front());
    canonical.append("\n");
    aws::append_query(
        canonical, aws::query_of(head.target), of.placement, aws::query_forms.front());
    canonical.append("\n");
    aws::append_fields(canonical, head.fields, of.signed_headers);
    canonical.append("\n").append(of.payload_hash);

    aws::HmacSha256 hmac;
    aws::Digest key = hmac.of("AWS4" + std::string{secret}, of.date);
    for (const std::string_view part : {std::string_view{of.region},
                                        std::string_view{of.service},
                                        std::string_view{"aws4_request"}}) {
        key = hmac.of(aws::bytes_of(key), part);
    }
    const std::string text = "AWS4-HMAC-SHA256\n" + of.timestamp + "\n" + of.date + "/" +
                             of.region + "/" + of.service + "/aws4_request\n" +
                             aws::sha256_hex(canonical);
    return aws::hex_of(hmac.of(aws::bytes_of(key), text));
}

/// All that a request says besides its signature, which stands there once, and the Host; or
/// nothing.
std::string rest_of(const http::RequestHead& head, const std::string& signature) {
    std::string all = head.method + " " + head.target;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const auto field = head.fields[i];
        if (field.id == http::FieldId::host) continue;
        all.append("\n").append(field.name).append(":").append(field.value);
    }
    const auto at = all.find(signature);
    if (at == all.npos || all.find(signature, at + 1) != all.npos) return {};  // or encoded
    return all.erase(at, signature.size());
}

}  // namespace
}  // namespace nikawa::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nikawa;
    using fuzz::require;
    http::RequestHead head;
    const auto taken =
        http::H1HeadParser{http::HeadLimits{}}.parse_request(fuzz::text(data, size), head);
    if (!taken || *taken == 0) return 0;
    const auto found = aws::find_signature(head);
    if (!found || !*found) return 0;

    auto signature = **found;
    require(signature.signature.size() == 64 && !signature.signed_headers.empty());
    const auto at = aws::parse_timestamp(signature.timestamp);
    require(at.has_value());
    if (signature.payload == aws::Payload::body) signature.payload_hash = aws::sha256_hex("body");
    const std::string body_hash = signature.payload_hash;
    const aws::Credential key{signature.access_key_id, "secret", signature.session_token};

    const auto given = signature.signature;
    const auto right = fuzz::right_signature(head, signature, key.secret_access_key);
    const auto refused = aws::Signer::verify(head, signature, key, body_hash, *at);
    if (given != right && refused) return 0;  // written in another way; chance makes no signature

    signature.signature = right;
    const auto signer = aws::Signer::verify(head, signature, key, body_hash, *at);
    if (!signer) {  // of a host that is not signed, or another day
        require(aws::refusal_in(signer.error()) != aws::Refusal::wrong_signature);
        return 0;
    }
    // What comes of it is right in turn, for the other Host, and nothing else is another.
    const auto rest = fuzz::rest_of(head, given);
    if (!head.fields.find(http::FieldId::host)) return 0;
    head.fields.set("Host", "other.example.com");
    const auto listed = signature.signed_headers;
    // What is not there, or is for one connection, is not signed again.
    const bool is_whole = std::ranges::all_of(listed, [&](const std::string& name) {
        return head.fields.find(name) && !http::is_connection_specific(http::field_id(name));
    });
    const auto made = signer->sign(head);
    const auto again = aws::find_signature(head);
    require(again && *again && (*again)->signature == made);
    require(aws::Signer::verify(head, **again, key, body_hash, *at).has_value());
    const auto rest_now = fuzz::rest_of(head, made);
    if (is_whole && !rest.empty() && !rest_now.empty()) require(rest_now == rest);
    return 0;
}
