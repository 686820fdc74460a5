#include "nikawa/access/client_rules.hpp"

namespace nikawa::access {

ClientRules::ClientRules(const std::vector<std::string>& allowed) {
    for (const auto& text : allowed) {
        for (const auto& range : address_ranges(text)) allowed_.push_back(range);
    }
}

bool ClientRules::allows(const net::IpAddress& client) const {
    return contains(allowed_, unmapped(client));
}

}  // namespace nikawa::access
