#include "net/socket_bio.hpp"

#include <cerrno>
#include <new>

namespace nikawa::net {
namespace {

Socket& socket_of(BIO* bio) noexcept { return *static_cast<Socket*>(BIO_get_data(bio)); }

int read_from_socket(BIO* bio, char* into, std::size_t size, std::size_t* got) noexcept {
    BIO_clear_retry_flags(bio);
    const auto result = socket_of(bio).receive({into, size});
    *got = result.bytes;
    switch (result.state) {
        case IoResult::State::done: return 1;
        case IoResult::State::would_block: BIO_set_retry_read(bio); return 0;
        case IoResult::State::end: BIO_set_flags(bio, BIO_FLAGS_IN_EOF); return 0;
        case IoResult::State::failed: errno = result.error.value(); return 0;
    }
    return 0;
}

int write_to_socket(BIO* bio, const char* bytes, std::size_t size, std::size_t* sent) noexcept {
    BIO_clear_retry_flags(bio);
    const Bytes piece{bytes, size};
    const auto result = socket_of(bio).send({&piece, 1});
    *sent = result.bytes;
    switch (result.state) {
        case IoResult::State::done: return 1;
        case IoResult::State::would_block: BIO_set_retry_write(bio); return 0;
        case IoResult::State::end: break;
        case IoResult::State::failed: errno = result.error.value(); break;
    }
    return 0;
}

long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
    switch (command) {
        case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        case BIO_CTRL_FLUSH: return 1;  // nothing is held back
        default: return 0;
    }
}

using MethodPtr = std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>>;

MethodPtr make_method() {
    MethodPtr method{BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nikawa socket")};
    if (!method) throw std::bad_alloc{};
    BIO_meth_set_read_ex(method.get(), read_from_socket);
    BIO_meth_set_write_ex(method.get(), write_to_socket);
    BIO_meth_set_ctrl(method.get(), control);
    return method;
}

}  // namespace

BioPtr make_socket_bio(Socket& socket) {
    static const MethodPtr method = make_method();
    BioPtr bio{BIO_new(method.get())};
    if (!bio) throw std::bad_alloc{};
    BIO_set_data(bio.get(), &socket);
    BIO_set_init(bio.get(), 1);
    return bio;
}

}  // namespace nikawa::net
