#include "nikawa/aws/credentials.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "aws/timestamp.hpp"
#include "nikawa/http/field_block.hpp"

namespace nikawa::aws {
namespace {

constexpr std::string_view blanks = " \t\r\f\v";

// As the IAM API has it: what comes from elsewhere is logged.
bool is_key_id(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    });
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == text.npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

/// Reads line by line what the AWS tools write and read: Python's configparser, and what the other
/// SDKs agree with it on.
class FileReader {
public:
    /// False when the file cannot be used, by `problem()`.
    bool take(std::string_view line) {
        ++line_;
        const auto text = trimmed(line);
        if (text.empty() || text.front() == '#' || text.front() == ';') return true;
        // A line that stands deeper than the setting above it goes on with that: a setting nested
        // in it, none of which is for us.
        const auto indent = line.find_first_not_of(blanks);
        if (has_setting_ && indent > setting_indent_) {
            return !is_ours_ || fails("a key, secret or token goes on in a second line");
        }
        if (text.front() == '[') return take_section(text);
        const auto delimiter = text.find_first_of("=:");
        if (delimiter == text.npos) return fails("neither a [profile] nor a setting");
        if (!has_section_) return fails("a setting before the first [profile]");
        has_setting_ = true;
        setting_indent_ = indent;
        return take_setting(trimmed(text.substr(0, delimiter)),
                            trimmed(text.substr(delimiter + 1)));
    }

    bool end_profile() {
        const bool has_id = !profile_.access_key_id.empty();
        const bool has_secret = !profile_.secret_access_key.empty();
        if (has_id != has_secret) {
            line_ = key_line_;
            return fails(has_id ? "a profile with aws_access_key_id but no aws_secret_access_key"
                                : "a profile with aws_secret_access_key but no aws_access_key_id");
        }
        if (has_id && contradicts()) {
            line_ = key_line_;
            return fails("an access key that stands above with another secret or token");
        }
        if (has_id) credentials_.add(std::move(profile_));
        profile_ = {};
        return true;
    }

    // Nobody names a file to have no keys: it is one that is just being written, or another.
    bool end() {
        if (!end_profile()) return false;
        if (credentials_.size() > 0) return true;
        line_ = 0;
        return fails("holds no profile with aws_access_key_id and aws_secret_access_key");
    }

    [[nodiscard]] CredentialsProblem problem() const { return {line_, problem_}; }
    [[nodiscard]] Credentials&& credentials() { return std::move(credentials_); }

private:
    bool fails(const char* problem) {
        problem_ = problem;
        return false;
    }

    /// Which of the two is right nobody but the service can tell.
    [[nodiscard]] bool contradicts() const {
        const Credential* const other = credentials_.find(profile_.access_key_id);
        return other != nullptr && (other->secret_access_key != profile_.secret_access_key ||
                                    other->session_token != profile_.session_token);
    }

    bool take_section(std::string_view text) {
        if (text.find(']') == text.npos) return fails("a [profile] without its ]");
        has_section_ = true;
        has_setting_ = false;
        return end_profile();
    }

    bool take_setting(std::string_view name, std::string_view value) {
        std::string* const setting = setting_of(name);
        is_ours_ = setting != nullptr;
        if (setting == nullptr) return true;
        // What comments behind a value, or quotes around it, would become part of.
        if (value.find_first_of(" \t\"'") != value.npos) {
            return fails("a key, secret or token with blanks or quotes in it");
        }
        *setting = value;
        if (setting != &profile_.session_token) key_line_ = line_;
        return true;
    }

    std::string* setting_of(std::string_view name) {
        if (http::equal_ignoring_case(name, "aws_access_key_id")) return &profile_.access_key_id;
        if (http::equal_ignoring_case(name, "aws_secret_access_key")) {
            return &profile_.secret_access_key;
        }
        // The older of the names that are in use comes second.
        if (http::equal_ignoring_case(name, "aws_session_token") ||
            http::equal_ignoring_case(name, "aws_security_token")) {
            return &profile_.session_token;
        }
        return nullptr;
    }

    Credentials credentials_;
    Credential profile_;
    bool has_section_ = false;
    bool has_setting_ = false;        // in this profile
    bool is_ours_ = false;            // the last setting
    std::size_t setting_indent_ = 0;  // of the last setting
    std::size_t key_line_ = 0;        // of the profile's id or secret
    std::size_t line_ = 0;
    std::string problem_;
};

}  // namespace

void Credentials::add(Credential credential) {
    auto id = credential.access_key_id;
    by_id_.insert_or_assign(std::move(id), std::move(credential));
}

const Credential* Credentials::find(std::string_view access_key_id) const {
    const auto found = by_id_.find(access_key_id);
    return found == by_id_.end() ? nullptr : &found->second;
}

std::variant<Credentials, CredentialsProblem> parse_credentials_file(std::string_view text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    FileReader reader;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (!reader.take(text.substr(0, end))) return reader.problem();
        text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    }
    if (!reader.end()) return reader.problem();
    return reader.credentials();
}

std::optional<Credential> parse_metadata_credential(std::string_view json) {
    const auto document = nlohmann::json::parse(json, nullptr, false);
    if (!document.is_object()) return std::nullopt;
    const auto text = [&](const char* name) -> std::string {
        const auto member = document.find(name);
        if (member == document.end() || !member->is_string()) return {};
        return member->get<std::string>();
    };
    if (document.contains("Code") && text("Code") != "Success") return std::nullopt;
    Credential credential{text("AccessKeyId"), text("SecretAccessKey"), text("Token")};
    if (!is_key_id(credential.access_key_id) || credential.secret_access_key.empty()) {
        return std::nullopt;
    }
    if (const auto expiration = text("Expiration"); !expiration.empty()) {
        credential.expires_at = parse_iso_time(expiration);
        if (!credential.expires_at) return std::nullopt;
    }
    return credential;
}

}  // namespace nikawa::aws
