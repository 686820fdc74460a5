#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nikawa::test {

/// What a client of AWS has to sign at the epoch, in region "eu-west-1", with the published example
/// key. Signed here by the specification of Signature Version 4 and not by the module that is
/// tested.
struct AwsRequest {
    std::string method = "GET";
    std::string path = "/bucket/key";
    std::string query = {};  ///< in canonical form
    std::string host = {};
    std::string service = "s3";
    /// Those that are signed besides Host, in lower case.
    std::vector<std::pair<std::string, std::string>> fields = {};
    std::string payload = "UNSIGNED-PAYLOAD";  ///< last line of the canonical request
};

inline constexpr std::string_view aws_key = "AKIDEXAMPLE";
inline constexpr std::string_view aws_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
inline constexpr std::string_view aws_date = "19700101T000000Z";

std::string aws_signature(const AwsRequest& request);

/// The parameters of a presigned request but for its signature, valid for a minute.
std::string presigned_query(std::string_view service);

/// "Authorization: ...\r\n", behind all fields that are signed but Host, as field lines.
std::string signed_fields(const AwsRequest& request);

/// Chunks of an aws-chunked body behind what has the signature `previous`, which becomes that of
/// the last of them.
std::string signed_chunks(std::string& previous, std::initializer_list<std::string_view> data);

}  // namespace nikawa::test
