// What happens to packets on their way: who they belong to, and when they arrive. For tunnel.cpp.

#pragma once

#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

enum class Way : std::size_t { there, back };  // from near to far; from far to near
constexpr std::size_t ways = 2;

/// What the tunnel needs to know of a packet. Addresses and ports are in the order of the network.
struct Packet {
    std::uint32_t near_address = 0;
    std::uint32_t far_address = 0;
    std::uint16_t near_port = 0;
    std::uint16_t far_port = 0;
    bool is_tcp = false;
    bool is_syn = false;  // the first of a flow: SYN without ACK
};

inline std::uint32_t load32(const std::uint8_t* from) {
    std::uint32_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
}

inline std::uint16_t load16(const std::uint8_t* from) {
    std::uint16_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// RFC 791 §3.1, RFC 9293 §3.1; nullopt for what is not IPv4.
inline std::optional<Packet> parse(const std::uint8_t* bytes, std::size_t size, Way way) {
    if (size < 20 || bytes[0] >> 4U != 4) return std::nullopt;
    const std::size_t head = (bytes[0] & 0x0FU) * 4U;
    const bool is_fragment = (bytes[6] & 0x1FU) != 0 || bytes[7] != 0;
    Packet packet;
    packet.near_address = load32(bytes + 12);
    packet.far_address = load32(bytes + 16);
    packet.is_tcp = bytes[9] == IPPROTO_TCP && !is_fragment && size >= head + 20;
    if (packet.is_tcp) {
        const std::uint8_t* segment = bytes + head;
        packet.near_port = load16(segment);
        packet.far_port = load16(segment + 2);
        constexpr unsigned syn = 0x02;
        constexpr unsigned ack = 0x10;
        packet.is_syn = (segment[13] & (syn | ack)) == syn;
    }
    if (way == Way::back) {
        std::swap(packet.near_address, packet.far_address);
        std::swap(packet.near_port, packet.far_port);
    }
    return packet;
}

/// The flows a stateful middle box knows: those whose SYN has passed since it last forgot.
class Flows {
public:
    /// Whether a packet of this flow passes.
    bool pass(const Packet& packet) {
        if (!packet.is_tcp) return true;
        const Flow flow{packet.near_address,
                        packet.far_address,
                        std::uint32_t{packet.near_port} << 16U | packet.far_port};
        if (packet.is_syn) known_.insert(flow);
        return known_.contains(flow);
    }

    void forget(std::optional<std::uint32_t> far_address) {
        std::erase_if(known_, [&](const Flow& flow) {
            return !far_address || flow.far_address == *far_address;
        });
    }

private:
    struct Flow {
        std::uint32_t near_address;
        std::uint32_t far_address;
        std::uint32_t ports;
        bool operator==(const Flow&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Flow& flow) const {
            const auto addresses = std::uint64_t{flow.near_address} << 32U | flow.far_address;
            return std::hash<std::uint64_t>{}((addresses ^ flow.ports * 0x9E3779B97F4A7C15ULL) *
                                              0xD6E8FEB86659FD93ULL);
        }
    };
    std::unordered_set<Flow, Hash> known_;
};

/// One way of a link: packets wait their turn at the rate, then travel, and come out in order.
class Pipe {
public:
    struct Travelling {
        Clock::time_point arrival;
        std::vector<std::uint8_t> bytes;
    };

    nanoseconds delay{0};
    double bytes_per_second = 0;  // 0: no limit
    double loss = 0;
    double queue_bytes = 1'000'000;

    /// False when the queue for the rate is full.
    bool send(const std::uint8_t* bytes, std::size_t size, Clock::time_point now) {
        auto departure = now;
        if (bytes_per_second > 0) {
            const auto free = std::max(free_, now);
            const double waiting =
                std::chrono::duration<double>(free - now).count() * bytes_per_second;
            if (waiting + static_cast<double>(size) > queue_bytes) return false;
            departure = free + nanoseconds{static_cast<std::int64_t>(static_cast<double>(size) /
                                                                     bytes_per_second * 1e9)};
            free_ = departure;
        }
        // A delay that was shortened lets nothing overtake.
        last_arrival_ = std::max(last_arrival_, departure + delay);
        travelling_.push_back({last_arrival_, spare(bytes, size)});
        return true;
    }

    /// The next packet that has arrived, to be read until the next call.
    const std::vector<std::uint8_t>* receive(Clock::time_point now) {
        if (travelling_.empty() || travelling_.front().arrival > now) return nullptr;
        arrived_.push_back(std::move(travelling_.front().bytes));
        travelling_.pop_front();
        return &arrived_.back();
    }

    std::optional<Clock::time_point> next_arrival() const {
        if (travelling_.empty()) return std::nullopt;
        return travelling_.front().arrival;
    }

private:
    /// The memory of packets that have arrived serves those that leave.
    std::vector<std::uint8_t> spare(const std::uint8_t* bytes, std::size_t size) {
        std::vector<std::uint8_t> memory;
        if (!arrived_.empty()) {
            memory = std::move(arrived_.back());
            arrived_.pop_back();
        }
        memory.assign(bytes, bytes + size);
        return memory;
    }

    Clock::time_point free_{};
    Clock::time_point last_arrival_{};
    std::deque<Travelling> travelling_;
    std::vector<std::vector<std::uint8_t>> arrived_;
};
