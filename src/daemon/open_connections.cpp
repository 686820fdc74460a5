#include "daemon/open_connections.hpp"

#include <iterator>
#include <utility>

namespace nikawa::daemon {
namespace {

// How many idle connections are looked at for one of a certain client: refusing must cost little.
constexpr int most_looked_at = 1000;

}  // namespace

OpenConnection::OpenConnection(OpenConnections& all, ConnectionPlace place)
    : all_(all), place_(std::move(place)) {}

void OpenConnection::begin(client::ClientConnection& connection) {
    connection_ = &connection;
    at_ = all_.busy_.insert(all_.busy_.end(), this);
}

void OpenConnection::end() noexcept {
    if (connection_ == nullptr) return;
    became_busy();
    all_.busy_.erase(at_);
    connection_ = nullptr;
    place_.give_back();
}

void OpenConnection::became_idle() noexcept {
    if (std::exchange(is_idle_, true)) return;
    idle_since_ = all_.loop_.now();
    all_.idle_.splice(all_.idle_.end(), all_.busy_, at_);
    all_.publish();
}

void OpenConnection::became_busy() noexcept {
    if (!std::exchange(is_idle_, false)) return;
    all_.busy_.splice(all_.busy_.end(), all_.idle_, at_);
    all_.publish();
}

void OpenConnections::drain_all() noexcept {
    for (OpenConnection* const one : busy_) one->connection_->drain();
    for (OpenConnection* const one : idle_) one->connection_->drain();
}

void OpenConnections::close_all() noexcept {
    for (OpenConnection* const one : busy_) one->connection_->close();
    for (OpenConnection* const one : idle_) one->connection_->close();
}

bool OpenConnections::let_idle_one_go(const net::IpAddress* client) noexcept {
    int looked_at = 0;
    for (OpenConnection* const one : idle_) {
        if (loop_.now() - one->idle_since_ <= a_moment || ++looked_at > most_looked_at) break;
        if (client != nullptr && one->place_.client() != *client) continue;
        one->became_busy();  // it ends in this turn, but is not to be found again
        one->place_.give_back();
        one->connection_->drain();
        return true;
    }
    return false;
}

std::optional<TimePoint> OpenConnections::longest_idle_since() const noexcept {
    const auto since = longest_idle_since_.load(std::memory_order_relaxed);
    if (since == none_idle) return std::nullopt;
    return TimePoint{Duration{since}};
}

void OpenConnections::publish() noexcept {
    const auto since =
        idle_.empty() ? none_idle : idle_.front()->idle_since_.time_since_epoch().count();
    longest_idle_since_.store(since, std::memory_order_relaxed);
}

}  // namespace nikawa::daemon
