#pragma once

#include <boost/system/error_category.hpp>
#include <string>

namespace nikawa {

// Boost's base class has a protected destructor that g++ takes for an accessible one.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

/// The error codes of a library that has its own, so that they can be the cause of a `Failure`.
/// One static object for each library.
class LibraryCategory final : public boost::system::error_category {
public:
    using Message = std::string (*)(int code);

    /// `name` must live for ever; `words` puts a code in words.
    constexpr LibraryCategory(const char* name, Message words) noexcept
        : name_(name), message_(words) {}

    const char* name() const noexcept override { return name_; }
    std::string message(int code) const override { return message_(code); }

private:
    const char* name_;
    Message message_;
};

#pragma GCC diagnostic pop

}  // namespace nikawa
