#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "nikawa/aws/credentials.hpp"
#include "nikawa/http/origin.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/net/dialer.hpp"
#include "nikawa/origin/session_factory.hpp"

namespace nikawa::daemon {

/// Where a machine or a container gets its temporary AWS credential.
struct MetadataEndpoint {
    enum class Kind : std::uint8_t {
        ec2,  ///< the instance metadata service, version 2
        ecs,  ///< of ECS containers and EKS pods
    };
    Kind kind = Kind::ec2;
    http::Origin origin;
    std::string path = {};        ///< of an ecs one
    std::string token = {};       ///< for Authorization of an ecs one; empty: none
    std::string token_file = {};  ///< holds it instead, and may change

    friend bool operator==(const MetadataEndpoint&, const MetadataEndpoint&) = default;
};

/// The endpoint of --aws-metadata=ec2 or ecs, as the environment has it: the variables that the
/// AWS SDKs know. Or what is wrong with it.
/// `environment` gives the value of a variable, or nullptr.
std::variant<MetadataEndpoint, std::string> metadata_endpoint(
    std::string_view kind, const std::function<const char*(const char*)>& environment);

/// Asks a metadata endpoint, for one shard. One question at a time.
class MetadataClient final : private origin::SessionListener, private loop::Expirable {
public:
    /// All that is given outlives it. The dialer is one that may reach the endpoint, whatever
    /// clients may reach.
    MetadataClient(loop::Loop& loop, net::Dialer& dialer, MetadataEndpoint endpoint);

    /// The present credential, or why there is none, in words without any secret; within seconds,
    /// however the endpoint goes about it.
    Task<std::variant<aws::Credential, std::string>> fetch();

    /// Ends what `fetch()` waits for, now and from now on; a dial is the dialer's to end.
    void close() noexcept;

private:
    Task<std::variant<aws::Credential, std::string>> fetch_from_ec2();
    Task<std::variant<aws::Credential, std::string>> fetch_from_ecs();
    Task<Result<unsigned>> ask(const http::RequestHead& head, std::string& body);
    Task<Result<unsigned>> exchange(const http::RequestHead& head, std::string& body);
    Task<void> serve_session();
    [[nodiscard]] http::RequestHead request(std::string_view method, std::string_view path) const;
    [[nodiscard]] std::string what_failed(const http::RequestHead& head,
                                          const Result<unsigned>& status) const;
    void capacity_changed(origin::OriginSession& /*session*/) noexcept override {}
    void heard(origin::OriginSession& /*session*/) noexcept override {}
    void expire() noexcept override;
    void end_with(const Failure& why) noexcept;

    loop::Loop& loop_;
    origin::SessionFactory sessions_;
    MetadataEndpoint endpoint_;
    std::unique_ptr<origin::OriginSession> session_;  // while a question is under way
    loop::Event session_ended_;
    std::optional<Failure> ended_;  // nothing more is asked, or not in this fetch
    bool closed_ = false;
};

}  // namespace nikawa::daemon
