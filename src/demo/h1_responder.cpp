#include "demo/responder.hpp"
#include "nikawa/http/h1_body_decoder.hpp"
#include "nikawa/http/h1_head_parser.hpp"
#include "nikawa/http/h1_writer.hpp"

namespace nikawa::demo {
namespace {

constexpr Bytes text = "hello from demo.example over http/1.1\n";

/// Whether the client keeps the connection after this request (RFC 9112 §9.3); one that speaks
/// 1.0 does not.
bool persists(const http::RequestHead& head) {
    bool kept = head.version == http::Version::http_1_1;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        if (head.fields[i].id != http::FieldId::connection) continue;
        http::for_each_in_list(head.fields[i].value, [&](std::string_view option) {
            if (http::equal_ignoring_case(option, "close")) kept = false;
        });
    }
    return kept;
}

void append_response(std::string& out,
                     unsigned status,
                     Bytes body,
                     const http::RequestHead& request,
                     http::Persistence persistence) {
    http::ResponseHead head;
    head.status = status;
    head.fields.add("Content-Type", "text/plain");
    head.fields.add("Content-Length", std::to_string(body.size()));
    http::append_response_head(out, head, http::Sized{body.size()}, request.version, persistence);
    if (request.method != "HEAD") out += body;
}

class H1Responder final : public Responder {
public:
    Then take(Bytes input, std::string& out) override {
        pending_ += input;
        Bytes left = pending_;
        for (;;) {
            const bool in_body = !body_.at_end();
            const Result<std::size_t> taken = in_body ? read_body(left) : read_head(left);
            if (!taken) {
                append_response(out, 400, "bad request\n", head_, http::Persistence::close);
                return Then::close;
            }
            left.remove_prefix(*taken);
            if (body_.at_end() && (in_body || *taken > 0)) {
                const bool kept = persists(head_);
                const auto persistence =
                    kept ? http::Persistence::keep_alive : http::Persistence::close;
                append_response(out, 200, text, head_, persistence);
                if (!kept) return Then::close;
            } else if (*taken == 0) {
                break;
            }
        }
        pending_.erase(0, pending_.size() - left.size());
        return Then::go_on;
    }

private:
    Result<std::size_t> read_head(Bytes input) {
        const auto taken = parser_.parse_request(input, head_);
        if (!taken || *taken == 0) return taken;
        parser_.reset();
        const auto framing = http::request_framing(head_);
        if (!framing) return framing.error();
        body_.start(*framing);
        return taken;
    }

    Result<std::size_t> read_body(Bytes input) {
        const auto step = body_.decode(input);
        if (!step) return step.error();
        return step->taken;
    }

    std::string pending_;
    http::H1HeadParser parser_{http::HeadLimits{}};
    http::H1BodyDecoder body_{Side::client, http::HeadLimits{}};
    http::RequestHead head_;
};

}  // namespace

std::unique_ptr<Responder> make_h1_responder() { return std::make_unique<H1Responder>(); }

}  // namespace nikawa::demo
