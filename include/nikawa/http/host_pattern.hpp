#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nikawa::http {

/// Which hosts a setting is about: `api.example.com` is that host, `*.example.com` every host below
/// example.com (and not itself), `*` every name. Letter case and a trailing dot do not count. An IP
/// address matches its own text alone.
class HostPattern {
public:
    /// Nothing when `text` is not a pattern: the `*` is a whole label and the first one.
    static std::optional<HostPattern> parse(std::string_view text);

    /// `host` is in lower case and without a trailing dot, as in `Origin`.
    [[nodiscard]] bool matches(std::string_view host) const;

    /// As it was given, in lower case.
    [[nodiscard]] std::string to_string() const { return is_wild_ ? "*" + name_ : name_; }

    friend bool operator==(const HostPattern&, const HostPattern&) = default;

private:
    HostPattern() = default;

    std::string name_;  // of a wild one ".example.com", or nothing
    bool is_wild_ = false;
};

}  // namespace nikawa::http
