#include "daemon/aws_keys.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "support/scripted_dialer.hpp"
#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace): the literals only
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = MetadataEndpoint::Kind;

std::variant<MetadataEndpoint, std::string> endpoint_by(
    std::string_view kind, const std::map<std::string, std::string>& variables) {
    return metadata_endpoint(kind, [&](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    });
}

http::Origin plain(std::string host, std::uint16_t port = 80) {
    return {http::Scheme::http, std::move(host), port};
}

TEST(MetadataEndpoint, IsWhereTheEnvironmentSays) {
    const struct {
        std::string_view kind;
        std::map<std::string, std::string> variables;
        MetadataEndpoint expected;
    } rows[] = {
        {"ec2", {}, {Kind::ec2, plain("169.254.169.254")}},
        {"ec2",
         {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]/"}},
         {Kind::ec2, plain("fd00:ec2::254")}},
        {"ec2",
         {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/mock"}},
         {Kind::ec2, plain("127.0.0.1", 1338), "/mock"}},
        {"ecs",
         {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1"}},
         {Kind::ecs, plain("169.254.170.2"), "/v2/credentials/1"}},
        {"ecs",
         {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"},
          {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"}},
         {Kind::ecs, plain("169.254.170.23"), "/v1/credentials", "", "/token"}},
        {"ecs",
         {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://localhost:1?a=b"},
          {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc"}},
         {Kind::ecs, {http::Scheme::https, "localhost", 1}, "/?a=b", "Basic abc"}},
    };
    for (const auto& row : rows) {
        const auto got = endpoint_by(row.kind, row.variables);
        ASSERT_TRUE(std::holds_alternative<MetadataEndpoint>(got));
        EXPECT_EQ(std::get<MetadataEndpoint>(got), row.expected);
    }
}

TEST(MetadataEndpoint, IsNoneWithoutTheVariablesOrWithBrokenOnes) {
    const auto problem = [](const auto& got) { return std::get<std::string>(got); };
    EXPECT_THAT(problem(endpoint_by("ecs", {})), HasSubstr("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    EXPECT_EQ(problem(endpoint_by("ec2", {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "localhost"}})),
              "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL");
    EXPECT_EQ(problem(endpoint_by("ecs", {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2/creds"}})),
              "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path");
    EXPECT_EQ(problem(endpoint_by("ecs",
                                  {{"AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                    "http://user:password@localhost/creds"}})),
              "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL");
}

TEST(NextFetchAfter, IsAheadOfTheEnd) {
    EXPECT_EQ(next_fetch_after(std::nullopt), 1h);
    EXPECT_EQ(next_fetch_after(6h), 1h);
    EXPECT_EQ(next_fetch_after(30min), 15min);
    EXPECT_EQ(next_fetch_after(5min), 1min);
    EXPECT_EQ(next_fetch_after(-5min), 1min);
}

aws::WallTime wall_time;

aws::WallTime wall_clock() { return wall_time; }

std::string answer(std::string_view body, std::string_view status = "200 OK") {
    return "HTTP/1.1 " + std::string{status} +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

std::string credential_json(std::string_view key, std::string_view expiration) {
    return R"({"Code":"Success","AccessKeyId":")" + std::string{key} +
           R"(","SecretAccessKey":"secret","Token":"token","Expiration":")" +
           std::string{expiration} + "\"}";
}

class AwsKeysTest : public testing::Test {
protected:
    AwsKeysTest() { wall_time = {}; }
    ~AwsKeysTest() override { stop(); }

    void stop() {
        keys_->stop();
        dialer.fail_waiting();
        loop.run();
    }

    AwsKeys& start(const MetadataEndpoint& endpoint) {
        keys_.reset();
        client_.emplace(loop.loop(), dialer, endpoint);
        keys_.emplace(loop.loop(),
                      file,
                      &*client_,
                      &wall_clock,
                      [this](AwsKeys::Level level, std::string_view text) {
                          const bool is_warning = level == AwsKeys::Level::warning;
                          said.push_back((is_warning ? "warning: " : "") + std::string{text});
                      });
        loop.advance(0s);
        return *keys_;
    }

    AwsKeys& start_ecs() {
        return start({.kind = Kind::ecs, .origin = plain("169.254.170.2"), .path = "/creds"});
    }

    void answer_with(std::string_view key, std::string_view expiration) {
        dialer.connect_h1()
            .expect_head("GET /creds ")
            .send(answer(credential_json(key, expiration)));
        loop.run();
    }

    test::TestLoop loop;
    test::ScriptedDialer dialer{loop};
    std::shared_ptr<const aws::Credentials> file;
    std::vector<std::string> said;

private:
    std::optional<MetadataClient> client_;
    std::optional<AwsKeys> keys_;
};

TEST_F(AwsKeysTest, FetchesByVersion2OfTheInstanceMetadataService) {
    auto& keys = start({.kind = Kind::ec2, .origin = plain("169.254.169.254")});
    dialer.connect_h1()
        .expect(
            "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\n"
            "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 0\r\n\r\n")
        .send(answer("the-token"));
    dialer.connect_h1()
        .expect(
            "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"
            "Host: 169.254.169.254\r\nX-aws-ec2-metadata-token: the-token\r\n\r\n")
        .send(answer("the-role\n"));
    dialer.connect_h1()
        .expect(
            "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1\r\n"
            "Host: 169.254.169.254\r\nX-aws-ec2-metadata-token: the-token\r\n\r\n")
        .send(answer(credential_json("ASIAEXAMPLE", "1970-01-01T06:00:00Z")));
    loop.run();
    const auto* const found = keys.find("ASIAEXAMPLE");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->secret_access_key, "secret");
    EXPECT_EQ(found->session_token, "token");
    EXPECT_THAT(said, ElementsAre(HasSubstr("ASIAEXAMPLE")));
    EXPECT_THAT(said.front(), testing::Not(HasSubstr("secret")));
}

TEST_F(AwsKeysTest, SendsTheTokenOfAFile) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "token";
    std::ofstream{path} << "from-the-file\n";
    start({.kind = Kind::ecs,
           .origin = plain("169.254.170.23"),
           .path = "/v1/credentials",
           .token_file = path});
    auto& origin = dialer.connect_h1();
    origin
        .expect(
            "GET /v1/credentials HTTP/1.1\r\nHost: 169.254.170.23\r\n"
            "Authorization: from-the-file\r\n\r\n")
        .send(answer(credential_json("ASIAEXAMPLE", "1970-01-01T06:00:00Z")));
    EXPECT_TRUE(origin.finished());
}

TEST_F(AwsKeysTest, SaysWhatIsWrongWithTheFileOfTheToken) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() / "token";
    MetadataEndpoint endpoint{.kind = Kind::ecs, .origin = plain("169.254.170.23")};
    endpoint.token_file = path;
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);  // nobody writes to it
    start(endpoint);
    EXPECT_THAT(said, ElementsAre(HasSubstr("_TOKEN_FILE=" + path + " is not a regular file")));
    ASSERT_EQ(unlink(path.c_str()), 0);
    std::ofstream{path} << std::string(70'000, 'x');
    stop();
    start(endpoint);
    EXPECT_THAT(said.back(), HasSubstr(path + " is larger than 64k"));
    EXPECT_TRUE(dialer.dialled().empty());
}

TEST_F(AwsKeysTest, AsksForNoRoleOfAnotherKindOfName) {
    start({.kind = Kind::ec2, .origin = plain("169.254.169.254")});
    dialer.connect_h1().expect_head("PUT ").send(answer("the-token"));
    dialer.connect_h1().expect_head("GET ").send(answer("a role\x1b[2J"));
    loop.run();
    EXPECT_THAT(said, ElementsAre(HasSubstr("http://169.254.169.254 gave what is no role")));
    EXPECT_EQ(dialer.dialled().size(), 2U);
}

TEST_F(AwsKeysTest, KeepsACredentialThatWasFetchedBeforeUntilItExpires) {
    auto& keys = start_ecs();
    answer_with("ASIAFIRST", "1970-01-01T00:30:00Z");
    wall_time += 15min;
    loop.advance(15min);
    answer_with("ASIASECOND", "1970-01-01T01:00:00Z");
    EXPECT_NE(keys.find("ASIAFIRST"), nullptr);
    EXPECT_NE(keys.find("ASIASECOND"), nullptr);
    wall_time += 30min;
    loop.advance(30min);
    answer_with("ASIATHIRD", "1970-01-01T02:00:00Z");
    EXPECT_EQ(keys.find("ASIAFIRST"), nullptr);
    EXPECT_NE(keys.find("ASIASECOND"), nullptr);
}

TEST_F(AwsKeysTest, FetchesOnceForAllWhoMissAKeyAndNotAgainAtOnce) {
    auto& keys = start_ecs();
    loop.spawn(keys.refresh());
    loop.spawn(keys.refresh());
    loop.run();
    EXPECT_EQ(dialer.dialled().size(), 1U);
    EXPECT_EQ(loop.loop().task_count(), 3U);
    answer_with("ASIAFIRST", "1970-01-01T06:00:00Z");
    EXPECT_EQ(loop.loop().task_count(), 0U);

    loop.spawn(keys.refresh());
    loop.advance(5s - 1ms);
    EXPECT_EQ(dialer.dialled().size(), 1U);
    loop.advance(1ms);
    loop.spawn(keys.refresh());
    loop.run();
    EXPECT_EQ(dialer.dialled().size(), 2U);
    answer_with("ASIASECOND", "1970-01-01T06:00:00Z");
    EXPECT_NE(keys.find("ASIASECOND"), nullptr);
}

TEST_F(AwsKeysTest, TellsOnceThatTheEndpointFailsAndAsksOn) {
    auto& keys = start_ecs();
    for (const auto pause : {5s, 10s, 20s}) {
        dialer.connect_h1().expect_head("GET /creds ").send(answer("", "500 Oops"));
        loop.run();
        loop.advance(pause);
    }
    EXPECT_THAT(said, ElementsAre(HasSubstr("warning: GET http://169.254.170.2: answered")));
    answer_with("ASIAFIRST", "1970-01-01T06:00:00Z");
    EXPECT_NE(keys.find("ASIAFIRST"), nullptr);
    EXPECT_EQ(said.size(), 2U);
}

// The SDKs go on with it as well, and AWS may.
TEST_F(AwsKeysTest, WarnsOfACredentialThatHasExpiredAndExtendsItWhileThereIsNoOther) {
    wall_time += 1h;
    auto& keys = start_ecs();
    for (const auto pause : {5s, 10s, 20s}) {
        answer_with("ASIAFIRST", "1970-01-01T01:00:00Z");
        ASSERT_NE(keys.find("ASIAFIRST"), nullptr);
        EXPECT_EQ(keys.find("ASIAFIRST")->expires_at, wall_time + expired_key_extension);
        EXPECT_THAT(said,
                    ElementsAre(HasSubstr(
                        "warning: access key ASIAFIRST from the endpoint has expired; ")));
        wall_time += pause;
        loop.advance(pause);
    }
    answer_with("ASIASECOND", "1970-01-01T07:00:00Z");
    EXPECT_THAT(said.back(), "access key ASIASECOND from the endpoint");
    wall_time += 1h;
    loop.advance(1h);
    answer_with("ASIASECOND", "1970-01-01T07:00:00Z");
    EXPECT_EQ(keys.find("ASIAFIRST"), nullptr);
    EXPECT_EQ(said.size(), 2U);
}

TEST_F(AwsKeysTest, GivesUpAnEndpointThatDoesNotAnswer) {
    start_ecs();
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /creds ").expect_end();
    loop.advance(2s);
    EXPECT_TRUE(origin.finished());
    EXPECT_THAT(said, ElementsAre(HasSubstr("the origin did not answer in time")));
}

TEST_F(AwsKeysTest, GivesUpAnEndpointThatAnswersInDrops) {
    start_ecs();
    auto& origin = dialer.connect_h1();
    origin.expect_head("GET /creds ").send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for (int second = 0; second < 6; ++second) {
        origin.send(" ");
        loop.run();
        EXPECT_THAT(said, IsEmpty());
        loop.advance(1s);
    }
    origin.expect_end();
    loop.run();
    EXPECT_TRUE(origin.finished());
    EXPECT_EQ(said.size(), 1U);
    loop.advance(5s);
    answer_with("ASIAFIRST", "1970-01-01T06:00:00Z");
    EXPECT_EQ(said.size(), 2U);
}

TEST_F(AwsKeysTest, LeavesNobodyWaitingWhenItStops) {
    auto& keys = start_ecs();
    dialer.connect_h1().expect_head("GET /creds ").expect_end();
    loop.spawn(keys.refresh());
    loop.run();
    EXPECT_GT(loop.loop().task_count(), 0U);
    keys.stop();
    loop.run();
    EXPECT_EQ(loop.loop().task_count(), 0U);
    EXPECT_TRUE(loop.loop().deadlines().next().is_none());
    EXPECT_THAT(said, IsEmpty());
}

TEST_F(AwsKeysTest, HasTheKeysOfTheFileAndOfTheOneReadAgain) {
    const auto with = [](const char* key) {
        auto keys = std::make_shared<aws::Credentials>();
        keys->add({.access_key_id = key, .secret_access_key = "secret", .session_token = ""});
        return keys;
    };
    file = with("AKIDEXAMPLE");
    auto& keys = start_ecs();
    EXPECT_NE(keys.find("AKIDEXAMPLE"), nullptr);
    keys.take_file(with("AKIAIOSFODNN7EXAMPLE"));
    EXPECT_EQ(keys.find("AKIDEXAMPLE"), nullptr);
    EXPECT_NE(keys.find("AKIAIOSFODNN7EXAMPLE"), nullptr);
}

}  // namespace
}  // namespace nikawa::daemon
