#include "daemon/connection_limits.hpp"

#include <algorithm>
#include <functional>

namespace nikawa::daemon {
namespace {

// All of 127.0.0.0/8 and ::1 are this machine, also in IPv6's clothes.
net::IpAddress counted_as(const net::IpAddress& client) {
    constexpr net::IpAddress::V6Octets loopback_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr std::string_view mapped{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};
    const auto& octets = client.octets();
    const std::string_view bytes{reinterpret_cast<const char*>(octets.data()), octets.size()};
    const bool is_v4 = !client.is_v6() || bytes.starts_with(mapped);
    const auto* const v4 = client.is_v6() ? &octets[mapped.size()] : octets.data();
    const bool is_loopback = is_v4 ? v4[0] == 127 : octets == loopback_v6;
    if (is_loopback) return net::IpAddress{net::IpAddress::V4Octets{127, 0, 0, 1}};
    return client;
}

}  // namespace

void ConnectionPlace::give_back() noexcept {
    if (limits_ != nullptr) std::exchange(limits_, nullptr)->give_back(client_);
}

std::size_t ConnectionLimits::Hash::operator()(const net::IpAddress& address) const noexcept {
    const auto& octets = address.octets();
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(octets.data()), octets.size()});
}

std::optional<ConnectionPlace> ConnectionLimits::take(const net::IpAddress& client) {
    const std::lock_guard lock{mutex_};
    if (open_ >= total_) return std::nullopt;
    if (per_client_ > 0) {
        std::size_t& open = of_client_[counted_as(client)];
        if (open >= per_client_) return std::nullopt;
        ++open;
    }
    most_open_ = std::max(most_open_, ++open_);
    return ConnectionPlace{*this, client};
}

bool ConnectionLimits::is_used_up_by(const net::IpAddress& client) const {
    const std::lock_guard lock{mutex_};
    return per_client_ > 0 && open_of(client) >= per_client_;
}

std::size_t ConnectionLimits::open_of(const net::IpAddress& client) const {
    const auto found = of_client_.find(counted_as(client));
    return found != of_client_.end() ? found->second : 0;
}

std::size_t ConnectionLimits::open() const {
    const std::lock_guard lock{mutex_};
    return open_;
}

std::size_t ConnectionLimits::take_most_open() {
    const std::lock_guard lock{mutex_};
    return std::exchange(most_open_, open_);
}

void ConnectionLimits::give_back(const net::IpAddress& client) noexcept {
    const std::lock_guard lock{mutex_};
    --open_;
    if (per_client_ == 0) return;
    const auto found = of_client_.find(counted_as(client));
    if (--found->second == 0) of_client_.erase(found);
}

std::size_t default_max_conns(std::size_t descriptors) {
    const auto reserve = 16 + descriptors / 16;
    return std::max<std::size_t>(descriptors / 4 * 3, reserve + 1) - reserve;
}

std::size_t max_warm_origins(std::size_t descriptors, std::size_t shards) {
    return std::clamp<std::size_t>(descriptors / 4 / shards, 1, 1000);
}

std::size_t most_lingering(std::size_t descriptors) {
    return std::clamp<std::size_t>(descriptors / 16, 4, 256);
}

}  // namespace nikawa::daemon
