#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace nikawa::aws {

using WallTime = std::chrono::system_clock::time_point;

/// An access key and its secret. The secret is never logged, shown or put into a failure.
struct Credential {
    std::string access_key_id;
    std::string secret_access_key;
    std::string session_token;                ///< of a temporary one; else empty
    std::optional<WallTime> expires_at = {};  ///< of a temporary one, if known
};

/// The credentials that the operator gave us, by access key id. A value; read only once it is made.
class Credentials {
public:
    /// Adds one; of two with the same id the later one counts.
    void add(Credential credential);

    /// nullptr when there is none. Valid as long as this.
    [[nodiscard]] const Credential* find(std::string_view access_key_id) const;

    [[nodiscard]] std::size_t size() const { return by_id_.size(); }

private:
    std::map<std::string, Credential, std::less<>> by_id_;
};

/// What is wrong with a file, in words without any secret.
struct CredentialsProblem {
    std::size_t line;  ///< 0: the whole file
    std::string text;
};

/// All profiles of a file in the AWS shared credentials format: sections `[name]` with
/// aws_access_key_id, aws_secret_access_key and aws_session_token; other settings are passed over,
/// and profiles that hold no key, too. A file without any key is a problem, and one with two
/// secrets or tokens for a key.
std::variant<Credentials, CredentialsProblem> parse_credentials_file(std::string_view text);

/// The credential in the answer of a metadata endpoint of EC2 or ECS (JSON: AccessKeyId,
/// SecretAccessKey, Token, Expiration); nothing when it is none.
std::optional<Credential> parse_metadata_credential(std::string_view json);

}  // namespace nikawa::aws
