#include "daemon/diagnostic_log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "nikawa/base/escape.hpp"

namespace nikawa::daemon {
namespace {

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet < ' ' || octet == 0x7f;
}

/// The message in a pattern.
class Message final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message,
                const std::tm& /*time*/,
                spdlog::memory_buf_t& out) override {
        const auto text = without_controls({message.payload.data(), message.payload.size()});
        out.append(text.data(), text.data() + text.size());
    }

    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<Message>();
    }
};

}  // namespace

void open_diagnostic_log(const std::string& level) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<Message>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z [%l] %*");
    spdlog::set_default_logger(spdlog::stderr_logger_mt("nikawa"));
    spdlog::set_formatter(std::move(formatter));
    spdlog::set_level(spdlog::level::from_str(level));
}

std::string without_controls(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        is_control(c) ? append_escaped(out, c) : out.push_back(c);
    }
    return out;
}

}  // namespace nikawa::daemon
