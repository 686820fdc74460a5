#pragma once

#include <arpa/inet.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nikawa/net/endpoint.hpp"

namespace nikawa::net {

/// A name server on the loopback, in the test's own loop: answers what it was told and NXDOMAIN
/// else, or fails.
class FakeDns {
public:
    enum class Manner { answer, server_failure, silent };

    explicit FakeDns(boost::asio::io_context& io,
                     const std::string& address = "127.0.0.1",
                     std::uint16_t port = 0)
        : socket_(io, {boost::asio::ip::make_address(address), port}) {
        receive();
    }

    void add(const std::string& name, const std::string& address, std::uint32_t ttl) {
        const auto ip = IpAddress::parse(address).value();
        const auto* octets = reinterpret_cast<const char*>(ip.octets().data());
        const std::uint16_t type = ip.is_v6() ? aaaa : a;
        records_[name].push_back({name, type, ttl, {octets, ip.is_v6() ? 16U : 4U}});
    }

    /// `name` is an alias of `target`, whose addresses are given along with it.
    void add_alias(const std::string& name, const std::string& target, std::uint32_t ttl) {
        records_[name].push_back({name, cname, ttl, wire_name(target)});
        for (const Record& record : records_[target]) records_[name].push_back(record);
    }

    void clear() { records_.clear(); }
    void stay_silent() { manner = Manner::silent; }

    /// How many queries for IPv4 addresses of this name have come.
    int queries(const std::string& name) { return queries_[name]; }

    [[nodiscard]] std::uint16_t port() const { return socket_.local_endpoint().port(); }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

    Manner manner = Manner::answer;

private:
    static constexpr std::uint16_t a = 1, cname = 5, aaaa = 28;
    static constexpr std::size_t head_bytes = 12;

    struct Record {
        std::string name;
        std::uint16_t type;
        std::uint32_t ttl;
        std::string value;
    };

    static std::string number16(std::uint32_t value) {
        return {static_cast<char>(value >> 8), static_cast<char>(value)};
    }

    static std::string wire_name(std::string_view name) {
        std::string wire;
        while (!name.empty()) {
            const auto label = name.substr(0, name.find('.'));
            wire.append(1, static_cast<char>(label.size())).append(label);
            name.remove_prefix(std::min(name.size(), label.size() + 1));
        }
        return wire + '\0';
    }

    void receive() {
        socket_.async_receive_from(
            boost::asio::buffer(query_), from_, [this](auto error, std::size_t size) {
                if (error) return;
                answer({query_.data(), size});
                receive();
            });
    }

    void answer(std::string_view query) {
        std::string name;
        std::size_t at = head_bytes;
        for (; query[at] != 0; at += static_cast<std::size_t>(query[at]) + 1) {
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, static_cast<std::size_t>(query[at]));
        }
        const auto type = static_cast<std::uint16_t>(query[at + 2]);
        const auto question = query.substr(head_bytes, at + 5 - head_bytes);
        if (type == a) ++queries_[name];
        if (manner == Manner::silent) return;

        std::string answers;
        std::uint32_t count = 0;
        for (const Record& record : records_[name]) {
            if (record.type != type && record.type != cname) continue;
            ++count;
            answers += wire_name(record.name) + number16(record.type) + number16(1) +
                       number16(record.ttl >> 16) + number16(record.ttl) +
                       number16(static_cast<std::uint32_t>(record.value.size())) + record.value;
        }
        std::uint32_t flags = 0x8180;
        if (records_[name].empty()) flags = 0x8183;
        if (manner == Manner::server_failure) {
            flags = 0x8182;
            count = 0;
            answers.clear();
        }
        const std::string head = std::string{query.substr(0, 2)} + number16(flags) + number16(1) +
                                 number16(count) + number16(0) + number16(0);
        socket_.send_to(boost::asio::buffer(head + std::string{question} + answers), from_);
    }

    boost::asio::ip::udp::socket socket_;
    boost::asio::ip::udp::endpoint from_;
    std::array<char, 512> query_{};
    std::map<std::string, std::vector<Record>> records_;
    std::map<std::string, int> queries_;
};

}  // namespace nikawa::net
