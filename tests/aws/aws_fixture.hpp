#pragma once

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/aws/request_signature.hpp"

namespace nikawa::aws {

/// The keys that AWS publishes its examples with: of the signing test suite, and of S3's documents.
inline const Credential suite_key{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
inline const Credential s3_key{
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

inline constexpr std::string_view hash_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// The times of those examples.
inline const WallTime suite_time = std::chrono::sys_days{std::chrono::year{2015} / 8 / 30} +
                                   std::chrono::hours{12} + std::chrono::minutes{36};
inline const WallTime s3_time = std::chrono::sys_days{std::chrono::year{2013} / 5 / 24};

using Fields = std::vector<std::array<std::string, 2>>;

inline http::RequestHead head_of(std::string_view method,
                                 std::string_view target,
                                 const Fields& fields) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    for (const auto& [name, value] : fields) head.fields.add(name, value);
    return head;
}

/// The signature of a canonical request that the test writes out, by another HMAC than ours.
inline std::string signature_over(std::string_view canonical,
                                  const Credential& key,
                                  std::string_view timestamp,
                                  std::string_view region,
                                  std::string_view service) {
    const auto hmac = [](std::string_view with, std::string_view text) {
        unsigned char digest[32];
        HMAC(EVP_sha256(),
             with.data(),
             static_cast<int>(with.size()),
             reinterpret_cast<const unsigned char*>(text.data()),
             text.size(),
             digest,
             nullptr);
        return std::string{reinterpret_cast<const char*>(digest), sizeof digest};
    };
    const std::string date{timestamp.substr(0, 8)};
    std::string derived = "AWS4" + key.secret_access_key;
    std::string scope;
    for (const std::string_view part :
         {std::string_view{date}, region, service, std::string_view{"aws4_request"}}) {
        derived = hmac(derived, part);
        scope.append(scope.empty() ? "" : "/").append(part);
    }
    const std::string text =
        "AWS4-HMAC-SHA256\n" + std::string{timestamp} + "\n" + scope + "\n" + sha256_hex(canonical);
    std::string hex;
    for (const char c : hmac(derived, text)) {
        const auto byte = static_cast<unsigned char>(c);
        hex.push_back("0123456789abcdef"[byte >> 4]);
        hex.push_back("0123456789abcdef"[byte & 15]);
    }
    return hex;
}

/// What a request is refused for, or nothing.
inline std::optional<Refusal> refusal_of(const http::RequestHead& head,
                                         const Credential& key,
                                         WallTime now,
                                         std::string_view body_hash = hash_of_nothing) {
    const auto found = find_signature(head);
    if (!found) return refusal_in(found.error());
    if (!*found) return Refusal::unknown_key;
    const auto signer = Signer::verify(head, **found, key, body_hash, now);
    return signer ? std::nullopt : refusal_in(signer.error());
}

/// Of a request that is right.
inline Signer signer_of(const http::RequestHead& head,
                        const Credential& key,
                        WallTime now,
                        std::string_view body_hash = hash_of_nothing) {
    return *Signer::verify(head, **find_signature(head), key, body_hash, now);
}

}  // namespace nikawa::aws
