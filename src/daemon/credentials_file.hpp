#pragma once

#include <sys/types.h>

#include <string>
#include <variant>

#include "nikawa/aws/credentials.hpp"
#include "nikawa/base/bytes.hpp"

namespace nikawa::daemon {

/// The credentials in a file that holds secrets: a regular one that belongs to root or to the user
/// we run as, and that nobody else may read; or what is wrong with it, in words without any secret.
std::variant<aws::Credentials, std::string> read_credentials_file(const std::string& path);

/// Whether an access control list, as the attribute system.posix_acl_access has it, lets anybody
/// do anything with the file but its owner and `user`. What cannot be read as one does.
bool lets_others_in(Bytes access_control_list, uid_t user);

}  // namespace nikawa::daemon
