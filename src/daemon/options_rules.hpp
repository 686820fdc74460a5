#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/daemon/options.hpp"

namespace nikawa::daemon {

enum class Arity : std::uint8_t { flag, scalar, list };

/// What an option's values mean.
struct OptionRule {
    Arity arity;
    std::string allowed;  ///< "a number from 0 to 65535"

    /// Puts the values into the options, of a scalar or flag the last one; false when they are not
    /// allowed.
    std::function<bool(Options&, const std::vector<std::string>&)> apply;

    /// Whether nothing is a value, too. To all other rules' `apply` it never comes.
    bool takes_empty = false;
};

constexpr std::uint64_t KiB = 1024;
constexpr std::uint64_t MiB = 1024 * KiB;
constexpr std::uint64_t GiB = 1024 * MiB;

/// A number or a size within bounds, for any member that holds one.
using Assign = std::function<void(Options&, std::uint64_t)>;
OptionRule bounded_number(std::uint64_t low, std::uint64_t high, Assign assign);
OptionRule bounded_size(std::uint64_t low, std::uint64_t high, Assign assign);

template <class T>
struct ValueOf {
    using Type = T;
};
template <class T>
struct ValueOf<std::optional<T>> {
    using Type = T;
};

template <class T>
Assign assign_to(T Options::*member) {
    return [member](Options& options, std::uint64_t value) {
        options.*member = static_cast<typename ValueOf<T>::Type>(value);
    };
}

template <class T>
OptionRule number(T Options::*member, std::uint64_t low, std::uint64_t high) {
    return bounded_number(low, high, assign_to(member));
}

template <class T>
OptionRule size(T Options::*member, std::uint64_t low, std::uint64_t high) {
    return bounded_size(low, high, assign_to(member));
}

OptionRule duration(std::chrono::milliseconds Options::*member, std::string_view zero = "no limit");
OptionRule flag(bool Options::*member);
OptionRule path(std::string Options::*member);
/// Where empty text means something.
OptionRule path_or_empty(std::string Options::*member);
OptionRule one_of(std::string Options::*member, std::vector<std::string> words);

/// Lists replace what was there before.
OptionRule markers(std::vector<std::string> Options::*member);
OptionRule host_patterns(std::vector<std::string> Options::*member);
OptionRule resolvers();
OptionRule origins(std::vector<http::Origin> Options::*member);

OptionRule client_ranges(std::vector<std::string> Options::*member);
OptionRule targets(std::vector<std::string> Options::*member);
OptionRule port_ranges(std::vector<std::string> Options::*member);

/// The same list, or the word `none` alone, which empties it.
OptionRule or_none(OptionRule list);

OptionRule listen_address();
OptionRule rotations();
OptionRule rotate_time();
OptionRule shutdown_timeout();
OptionRule upstream();
OptionRule via_name();
OptionRule request_id_field();

/// Help, version and the configuration file are seen to before there are options.
OptionRule elsewhere(Arity arity);

}  // namespace nikawa::daemon
