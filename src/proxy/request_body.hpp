#pragma once

#include <cstdint>
#include <string>

#include "nikawa/aws/chunk_resigner.hpp"
#include "nikawa/base/memory_budget.hpp"
#include "nikawa/client/client_exchange.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/origin/origin_stream.hpp"

namespace nikawa::proxy {

/// The request body on its way from the client to one stream after another: what was taken from the
/// client is kept, as long as it is little, so that a second attempt can send it again. Of a body
/// that passes through an aws::ChunkResigner it is what came out that is kept and sent.
class RequestBody {
public:
    /// What it keeps, at most `replay_bytes`, is counted in `memory`.
    RequestBody(loop::Loop& loop,
                client::ClientExchange& exchange,
                std::size_t replay_bytes,
                MemoryBudget& memory)
        : loop_(loop),
          exchange_(exchange),
          replay_bytes_(replay_bytes),
          memory_(memory),
          share_(&memory),
          ended_(loop) {}

    /// Whether there is a body that is not complete in memory, so that it must be sent while the
    /// response is waited for.
    [[nodiscard]] bool is_streamed() const { return !complete_; }

    /// Whether everything taken from the client so far can be sent again.
    [[nodiscard]] bool is_whole() const { return whole_; }

    /// Takes all of a body, of known size or not, that has at most `most` bytes. They are valid
    /// until it is sent.
    /// Errors: those of the client, signed_body_too_large, memory_exhausted.
    Task<Result<Bytes>> hold(std::size_t most);

    /// Has what is not taken yet pass through `chunks`, which outlives this.
    void pass_through(aws::ChunkResigner& chunks) { chunks_ = &chunks; }

    /// Takes a small body of known size from the client before a stream is asked for: no stream
    /// waits for a client that dawdles, and any attempt can send all of it.
    /// Errors: those of the client, and of the chunks that it passes through.
    Task<Result<void>> prefetch();

    /// Sends the body: what was kept, then the rest as it comes from the client.
    Task<Result<void>> send(origin::OriginStream& stream);

    /// Starts doing so beside whoever receives the response. A client's
    /// failure abandons the stream with it.
    void start(origin::OriginStream& stream);

    /// Ends what `start()` began: a body that is not all sent by now never will be, so the stream
    /// is abandoned. After it the stream is not touched.
    Task<void> stop();

private:
    Task<void> run();
    Task<Result<void>> take_all(std::size_t most);
    Result<Bytes> taken(Bytes received);
    Result<Bytes> passed(Bytes piece);
    [[nodiscard]] Result<void> check_end() const;
    void keep(Bytes piece);
    void count_held();

    loop::Loop& loop_;
    client::ClientExchange& exchange_;
    std::size_t replay_bytes_;
    MemoryBudget& memory_;
    std::string kept_;
    aws::ChunkResigner* chunks_ = nullptr;
    std::uint64_t taken_bytes_ = 0;  // for chunks_
    std::string passed_;             // of the piece received last, through chunks_
    BudgetShare share_;
    bool whole_ = true;                       // kept_ is all that was taken
    bool complete_ = false;                   // nothing more is to be taken
    origin::OriginStream* stream_ = nullptr;  // from start() to the end of run()
    bool stopped_ = false;
    loop::Event ended_;
};

}  // namespace nikawa::proxy
