#pragma once

namespace nikawa::net {

/// Who can close something when the process has no file descriptor left.
class DescriptorRelief {
public:
    /// Closes something idle, so that one descriptor is free now; false if there is nothing.
    virtual bool let_one_go() noexcept = 0;

protected:
    ~DescriptorRelief() = default;
};

/// Whether a system call failed with `error` because there is no descriptor.
bool is_out_of_descriptors(int error) noexcept;

/// Whether there is none now; for libraries that do not say why they failed.
bool is_out_of_descriptors() noexcept;

}  // namespace nikawa::net
