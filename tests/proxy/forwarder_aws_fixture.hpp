#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "nikawa/aws/request_signature.hpp"
#include "nikawa/proxy/credential_source.hpp"
#include "proxy/aws_client.hpp"
#include "proxy/forwarder_fixture.hpp"

namespace nikawa::proxy {

using test::AwsRequest;

/// What a client is told to call the origin, and what that calls itself.
inline constexpr std::string_view suffixed = "api.example.com.ccnproxy-https";
inline constexpr std::string_view true_host = "api.example.com";

/// Knows the key of `AwsRequest`; `next` takes its place when it is asked to refresh.
class FakeCredentials final : public CredentialSource {
public:
    [[nodiscard]] const aws::Credential* find(std::string_view access_key_id) const override {
        return known && access_key_id == known->access_key_id ? &*known : nullptr;
    }
    Task<void> refresh() override {
        ++refreshed;
        if (next) known = std::exchange(next, std::nullopt);
        co_return;
    }

    std::optional<aws::Credential> known = aws::Credential{
        std::string{test::aws_key}, std::string{test::aws_secret}, "", std::nullopt};
    std::optional<aws::Credential> next;
    int refreshed = 0;
};

/// Requests signed by AWS Signature Version 4, whose Host changes on the way.
class ForwarderAwsFixture : public ForwarderFixture {
protected:
    ForwarderAwsFixture() { credentials = &keys; }

    /// As the client signs it, or the same for the origin.
    static AwsRequest get(std::string_view host) {
        return {.host = std::string{host},
                .fields = {{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"},
                           {"x-amz-date", std::string{test::aws_date}}}};
    }

    /// One of a service that says nothing of the body in its fields.
    static AwsRequest query_request(std::string_view host, std::string_view body) {
        return {.method = "POST",
                .path = "/",
                .host = std::string{host},
                .service = "sqs",
                .fields = {{"x-amz-date", std::string{test::aws_date}}},
                .payload = aws::sha256_hex(body)};
    }

    static AwsRequest chunked_upload(std::string_view host, std::size_t decoded_bytes) {
        const std::string payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
        return {.method = "PUT",
                .host = std::string{host},
                .fields = {{"x-amz-content-sha256", payload},
                           {"x-amz-date", std::string{test::aws_date}},
                           {"x-amz-decoded-content-length", std::to_string(decoded_bytes)}},
                .payload = payload};
    }

    FakeCredentials keys;
};

}  // namespace nikawa::proxy
