#include "proxy/resigned_request.hpp"

#include <algorithm>
#include <utility>

#include "nikawa/aws/refusal.hpp"

namespace nikawa::proxy {
namespace {

using aws::Payload;
using aws::Refusal;

std::string_view host_of(const http::RequestHead& head) {
    return head.fields.find(http::FieldId::host).value_or("");
}

// The service that a name is of, where the signature does not say: one of S3's, or nothing.
std::string_view service_by_name(std::string_view host) {
    for (auto rest = host; !rest.empty();) {
        const auto label = rest.substr(0, rest.find('.'));
        if (label == "s3-outposts") return label;
        if (label.starts_with("s3express-")) return "s3express";
        if (label == "s3" || label.starts_with("s3-")) return "s3";
        rest.remove_prefix(std::min(label.size() + 1, rest.size()));
    }
    return {};
}

unsigned status_of(Refusal refusal) {
    constexpr unsigned bad_request = 400;
    constexpr unsigned forbidden = 403;
    constexpr unsigned content_too_large = 413;
    switch (refusal) {
        case Refusal::malformed:
        case Refusal::repeated_authorization:
        case Refusal::malformed_date:
        case Refusal::malformed_payload_hash:
        case Refusal::repeated_token:
        case Refusal::signed_field_dropped:
        case Refusal::malformed_query:
        case Refusal::malformed_chunk:
        case Refusal::unsupported:
        case Refusal::wrong_scope: return bad_request;
        case Refusal::chunk_too_large:
        case Refusal::body_too_large: return content_too_large;
        case Refusal::unknown_key:
        case Refusal::session_key:
        case Refusal::field_not_signed:
        case Refusal::too_skewed:
        case Refusal::not_yet_valid:
        case Refusal::expired:
        case Refusal::wrong_token:
        case Refusal::credential_expired:
        case Refusal::wrong_signature:
        case Refusal::wrong_chunk: return forbidden;
    }
    return forbidden;
}

/// Without the port that a client of http or https need not write.
std::string_view without_default_port(std::string_view host) {
    for (const std::string_view port : {":80", ":443"}) {
        if (host.ends_with(port)) return host.substr(0, host.size() - port.size());
    }
    return host;
}

}  // namespace

bool is_same_host(std::string_view a, std::string_view b) {
    return http::equal_ignoring_case(without_default_port(a), without_default_port(b));
}

std::unique_ptr<ResignedRequest> ResignedRequest::of(const http::RequestHead& head,
                                                     std::string_view host) {
    auto found = aws::find_signature(head);
    if (found && !*found) return nullptr;
    std::unique_ptr<ResignedRequest> request{new ResignedRequest{head}};
    request->sent_.fields.set("Host", host);
    if (found) {
        request->signature_ = std::move(**found);
    } else {
        request->signature_ = found.error();
    }
    return request;
}

void ResignedRequest::may_be_signed_for(std::string_view host) {
    if (host.empty() || host == host_of(sent_)) return;
    if (std::ranges::find(other_hosts_, host) == other_hosts_.end()) {
        other_hosts_.emplace_back(host);
    }
}

Task<Result<void>> ResignedRequest::sign(http::RequestHead& head,
                                         RequestBody& body,
                                         Signing signing) {
    if (!signature_) co_return signature_.error();
    const auto known = co_await find_key(signing);
    if (!known) co_return known;
    std::string body_hash;
    if (signature_->payload == Payload::body) {
        const auto fine = check_head(signing);  // else that is told at once, by verify()
        if (!fine) co_return fine;
        const auto held = co_await body.hold(signing.max_body);
        if (!held) co_return held.error();
        body_hash = aws::sha256_hex(*held);
    }
    const auto* const credential = signing.credentials->find(signature_->access_key_id);
    if (credential == nullptr) co_return unknown_key();
    auto verified = aws::Signer::verify(
        sent_, *signature_, *credential, body_hash, signing.wall_clock(), other_hosts_);
    if (!verified) co_return verified.error();
    signer_.emplace(std::move(*verified));
    auto made = signer_->sign(head);
    if (signature_->payload == Payload::chunks ||
        signature_->payload == Payload::chunks_and_trailer) {
        chunks_.emplace(*signer_,
                        signature_->signature,
                        std::move(made),
                        signature_->payload == Payload::chunks_and_trailer,
                        signing.max_chunk);
        body.pass_through(*chunks_);
    }
    co_return Result<void>{};
}

Result<void> ResignedRequest::check_head(Signing signing) const {
    const auto* const credential = signing.credentials->find(signature_->access_key_id);
    if (credential == nullptr) return unknown_key();
    return aws::check_circumstances(sent_, *signature_, *credential, signing.wall_clock());
}

// Temporary credentials change, and the client may have newer ones than we have.
Task<Result<void>> ResignedRequest::find_key(Signing signing) const {
    const auto is_known = [&] {
        const auto* const found = signing.credentials->find(signature_->access_key_id);
        return found != nullptr &&
               (!found->expires_at || *found->expires_at > signing.wall_clock());
    };
    if (signing.credentials == nullptr) co_return unknown_key();
    if (is_known()) co_return Result<void>{};
    co_await signing.credentials->refresh();
    if (is_known()) co_return Result<void>{};
    const bool has_expired = signing.credentials->find(signature_->access_key_id) != nullptr;
    if (has_expired) co_return aws::failure_of(Refusal::credential_expired);
    co_return unknown_key();
}

// S3 Express gives clients a key for each session of a few minutes.
Failure ResignedRequest::unknown_key() const {
    const bool is_of_session = signature_->service == "s3express" &&
                               (sent_.fields.find("x-amz-s3session-token") ||
                                sent_.target.find("X-Amz-S3session-Token=") != sent_.target.npos);
    return aws::failure_of(is_of_session ? Refusal::session_key : Refusal::unknown_key);
}

void ResignedRequest::shape(const Failure& failure,
                            std::string_view request_id,
                            OwnAnswer& answer) const {
    const auto refusal = aws::refusal_in(failure);
    if (!refusal) return;
    const std::string_view service =
        signature_ ? std::string_view{signature_->service} : service_by_name(host_of(sent_));
    const auto content_type = sent_.fields.find("content-type").value_or("");
    const auto kind = aws::error_shape(service, sent_.target, content_type);
    auto document =
        aws::error_document(kind, *refusal, message_for(failure), request_id, content_type);
    answer.head.status = status_of(*refusal);
    answer.head.reason = http::reason_phrase(answer.head.status);
    answer.body = std::move(document.body);
    auto& fields = answer.head.fields;
    fields.set("Content-Type", document.content_type);
    fields.set("Content-Length", std::to_string(answer.body.size()));
    if (kind == aws::ErrorShape::json) {
        fields.set("x-amzn-ErrorType", document.error_type);
        // Clients of a service that spoke another protocol before may still want its word, and
        // fail over an error that lacks it.
        if (sent_.fields.find("x-amzn-query-mode")) {
            std::string code{aws::error_code(aws::ErrorShape::query_xml, *refusal)};
            fields.set("x-amzn-query-error", code.append(";Sender"));
        }
    }
    const bool is_s3 = kind == aws::ErrorShape::s3_xml;
    fields.set(is_s3 ? "x-amz-request-id" : "x-amzn-RequestId", request_id);
}

std::string ResignedRequest::subject_of(const Failure& failure) const {
    constexpr std::size_t most_bytes = 128;  // of an id by AWS's documents
    if (!signature_) return {};
    std::string text = "access key " + signature_->access_key_id.substr(0, most_bytes);
    if (aws::refusal_in(failure) != Refusal::field_not_signed) return text;
    const auto field = aws::field_that_must_be_signed(sent_, *signature_);
    return text.append(", field ").append(field.substr(0, most_bytes));
}

std::string ResignedRequest::message_for(const Failure& failure) const {
    std::string text = failure.cause.message();
    if (!signature_) return text;
    text.append(" (").append(subject_of(failure));
    return text.append(", Host ").append(host_of(sent_)).append(")");
}

}  // namespace nikawa::proxy
