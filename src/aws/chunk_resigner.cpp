#include "nikawa/aws/chunk_resigner.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "aws/sha256.hpp"

namespace nikawa::aws {
namespace {

constexpr std::string_view signature_name = ";chunk-signature=";
constexpr std::string_view trailer_signature_name = "x-amz-trailer-signature:";
constexpr std::size_t signature_bytes = 64;

// 16 hexadecimal digits and the line end.
constexpr std::size_t max_header_bytes = 16 + signature_name.size() + signature_bytes + 2;

// S3 has no trailer but a checksum, and user metadata is 2 KB at most.
constexpr std::size_t max_trailer_bytes = 8 * 1024;

// Room for a chunk of 64 KiB, the usual size, stays for the next one; what a larger one needs comes
// as it grows, not as it is announced, and goes with it.
constexpr std::size_t usual_bytes = 64 * 1024 + max_header_bytes;

Bytes without_line_end(Bytes line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// A field of the trailer, as it is signed.
std::string canonical_field(Bytes line) {
    std::string text;
    const auto colon = std::min(line.find(':'), line.size());
    for (const char c : line.substr(0, colon)) {
        text.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
    }
    auto value = line.substr(std::min(colon + 1, line.size()));
    const auto begin = std::min(value.find_first_not_of(" \t"), value.size());
    value = value.substr(begin, value.find_last_not_of(" \t") + 1 - begin);
    return text.append(":").append(value).append("\n");
}

}  // namespace

ChunkResigner::ChunkResigner(const Signer& signer,
                             std::string sent,
                             std::string made,
                             bool has_trailer,
                             std::size_t max_chunk_bytes)
    : signer_(signer),
      sent_(std::move(sent)),
      made_(std::move(made)),
      has_trailer_(has_trailer),
      max_chunk_bytes_(max_chunk_bytes),
      hash_(std::make_unique<Sha256>()) {}

ChunkResigner::ChunkResigner(ChunkResigner&&) noexcept = default;
ChunkResigner::~ChunkResigner() = default;

Result<void> ChunkResigner::feed(Bytes input, std::string& out) {
    if (failed_) return *failed_;
    while (!input.empty()) {
        if (auto taken = take(input, out); !taken) {
            failed_ = taken.error();
            std::string{}.swap(held_);
            return taken;
        }
    }
    return {};
}

Result<void> ChunkResigner::finish() const {
    if (failed_) return *failed_;
    if (at_ != At::done) return failure_of(Refusal::malformed_chunk);
    return {};
}

Result<void> ChunkResigner::take(Bytes& input, std::string& out) {
    switch (at_) {
        case At::header: return take_header(input, out);
        case At::data: return take_data(input, out);
        case At::data_end:
        case At::end_of_all: return take_line_end(input, out);
        case At::trailer: return take_trailer_line(input, out);
        case At::done: break;
    }
    return failure_of(Refusal::malformed_chunk);  // something behind the end
}

/// Holds what comes up to a line's end: true when that is there.
Result<bool> ChunkResigner::hold_line(Bytes& input, std::size_t limit) {
    const auto end = input.find('\n');
    const auto piece = input.substr(0, end == input.npos ? end : end + 1);
    if (held_.size() + piece.size() > limit) return failure_of(Refusal::malformed_chunk);
    held_.append(piece);
    input.remove_prefix(piece.size());
    return end != input.npos;
}

Result<void> ChunkResigner::take_header(Bytes& input, std::string& out) {
    const auto is_whole = hold_line(input, max_header_bytes);
    if (!is_whole) return is_whole.error();
    if (!*is_whole) return {};
    const Bytes line{held_};
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    const auto digits = static_cast<std::size_t>(end - line.data());
    const auto rest = line.substr(digits);
    if (error != std::errc{} || digits > 16 || !rest.starts_with(signature_name) ||
        !rest.ends_with("\r\n") || rest.size() != signature_name.size() + signature_bytes + 2) {
        return failure_of(Refusal::malformed_chunk);
    }
    if (size > max_chunk_bytes_) return failure_of(Refusal::chunk_too_large);
    signature_at_ = digits + signature_name.size();
    data_bytes_left_ = static_cast<std::size_t>(size);
    is_last_ = size == 0;
    at_ = At::data;
    return is_last_ ? end_chunk(out) : Result<void>{};
}

Result<void> ChunkResigner::take_data(Bytes& input, std::string& out) {
    const auto piece = input.substr(0, data_bytes_left_);
    input.remove_prefix(piece.size());
    hash_->update(piece);
    if (held_.capacity() < held_.size() + piece.size()) {
        held_.reserve(std::max(held_.size() + piece.size(),
                               std::min(held_.size() + data_bytes_left_, usual_bytes)));
    }
    held_.append(piece);
    data_bytes_left_ -= piece.size();
    return data_bytes_left_ == 0 ? end_chunk(out) : Result<void>{};
}

Result<void> ChunkResigner::end_chunk(std::string& out) {
    const auto data_hash = hex_of(hash_->finish());
    std::string given = held_.substr(signature_at_, signature_bytes);
    if (!equal_in_constant_time(signer_.sign_chunk(sent_, data_hash), given)) {
        return failure_of(Refusal::wrong_chunk);
    }
    sent_ = std::move(given);
    made_ = signer_.sign_chunk(made_, data_hash);
    release(out);
    at_ = is_last_ && has_trailer_ ? At::trailer : At::data_end;
    return {};
}

Result<void> ChunkResigner::take_line_end(Bytes& input, std::string& out) {
    constexpr Bytes line_end = "\r\n";
    if (input.front() != line_end[line_end_bytes_]) return failure_of(Refusal::malformed_chunk);
    out.push_back(input.front());
    input.remove_prefix(1);
    if (++line_end_bytes_ < line_end.size()) return {};
    line_end_bytes_ = 0;
    at_ = is_last_ ? At::done : At::header;
    return {};
}

// The last line is the signature of those before it; empty ones among them, which some clients
// write in front of it or behind the last chunk, are not signed.
Result<void> ChunkResigner::take_trailer_line(Bytes& input, std::string& out) {
    const auto is_whole = hold_line(input, max_trailer_bytes);
    if (!is_whole) return is_whole.error();
    if (!*is_whole) return {};
    const auto line = without_line_end(Bytes{held_}.substr(line_at_));
    const auto name = line.substr(0, trailer_signature_name.size());
    if (http::equal_ignoring_case(name, trailer_signature_name)) {
        const auto value = line.find_first_not_of(' ', name.size());
        signature_at_ = line_at_ + std::min(value, line.size());
        return end_trailer(line.size() - (signature_at_ - line_at_), out);
    }
    if (!line.empty()) hash_->update(canonical_field(line));
    line_at_ = held_.size();
    return {};
}

Result<void> ChunkResigner::end_trailer(std::size_t given_bytes, std::string& out) {
    if (given_bytes != signature_bytes) return failure_of(Refusal::malformed_chunk);
    const auto trailer_hash = hex_of(hash_->finish());
    const auto expected = signer_.sign_trailer(sent_, trailer_hash);
    if (!equal_in_constant_time(expected, Bytes{held_}.substr(signature_at_, signature_bytes))) {
        return failure_of(Refusal::wrong_chunk);
    }
    made_ = signer_.sign_trailer(made_, trailer_hash);
    release(out);
    at_ = At::end_of_all;
    return {};
}

/// What is held was found right: it goes, with the signature made anew.
void ChunkResigner::release(std::string& out) {
    held_.replace(signature_at_, signature_bytes, made_);
    if (out.empty() && held_.capacity() > usual_bytes) {
        out = std::move(held_);
    } else {
        out.append(held_);
    }
    held_.clear();
    if (held_.capacity() > 2 * usual_bytes) std::string{}.swap(held_);
}

}  // namespace nikawa::aws
