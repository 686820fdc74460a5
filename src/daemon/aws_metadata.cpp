#include "daemon/aws_metadata.hpp"

#include <algorithm>
#include <utility>

#include "daemon/options_values.hpp"
#include "daemon/regular_file.hpp"

namespace nikawa::daemon {
namespace {

using Fetched = std::variant<aws::Credential, std::string>;

constexpr unsigned ok = 200;
constexpr unsigned not_found = 404;
constexpr std::size_t largest_answer = 64 * 1024;
constexpr std::size_t largest_token = 64 * 1024;

// It is on this machine: what it does not answer soon it does not answer.
constexpr origin::StreamTimeouts patience{.response_head = std::chrono::seconds{2},
                                          .response_body = std::chrono::seconds{2},
                                          .write = std::chrono::seconds{2}};

// And for all of a fetch, as what comes in drops is never late.
constexpr Duration longest_fetch = std::chrono::seconds{6};

// Of the token that version 2 of the instance metadata service wants; used at once.
constexpr std::string_view token_seconds = "60";
constexpr std::string_view roles_path = "/latest/meta-data/iam/security-credentials/";

std::string trimmed(std::string text) {
    text.erase(std::min(text.find_first_of("\r\n"), text.size()));
    return text;
}

// By what IAM has for names, and those of paths and ARNs, too: it becomes part of a target.
bool is_role(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return is_letter || (c >= '0' && c <= '9') ||
               std::string_view{"_+=,.@-/:"}.find(c) != std::string_view::npos;
    });
}

// A URL, taken apart: origin and path.
std::optional<MetadataEndpoint> endpoint_at(MetadataEndpoint::Kind kind, std::string_view url) {
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    const auto path_at = std::min(url.find_first_of("/?", scheme_end + 3), url.size());
    auto origin = parse_origin_url(url.substr(0, path_at));
    if (!origin) return std::nullopt;
    std::string path{url.substr(path_at).starts_with('/') ? "" : "/"};
    path.append(url.substr(path_at));
    return MetadataEndpoint{.kind = kind, .origin = std::move(*origin), .path = std::move(path)};
}

}  // namespace

