#include "daemon/credentials_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/temporary_directory.hpp"

namespace nikawa::daemon {
namespace {

using testing::HasSubstr;

constexpr std::string_view two_profiles =
    "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"
    "[other]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret2\n";

class CredentialsFileTest : public testing::Test {
protected:
    std::string write(std::string_view text, mode_t mode) {
        std::ofstream{path} << text;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return path;
    }

    static std::string problem_with(const std::string& path) {
        const auto read = read_credentials_file(path);
        const auto* const problem = std::get_if<std::string>(&read);
        return problem == nullptr ? "" : *problem;
    }

    test::TemporaryDirectory directory;
    std::string path = directory.path() / "credentials";
};

TEST_F(CredentialsFileTest, HasTheKeysOfAllProfiles) {
    for (const mode_t mode : {0600U, 0400U}) {
        const auto read = read_credentials_file(write(two_profiles, mode));
        const auto* const keys = std::get_if<aws::Credentials>(&read);
        ASSERT_NE(keys, nullptr) << std::get<std::string>(read);
        EXPECT_EQ(keys->size(), 2U);
        EXPECT_NE(keys->find("AKIAIOSFODNN7EXAMPLE"), nullptr);
        unlink(path.c_str());
    }
}

TEST_F(CredentialsFileTest, IsRefusedWhenItIsOpenToOthers) {
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0644U}) {
        SCOPED_TRACE(mode);
        EXPECT_THAT(problem_with(write(two_profiles, mode)), HasSubstr("chmod 600 " + path));
    }
}

TEST_F(CredentialsFileTest, IsRefusedWhenItBelongsToAnotherUser) {
    if (geteuid() != 0) GTEST_SKIP() << "takes root";
    write(two_profiles, 0600);
    ASSERT_EQ(chown(path.c_str(), 12345, 0), 0);
    EXPECT_THAT(problem_with(path), HasSubstr("must belong to root"));
}

TEST_F(CredentialsFileTest, IsRefusedWhenItIsNoFile) {
    EXPECT_THAT(problem_with(directory.path()), HasSubstr("not a regular file"));
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_THAT(problem_with(path), HasSubstr("not a regular file"));
    EXPECT_THAT(problem_with(path + ".missing"), HasSubstr("cannot be read"));
}

TEST_F(CredentialsFileTest, IsRefusedWhenItIsTooLarge) {
    const std::string comment(1024 * 1024, '#');
    EXPECT_THAT(problem_with(write(comment + "\n", 0600)), HasSubstr("is larger than 1024k"));
}

TEST_F(CredentialsFileTest, IsRefusedWithTheLineThatIsWrong) {
    EXPECT_THAT(problem_with(write("[default\n", 0600)), HasSubstr("line 1: "));
}

std::string acl(std::initializer_list<std::array<std::uint32_t, 3>> entries) {
    std::string bytes{"\x02\0\0\0", 4};
    for (const auto& [tag, permissions, id] : entries) {
        for (const auto number : {tag, permissions}) {
            bytes.push_back(static_cast<char>(number));
            bytes.push_back('\0');
        }
        for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(id >> (8 * i)));
    }
    return bytes;
}

TEST(LetsOthersIn, FollowsTheTable) {
    constexpr uid_t us = 64868;
    constexpr std::uint32_t nobody = 0xffffffff;
    constexpr std::uint32_t owner = 1, user = 2, owning_group = 4, group = 8, mask = 16, other = 32;
    // What systemd makes of a credential.
    const auto ours = acl({{owner, 4, nobody},
                           {user, 4, us},
                           {owning_group, 0, nobody},
                           {mask, 4, nobody},
                           {other, 0, nobody}});
    const struct {
        std::string list;
        bool lets_in;
    } rows[] = {
        {ours, false},
        {acl({{owner, 6, nobody}, {user, 4, us + 1}, {mask, 4, nobody}}), true},
        {acl({{owner, 6, nobody}, {owning_group, 4, nobody}, {mask, 4, nobody}}), true},
        {acl({{owner, 6, nobody}, {group, 4, us}, {mask, 4, nobody}}), true},
        {acl({{owner, 6, nobody}, {other, 4, nobody}}), true},
        {acl({{owner, 6, nobody}, {user, 0, us + 1}}), false},
        {ours.substr(0, ours.size() - 1), true},
        {"\x03" + ours.substr(1), true},
        {"", true},
    };
    for (const auto& row : rows) EXPECT_EQ(lets_others_in(row.list, us), row.lets_in);
}

}  // namespace
}  // namespace nikawa::daemon
