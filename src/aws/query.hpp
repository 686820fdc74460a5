#pragma once

#include <string>
#include <string_view>

namespace nikawa::aws {

/// What a `+` in a query stands for.
enum class Plus { itself, space };

/// The octets that a percent-encoded text stands for; a `%` without two digits is itself.
std::string percent_decoded(std::string_view text, Plus plus);

/// Which octets stay as they are in `append_percent_encoded()` besides the unreserved ones
/// (RFC 3986 §2.3).
enum class Slash { encoded, kept };

/// Appends the text as AWS has it: all but unreserved octets as `%` and two upper-case digits.
void append_percent_encoded(std::string& out, std::string_view text, Slash slash);

/// A parameter of a query as it stands there, nothing decoded: views into the target.
struct Parameter {
    std::string_view name;
    std::string_view value;
};

/// The part of a target before the `?`, and the one behind it.
std::string_view path_of(std::string_view target);
std::string_view query_of(std::string_view target);

/// Whether what is between two `&` (or at an end) is a parameter if it is nothing.
enum class EmptyPiece { skipped, parameter };

/// Calls `visit(Parameter)` for each parameter of a query, in order.
template <class Visit>
void for_each_parameter(std::string_view query,
                        Visit visit,
                        EmptyPiece empty_piece = EmptyPiece::skipped) {
    for (bool is_last = query.empty(); !is_last;) {
        const auto end = query.find('&');
        const auto piece = query.substr(0, end);
        is_last = end == query.npos;
        if (!is_last) query.remove_prefix(end + 1);
        if (piece.empty() && empty_piece == EmptyPiece::skipped) continue;
        const auto equals = piece.find('=');
        visit(Parameter{
            piece.substr(0, equals),
            equals == piece.npos ? piece.substr(piece.size()) : piece.substr(equals + 1)});
    }
}

/// Whether a parameter's name, once it is decoded, is `name`.
bool is_named(const Parameter& parameter, std::string_view name);

}  // namespace nikawa::aws
