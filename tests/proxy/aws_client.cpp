#include "proxy/aws_client.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdio>
#include <map>

namespace nikawa::test {
namespace {

constexpr std::string_view date = "19700101";

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        std::array<char, 3> digits{};
        std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(byte));
        text.append(digits.data());
    }
    return text;
}

std::string hash(std::string_view text) {
    std::array<unsigned char, 32> digest{};
    EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string hmac(std::string_view key, std::string_view text) {
    std::array<unsigned char, 32> digest{};
    HMAC(EVP_sha256(),
         key.data(),
         static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()),
         text.size(),
         digest.data(),
         nullptr);
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string scope_of(std::string_view service) {
    return std::string{date}.append("/eu-west-1/").append(service).append("/aws4_request");
}

std::string signature_of(std::string_view service, std::string_view string_to_sign) {
    const auto of_date = hmac("AWS4" + std::string{aws_secret}, date);
    const auto key = hmac(hmac(hmac(of_date, "eu-west-1"), service), "aws4_request");
    return hex(hmac(key, string_to_sign));
}

/// Host among the others, in the alphabet.
std::map<std::string, std::string> all_signed(const AwsRequest& request) {
    std::map<std::string, std::string> fields{request.fields.begin(), request.fields.end()};
    fields.emplace("host", request.host);
    return fields;
}

std::string names_of(const AwsRequest& request) {
    std::string names;
    for (const auto& field : all_signed(request)) {
        names.append(names.empty() ? "" : ";").append(field.first);
    }
    return names;
}

}  // namespace

std::string aws_signature(const AwsRequest& request) {
    std::string canonical = request.method + "\n" + request.path + "\n" + request.query + "\n";
    for (const auto& [name, value] : all_signed(request)) canonical += name + ":" + value + "\n";
    canonical += "\n" + names_of(request) + "\n" + request.payload;
    return signature_of(request.service,
                        "AWS4-HMAC-SHA256\n" + std::string{aws_date} + "\n" +
                            scope_of(request.service) + "\n" + hash(canonical));
}

std::string presigned_query(std::string_view service) {
    std::string query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=";
    query.append(aws_key).append("%2F19700101%2Feu-west-1%2F").append(service);
    query.append("%2Faws4_request&X-Amz-Date=").append(aws_date);
    return query.append("&X-Amz-Expires=60&X-Amz-SignedHeaders=host");
}

std::string signed_fields(const AwsRequest& request) {
    std::string lines;
    for (const auto& [name, value] : request.fields) lines += name + ": " + value + "\r\n";
    return lines + "Authorization: AWS4-HMAC-SHA256 Credential=" + std::string{aws_key} + "/" +
           scope_of(request.service) + ", SignedHeaders=" + names_of(request) +
           ", Signature=" + aws_signature(request) + "\r\n";
}

std::string signed_chunks(std::string& previous, std::initializer_list<std::string_view> data) {
    std::string chunks;
    for (const auto chunk : data) {
        previous = signature_of("s3",
                                "AWS4-HMAC-SHA256-PAYLOAD\n" + std::string{aws_date} + "\n" +
                                    scope_of("s3") + "\n" + previous + "\n" + hash("") + "\n" +
                                    hash(chunk));
        std::array<char, 20> size{};
        std::snprintf(size.data(), size.size(), "%zx", chunk.size());
        chunks.append(size.data()).append(";chunk-signature=" + previous + "\r\n");
        chunks.append(chunk).append("\r\n");
    }
    return chunks;
}

}  // namespace nikawa::test
