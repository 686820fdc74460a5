#pragma once

#include <openssl/ssl.h>

#include <memory>

namespace nikawa::demo {

template <auto free_object>
struct FreeBy {
    template <class Object>
    void operator()(Object* object) const {
        free_object(object);
    }
};

using SslContext = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, FreeBy<SSL_free>>;

}  // namespace nikawa::demo
