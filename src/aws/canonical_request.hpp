#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/aws/request_signature.hpp"
#include "nikawa/http/head.hpp"

namespace nikawa::aws {

/// The ways in which the path of a target, as it is on the wire, is written where it is signed.
enum class PathForm : std::uint8_t {
    encoded_once,          ///< decoded and encoded: S3, as documented; %2F stays apart from /
    as_it_stands,          ///< S3, as botocore and others do it
    encoded_once_slashes,  ///< S3, %2F being a /: by servers and clients who decode all of it first
    encoded_once_plus,     ///< S3, as `encoded_once`, a + being a blank, as S3 itself reads it
    encoded_again,         ///< normalized, encoded: all other services, as documented
    encoded_again_as_is,   ///< encoded, not normalized: the Go SDK
    encoded_twice,         ///< decoded, encoded twice, normalized: where the wire has it unencoded
};

/// And of the query.
enum class QueryForm : std::uint8_t {
    plus_is_space,  ///< decoded, encoded and sorted, as documented
    plus_is_plus,   ///< the same, a `+` being itself
    as_it_stands,   ///< sorted only, an empty piece (`a=1&`) being a `=`: botocore
    without_token,  ///< as `plus_is_space`, X-Amz-Security-Token left out: presigned for AWS IoT
};

/// Those by which a request of that service may be signed, the likeliest first.
std::span<const PathForm> path_forms(std::string_view service);
inline constexpr std::array query_forms{QueryForm::plus_is_space,
                                        QueryForm::plus_is_plus,
                                        QueryForm::as_it_stands,
                                        QueryForm::without_token};

/// Whether it is of S3's family, which has rules of its own.
bool is_s3_family(std::string_view service);

/// Append the path, or the query, in that form; the signature in a query is no part of it, but one
/// beside a signature in Authorization is a parameter like others.
void append_path(std::string& out, std::string_view path, PathForm form);
void append_query(std::string& out, std::string_view query, Placement placement, QueryForm form);

/// Appends the fields of these names, in lower case, and the names: the second half of a canonical
/// request, up to the hash of the body. A field that is not there is one without a value.
void append_fields(std::string& out,
                   const http::FieldBlock& fields,
                   const std::vector<std::string>& signed_headers);

/// "host;x-amz-date"
std::string joined(const std::vector<std::string>& signed_headers);

}  // namespace nikawa::aws
