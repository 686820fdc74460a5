#include "nikawa/aws/credentials.hpp"

#include <gtest/gtest.h>

namespace nikawa::aws {
namespace {

/// What a file holds: "id:secret:token", or "line: problem".
std::vector<std::string> keys_in(std::string_view text, const std::vector<std::string>& ids) {
    const auto parsed = parse_credentials_file(text);
    if (const auto* const problem = std::get_if<CredentialsProblem>(&parsed)) {
        return {std::to_string(problem->line) + ": " + problem->text};
    }
    const auto& credentials = std::get<Credentials>(parsed);
    std::vector<std::string> found;
    for (const std::string& id : ids) {
        const Credential* const one = credentials.find(id);
        if (one != nullptr) {
            found.push_back(one->access_key_id + ":" + one->secret_access_key + ":" +
                            one->session_token);
        }
    }
    EXPECT_EQ(credentials.size(), found.size());
    return found;
}

using Found = std::vector<std::string>;

TEST(CredentialsFile, IsReadAsTheAwsToolsReadIt) {
    const struct {
        std::string_view text;
        Found found;
    } rows[] = {
        {"[default]\naws_access_key_id = A\naws_secret_access_key = s/+=\n", {"A:s/+=:"}},
        {"[default]\r\naws_access_key_id=A\r\naws_secret_access_key=s\r\n", {"A:s:"}},
        {"\xef\xbb\xbf[default]\naws_access_key_id=A\naws_secret_access_key=s", {"A:s:"}},
        {"[default]\nAWS_ACCESS_KEY_ID: A\nAws_Secret_Access_Key :\ts \n", {"A:s:"}},
        {"[ profile x ] # why\naws_access_key_id=A\naws_secret_access_key=s\n"
         "aws_session_token = t==\n",
         {"A:s:t=="}},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\naws_security_token=t\n", {"A:s:t"}},
        {"# c\n[x]\n; c\naws_access_key_id=A\n# c\naws_secret_access_key=s\n", {"A:s:"}},
        {"[x]\nregion = eu-west-1\naws_access_key_id=A\ns3 =\n    max_queue_size = 10\n"
         "    aws_access_key_id = no\naws_secret_access_key=s\n",
         {"A:s:"}},
        {"[x]\n  aws_access_key_id=A\n  aws_secret_access_key=s\n", {"A:s:"}},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\n[y]\nrole_arn=r\n"
         "source_profile=x\n[z]\naws_access_key_id=B\naws_secret_access_key=u\n",
         {"A:s:", "B:u:"}},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=t\n"
         "[y]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=t\n",
         {"A:s:t"}},
        // As `aws configure` leaves it where nothing was typed.
        {"[x]\naws_access_key_id = \naws_secret_access_key = \n"
         "[y]\naws_access_key_id=A\naws_secret_access_key=s\n",
         {"A:s:"}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        EXPECT_EQ(keys_in(row.text, {"A", "B"}), row.found);
    }
}

TEST(CredentialsFile, HasAKey) {
    for (const std::string_view text : {"",
                                        "\n# nothing\n\n",
                                        "[default]\n",
                                        "[x]\naws_acess_key_id = A\n",
                                        "[x]\naws_access_key_id = \naws_secret_access_key = \n",
                                        "[x]\nrole_arn = r\n"}) {
        EXPECT_EQ(keys_in(text, {}),
                  Found{"0: holds no profile with aws_access_key_id and aws_secret_access_key"})
            << text;
    }
}

TEST(CredentialsFile, SaysWhatIsWrongAndWhereWithoutTheSecret) {
    const struct {
        std::string_view text;
        std::string_view problem;
    } rows[] = {
        {"[x]\nregion=r\naws_access_key_id=A\n\n[y]\n",
         "3: a profile with aws_access_key_id but no aws_secret_access_key"},
        {"[x]\naws_access_key_id=A\n",
         "2: a profile with aws_access_key_id but no aws_secret_access_key"},
        {"[x]\naws_acess_key_id=A\naws_secret_access_key=s\n[y]\n",
         "3: a profile with aws_secret_access_key but no aws_access_key_id"},
        {"aws_access_key_id=A\n", "1: a setting before the first [profile]"},
        {"[x\n", "1: a [profile] without its ]"},
        {"[x]\nhello\n", "2: neither a [profile] nor a setting"},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s # mine\n",
         "3: a key, secret or token with blanks or quotes in it"},
        {"[x]\naws_access_key_id=\"A\"\n", "2: a key, secret or token with blanks or quotes in it"},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\n  more\n",
         "4: a key, secret or token goes on in a second line"},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token =\n  t\n",
         "5: a key, secret or token goes on in a second line"},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\n"
         "[y]\naws_access_key_id=A\naws_secret_access_key=u\n",
         "6: an access key that stands above with another secret or token"},
        {"[x]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=t\n"
         "[y]\naws_access_key_id=A\naws_secret_access_key=s\n[z]\nregion=r\n",
         "7: an access key that stands above with another secret or token"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.text);
        EXPECT_EQ(keys_in(row.text, {}), Found{std::string{row.problem}});
    }
}

TEST(MetadataCredential, IsReadFromWhatEc2AndEcsAnswer) {
    const auto ec2 = parse_metadata_credential(
        R"({"Code": "Success", "LastUpdated": "2012-04-26T16:39:16Z", "Type": "AWS-HMAC",
            "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "s/+", "Token": "t",
            "Expiration": "2017-05-17T15:09:54Z"})");
    ASSERT_TRUE(ec2);
    EXPECT_EQ(ec2->access_key_id, "ASIAIOSFODNN7EXAMPLE");
    EXPECT_EQ(ec2->secret_access_key, "s/+");
    EXPECT_EQ(ec2->session_token, "t");
    EXPECT_EQ(ec2->expires_at,
              std::chrono::sys_days{std::chrono::year{2017} / 5 / 17} + std::chrono::hours{15} +
                  std::chrono::minutes{9} + std::chrono::seconds{54});

    const auto ecs = parse_metadata_credential(
        R"({"RoleArn":"r","AccessKeyId":"A","SecretAccessKey":"s","Token":"t"})");
    ASSERT_TRUE(ecs);
    EXPECT_FALSE(ecs->expires_at);
}

TEST(MetadataCredential, IsNothingWhereThereIsNone) {
    for (const std::string_view json :
         {"",
          "null",
          "[]",
          "{}",
          "{\"AccessKeyId\":\"A\"}",
          "not json",
          R"({"AccessKeyId":"A","SecretAccessKey":7})",
          R"({"AccessKeyId":"","SecretAccessKey":""})",
          R"({"AccessKeyId":"A\n[error] B","SecretAccessKey":"s"})",
          R"({"AccessKeyId":"A/B","SecretAccessKey":"s"})",
          R"({"Code":"Failed","AccessKeyId":"A","SecretAccessKey":"s"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"tomorrow"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"2017-13-17T15:09:54Z"})"}) {
        SCOPED_TRACE(json);
        EXPECT_FALSE(parse_metadata_credential(json));
    }
}

}  // namespace
}  // namespace nikawa::aws
