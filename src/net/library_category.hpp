#pragma once

#include <boost/system/error_code.hpp>
#include <string>

namespace nikawa::net {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // Boost's base class; nobody deletes one

/// The error codes of a library, with the words it has for them.
class LibraryCategory final : public boost::system::error_category {
public:
    using Message = std::string (*)(int value);

    constexpr LibraryCategory(const char* name, Message words) noexcept
        : name_(name), words_(words) {}

    [[nodiscard]] const char* name() const noexcept override { return name_; }
    [[nodiscard]] std::string message(int value) const override { return words_(value); }

private:
    const char* name_;
    Message words_;
};

#pragma GCC diagnostic pop

}  // namespace nikawa::net
