#include "daemon/credentials_file.hpp"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <boost/endian/conversion.hpp>
#include <cstring>

#include "daemon/regular_file.hpp"

namespace nikawa::daemon {
namespace {

constexpr std::size_t largest_file = 1024 * 1024;
constexpr mode_t group_bits = S_IRWXG;
constexpr mode_t other_bits = S_IRWXO;

// Where there is an access control list the bits of the group are only the most that it allows to
// anybody. systemd makes one to let the user of a service read its credential.
bool may_group_in(int file, mode_t mode) {
    if ((mode & group_bits) == 0) return false;
    std::array<char, 4096> list{};
    const auto size = fgetxattr(file, "system.posix_acl_access", list.data(), list.size());
    if (size <= 0) return true;
    return lets_others_in({list.data(), static_cast<std::size_t>(size)}, geteuid());
}

std::string problem_with_owner(int file, const struct stat& status, const std::string& path) {
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        return "holds secrets and must belong to root or to the user nikawa runs as (chown)";
    }
    if ((status.st_mode & other_bits) != 0 || may_group_in(file, status.st_mode)) {
        return "holds secrets and must not be open to its group or others: chmod 600 " + path;
    }
    return {};
}

}  // namespace

bool lets_others_in(Bytes access_control_list, uid_t user) {
    posix_acl_xattr_header header{};
    if (access_control_list.size() < sizeof header) return true;
    std::memcpy(&header, access_control_list.data(), sizeof header);
    if (boost::endian::little_to_native(header.a_version) != POSIX_ACL_XATTR_VERSION) return true;
    access_control_list.remove_prefix(sizeof header);
    while (!access_control_list.empty()) {
        posix_acl_xattr_entry entry{};
        if (access_control_list.size() < sizeof entry) return true;
        std::memcpy(&entry, access_control_list.data(), sizeof entry);
        access_control_list.remove_prefix(sizeof entry);
        const auto tag = boost::endian::little_to_native(entry.e_tag);
        const bool is_bound = tag == ACL_USER_OBJ || tag == ACL_MASK;
        const bool is_us = tag == ACL_USER && boost::endian::little_to_native(entry.e_id) == user;
        if (!is_bound && !is_us && entry.e_perm != 0) return true;
    }
    return false;
}

std::variant<aws::Credentials, std::string> read_credentials_file(const std::string& path) {
    auto read = read_regular_file(path, largest_file, [&](int file, const struct stat& status) {
        return problem_with_owner(file, status, path);
    });
    if (!read.problem.empty()) return std::move(read.problem);
    auto parsed = aws::parse_credentials_file(read.text);
    if (const auto* const problem = std::get_if<aws::CredentialsProblem>(&parsed)) {
        if (problem->line == 0) return problem->text;
        return "line " + std::to_string(problem->line) + ": " + problem->text;
    }
    return std::get<aws::Credentials>(std::move(parsed));
}

}  // namespace nikawa::daemon
