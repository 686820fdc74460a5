#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nikawa/aws/chunk_resigner.hpp"
#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/head.hpp"
#include "nikawa/proxy/credential_source.hpp"
#include "nikawa/proxy/own_answer.hpp"
#include "proxy/request_body.hpp"

namespace nikawa::proxy {

/// By what requests are signed anew.
struct Signing {
    CredentialSource* credentials;  ///< nullptr: no key is known
    std::size_t max_chunk;          ///< see aws::ChunkResigner
    std::size_t max_body;           ///< of a body that is held to be hashed
    aws::WallTime (*wall_clock)();
};

/// Whether two hosts are the same but for the case of their letters, and for a port that a client
/// need not write: 80 or 443 where the other has none. Who signs the one may send it as it is.
bool is_same_host(std::string_view a, std::string_view b);

/// A request with an AWS signature whose Host changes on its way to the origin. The signature
/// covers the Host, so it is verified as the client made it and made anew for the origin; and what
/// goes wrong with that is told as the AWS service would.
///
/// Lives as long as the exchange, and longer than its `RequestBody`.
class ResignedRequest {
public:
    /// The request as the client sent it, but for its Host, which it signed as `host`; nullptr if
    /// it has no such signature.
    static std::unique_ptr<ResignedRequest> of(const http::RequestHead& head,
                                               std::string_view host);

    /// Another Host that the client may have signed in place of the one that it sent: one that
    /// means the same origin.
    void may_be_signed_for(std::string_view host);

    /// Verifies the request and signs `head`, which is as it goes to the origin; nothing is asked
    /// of the client before its head is found fine but for the signature. A body of which the
    /// signature covers the hash is all in memory then; one whose chunks are signed is signed anew
    /// while it passes. Errors: signature_refused, signed_body_too_large, and the client's.
    Task<Result<void>> sign(http::RequestHead& head, RequestBody& body, Signing signing);

    /// Makes `answer` to such a failure one that the client of an AWS service reads.
    void shape(const Failure& failure, std::string_view request_id, OwnAnswer& answer) const;

    /// What such a failure is about, as far as it could be read: "access key AKIAIOSFODNN7EXAMPLE",
    /// a long id cut short, and the field that is not signed.
    [[nodiscard]] std::string subject_of(const Failure& failure) const;

private:
    explicit ResignedRequest(http::RequestHead head) : sent_(std::move(head)) {}

    Task<Result<void>> find_key(Signing signing) const;
    [[nodiscard]] Failure unknown_key() const;
    [[nodiscard]] Result<void> check_head(Signing signing) const;
    [[nodiscard]] std::string message_for(const Failure& failure) const;

    http::RequestHead sent_;
    std::vector<std::string> other_hosts_;
    Result<aws::RequestSignature> signature_ = aws::RequestSignature{};
    std::optional<aws::Signer> signer_;
    std::optional<aws::ChunkResigner> chunks_;
};

}  // namespace nikawa::proxy
