#include "nikawa/telemetry/access_log.hpp"

#include "telemetry/log_writer.hpp"

namespace nikawa::telemetry {
namespace {

/// A buffer this full is handed over at once; it has room for the line that fills it.
constexpr std::size_t hand_over_bytes = 64 * 1024;

}  // namespace

AccessLog::AccessLog(LogWriter* writer, HttpStats* stats)
    : writer_(writer != nullptr && writer->impl_->discards() ? nullptr : writer), stats_(stats) {}

AccessLog::~AccessLog() { flush(); }

void AccessLog::write(const ExchangeRecord& record) {
    if (stats_ != nullptr) stats_->note(record);
    if (writer_ == nullptr) return;
    append_line(buffer_, record, writer_->impl_->format(), second_);
    ++lines_;
    if (buffer_.size() >= hand_over_bytes) flush();
}

void AccessLog::flush() {
    if (buffer_.empty()) return;
    writer_->impl_->take(buffer_, lines_);
    lines_ = 0;
}

}  // namespace nikawa::telemetry