std::variant<MetadataEndpoint, std::string> metadata_endpoint(
    std::string_view kind, const std::function<const char*(const char*)>& environment) {
    using Kind = MetadataEndpoint::Kind;
    const auto given = [&](const char* name) {
        const char* const value = environment(name);
        return std::string{value == nullptr ? "" : value};
    };
    // What stands there may hold a secret.
    const auto unreadable = [](std::string name) { return name.append(" is not a URL"); };
    if (kind == "ec2") {
        auto url = given("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        if (url.empty()) url = "http://169.254.169.254";
        auto endpoint = endpoint_at(Kind::ec2, url);
        if (!endpoint) return unreadable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        if (endpoint->path == "/") endpoint->path.clear();
        return std::move(*endpoint);
    }
    const auto relative = given("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = given("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative.empty() && full.empty()) {
        return "the environment has neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor "
               "AWS_CONTAINER_CREDENTIALS_FULL_URI: is this a container of ECS or EKS?";
    }
    if (!relative.empty() && !relative.starts_with('/')) {
        return "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path";
    }
    auto endpoint =
        endpoint_at(Kind::ecs, relative.empty() ? full : "http://169.254.170.2" + relative);
    if (!endpoint) return unreadable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    endpoint->token = given("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    endpoint->token_file = given("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    return std::move(*endpoint);
}

MetadataClient::MetadataClient(loop::Loop& loop, net::Dialer& dialer, MetadataEndpoint endpoint)
    : loop_(loop),
      sessions_(loop, dialer, {}),
      endpoint_(std::move(endpoint)),
      session_ended_(loop) {}

Task<Fetched> MetadataClient::fetch() {
    if (!closed_) ended_.reset();
    loop::Watchdog limit{loop_.deadlines(), *this};
    limit.arm(Deadline::after(loop_.now(), longest_fetch));
    if (endpoint_.kind == MetadataEndpoint::Kind::ec2) co_return co_await fetch_from_ec2();
    co_return co_await fetch_from_ecs();
}

// Version 2 of the service: a token first, then the name of the role, then its credential.
Task<Fetched> MetadataClient::fetch_from_ec2() {
    auto for_token = request("PUT", endpoint_.path + "/latest/api/token");
    for_token.fields.add("X-aws-ec2-metadata-token-ttl-seconds", token_seconds);
    for_token.fields.add("Content-Length", "0");
    std::string answer;
    auto status = co_await ask(for_token, answer);
    if (!status || *status != ok) co_return what_failed(for_token, status);
    const auto token = trimmed(std::move(answer));

    auto for_role = request("GET", endpoint_.path + std::string{roles_path});
    for_role.fields.add("X-aws-ec2-metadata-token", token);
    status = co_await ask(for_role, answer);
    if (status && *status == not_found) co_return std::string{"this machine has no IAM role"};
    if (!status || *status != ok) co_return what_failed(for_role, status);
    const auto role = trimmed(std::move(answer));
    if (!is_role(role)) co_return endpoint_.origin.to_string() + " gave what is no role";

    auto for_credential = request("GET", for_role.target + role);
    for_credential.fields.add("X-aws-ec2-metadata-token", token);
    status = co_await ask(for_credential, answer);
    if (!status || *status != ok) co_return what_failed(for_credential, status);
    auto credential = aws::parse_metadata_credential(answer);
    if (!credential) co_return endpoint_.origin.to_string() + " gave what is no credential";
    co_return std::move(*credential);
}

Task<Fetched> MetadataClient::fetch_from_ecs() {
    auto for_credential = request("GET", endpoint_.path);
    auto token = endpoint_.token;
    if (!endpoint_.token_file.empty()) {
        auto file = read_regular_file(endpoint_.token_file, largest_token);
        if (!file.problem.empty()) {
            co_return "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + endpoint_.token_file + " " +
                file.problem;
        }
        token = std::move(file.text);
    }
    if (!token.empty()) for_credential.fields.add("Authorization", trimmed(std::move(token)));
    std::string answer;
    const auto status = co_await ask(for_credential, answer);
    if (!status || *status != ok) co_return what_failed(for_credential, status);
    auto credential = aws::parse_metadata_credential(answer);
    if (!credential) co_return endpoint_.origin.to_string() + " gave what is no credential";
    co_return std::move(*credential);
}

http::RequestHead MetadataClient::request(std::string_view method, std::string_view path) const {
    http::RequestHead head;
    head.method = method;
    head.target = path;
    head.fields.add("Host", endpoint_.origin.authority());
    return head;
}

// Without the path that the environment gives: who knows that of a container gets its credential.
std::string MetadataClient::what_failed(const http::RequestHead& head,
                                        const Result<unsigned>& status) const {
    const std::string text = head.method + " " + endpoint_.origin.to_string() +
                       head.target.substr(endpoint_.path.size()) + ": ";
    if (!status) return text + describe(status.error());
    return text + "answered with " + std::to_string(*status);
}

// The status, and the body into `body`, over a connection of its own.
Task<Result<unsigned>> MetadataClient::ask(const http::RequestHead& head, std::string& body) {
    constexpr Failure done{Errc::abandoned, Side::self};
    if (ended_) co_return *ended_;
    auto dialled = co_await sessions_.dial(endpoint_.origin, net::DialMode::plain);
    if (!dialled) co_return dialled.error();
    session_ = std::move(dialled->session);
    loop_.spawn(serve_session());
    if (ended_) session_->close(*ended_);
    const auto status = co_await exchange(head, body);
    session_->close(done);
    co_await session_ended_.wait();
    session_.reset();
    co_return status;
}

Task<void> MetadataClient::serve_session() {
    co_await session_->run(*this);
    session_ended_.notify();
}

Task<Result<unsigned>> MetadataClient::exchange(const http::RequestHead& head, std::string& body) {
    body.clear();
    if (session_->capacity() == 0) co_return Failure{Errc::peer_closed, Side::origin};
    const auto stream = session_->open_stream(patience);
    const auto sent = stream->send_head(head, http::NoBody{});
    if (!sent) co_return sent.error();
    for (;;) {
        const auto received = co_await stream->receive_head();
        if (!received) co_return received.error();
        const auto status = (*received)->status;
        if (status < ok) continue;
        for (;;) {
            const auto piece = co_await stream->receive_body();
            if (!piece) co_return piece.error();
            if (piece->empty()) co_return status;
            body.append(*piece);
            if (body.size() > largest_answer) co_return Failure{Errc::malformed, Side::origin};
        }
    }
}

void MetadataClient::close() noexcept {
    closed_ = true;
    end_with({Errc::abandoned, Side::self});
}

void MetadataClient::expire() noexcept { end_with({Errc::response_body_timed_out, Side::origin}); }

void MetadataClient::end_with(const Failure& why) noexcept {
    ended_ = why;
    if (session_) session_->close(why);
}

}  // namespace nikawa::daemon
