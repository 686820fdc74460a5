#pragma once

#include <memory>
#include <string>

#include "nikawa/base/bytes.hpp"

namespace nikawa::demo {

/// The origin's side of one connection in one version of HTTP: the client's bytes in, the answers'
/// bytes out. It reads each request to its end and answers 200 with one line of text, whatever
/// was asked.
class Responder {
public:
    enum class Then : bool { go_on, close };

    virtual ~Responder() = default;

    /// Takes bytes of the client (none, to let it speak first) and appends what is to be sent.
    virtual Then take(Bytes input, std::string& out) = 0;
};

std::unique_ptr<Responder> make_h1_responder();
std::unique_ptr<Responder> make_h2_responder();

}  // namespace nikawa::demo
