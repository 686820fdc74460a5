#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "nikawa/net/self_signed.hpp"
#include "nikawa/net/trust_store.hpp"

namespace nikawa::net {

/// A store that believes this certificate alone.
inline TrustStore trust_in(const PemIdentity& identity) {
    const auto file = testing::TempDir() + "nikawa-ca-" + std::to_string(getpid()) + ".pem";
    std::ofstream{file} << identity.certificate;
    auto trust = TrustStore::from_file(file);
    std::remove(file.c_str());
    return trust;
}

}  // namespace nikawa::net
