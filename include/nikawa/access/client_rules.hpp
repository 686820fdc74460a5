#pragma once

#include <string>
#include <vector>

#include "nikawa/access/address_range.hpp"

namespace nikawa::access {

/// Which clients may use the proxy, by the address of their connection.
class ClientRules {
public:
    /// From the values of --allow-client, which parsing has found valid.
    explicit ClientRules(const std::vector<std::string>& allowed);

    [[nodiscard]] bool allows(const net::IpAddress& client) const;

private:
    std::vector<AddressRange> allowed_;
};

}  // namespace nikawa::access
