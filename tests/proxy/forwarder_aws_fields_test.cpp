#include <map>

#include "proxy/forwarder_aws_fixture.hpp"

namespace nikawa::proxy {
namespace {

using testing::HasSubstr;

/// A request as an origin sees it: fields in lower case, values of one name joined.
struct Arrived {
    std::map<std::string, std::string> fields;

    void add(std::string_view name, std::string_view value) {
        std::string lower;
        for (const char c : name) lower.push_back(c >= 'A' && c <= 'Z' ? char(c | 0x20) : c);
        auto& joined = fields[lower];
        joined.append(joined.empty() ? "" : ",").append(value);
    }

    static Arrived of(std::string_view head) {
        Arrived arrived;
        for (auto at = head.find("\r\n") + 2; at + 2 < head.size();) {
            const auto end = head.find("\r\n", at);
            const auto colon = head.find(": ", at);
            arrived.add(head.substr(at, colon - at), head.substr(colon + 2, end - colon - 2));
            at = end + 2;
        }
        return arrived;
    }

    static Arrived of(const test::Fields& fields) {
        Arrived arrived;
        for (const auto& [name, value] : fields) {
            arrived.add(name == ":authority" ? "host" : name, value);
        }
        return arrived;
    }

    /// What is behind `name` in Authorization, up to the next part.
    [[nodiscard]] std::string part(const std::string& name) const {
        const auto& value = fields.at("authorization");
        const auto begin = value.find(name) + name.size();
        return value.substr(begin, value.find(',', begin) - begin);
    }

    [[nodiscard]] bool signs(const std::string& name) const {
        return (";" + part("SignedHeaders=") + ";").find(";" + name + ";") != std::string::npos;
    }

    /// The signature of what has arrived, as the origin computes it.
    [[nodiscard]] std::string right_signature(const std::string& method) const {
        AwsRequest request{.method = method, .host = fields.at("host")};
        const auto names = part("SignedHeaders=") + ";";
        for (std::size_t at = 0; at < names.size();) {
            const auto name = names.substr(at, names.find(';', at) - at);
            at += name.size() + 1;
            const auto found = fields.find(name);
            if (name == "host") continue;
            request.fields.emplace_back(name, found == fields.end() ? "" : found->second);
        }
        return aws_signature(request);
    }
};

class ForwarderAwsFieldsTest : public ForwarderAwsFixture {
protected:
    static AwsRequest signing(std::string method, std::string name, std::string value) {
        auto request = get(suffixed);
        request.method = std::move(method);
        request.fields.emplace_back(std::move(name), std::move(value));
        return request;
    }
};

// Some fields end with the connection they came by, some are written anew for the next: whatever a
// client signs of them, the origin finds right what it gets.
TEST_F(ForwarderAwsFieldsTest, AreSignedForTheOriginAsItGetsThem) {
    struct Row {
        const char* method;
        const char* name;
        const char* value;
        bool goes_on;
        const char* beside = "";  // what is sent with it
        const char* body = "";
    };
    const char* const sized = "Content-Length: 3\r\n";
    const Row rows[] = {
        {"GET", "te", "trailers", false, "Connection: te\r\n"},
        {"GET", "te", "trailers, deflate;q=0.5", false},
        {"GET", "connection", "keep-alive", false},
        {"GET", "keep-alive", "timeout=5", false},
        {"GET", "proxy-connection", "keep-alive", false},
        {"GET", "proxy-authorization", "Basic eDp5", false},
        {"GET", "upgrade", "websocket", false, "Connection: upgrade\r\n"},
        {"PUT", "transfer-encoding", "chunked", false, "", "3\r\nabc\r\n0\r\n\r\n"},
        {"PUT", "expect", "100-continue", false, sized, "abc"},
        {"PUT", "content-length", "3", true, "", "abc"},
        {"GET", "content-length", "0", true},
        {"PUT", "trailer", "x-checksum", true, sized, "abc"},
        {"PUT", "content-type", "text/plain", true, sized, "abc"},
        {"GET", "via", "1.1 other", true},
        {"GET", "max-forwards", "3", true},
        {"OPTIONS", "max-forwards", "3", true},
        {"GET", "x-chocon-id", "an-id-of-its-own", true},
        {"GET", "x-chocon-id", "an id that is none", true},
        {"GET", "cookie", "a=1; b=2", true},
        {"GET", "user-agent", "aws-sdk/1 (of a test)", true},
        {"GET", "x-amzn-trace-id", "Root=1", true},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(std::string{row.method}.append(" ").append(row.name));
        const auto fields = signed_fields(signing(row.method, row.name, row.value));
        auto& origin = dialer.connect_h1();
        auto& client = connect();
        client.send(request(std::string{row.method} + " /bucket/key", row.beside + fields) +
                    row.body);
        origin.expect_head(std::string{row.method} + " /bucket/key ");
        EXPECT_TRUE(origin.finished());
        const auto arrived = Arrived::of(std::string{origin.last_head()});
        EXPECT_EQ(arrived.part("Signature="), arrived.right_signature(row.method));
        EXPECT_EQ(arrived.signs(row.name), row.goes_on);
        hang_up(client);
        loop.run();
    }
}

TEST_F(ForwarderAwsFieldsTest, ThatHttp2HasForEachStreamGoUnsigned) {
    auto& origin = dialer.connect_h2();
    auto& client = connect();
    client.send(request("GET /bucket/key", signed_fields(signing("GET", "te", "trailers"))));
    loop.run();
    const auto arrived = Arrived::of(origin.requests().at(1).fields);
    EXPECT_EQ(arrived.fields.at("te"), "trailers");
    EXPECT_FALSE(arrived.signs("te"));
    EXPECT_EQ(arrived.part("Signature="), arrived.right_signature("GET"));
}

}  // namespace
}  // namespace nikawa::proxy
