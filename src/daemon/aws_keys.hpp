#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/aws_metadata.hpp"
#include "nikawa/aws/credentials.hpp"
#include "nikawa/loop/loop.hpp"
#include "nikawa/proxy/credential_source.hpp"

namespace nikawa::daemon {

/// For how long a credential serves of which the endpoint says that it has expired. It does so when
/// it can get no other, and then AWS still takes it: the SDKs, too, go on with it for so long, and
/// ask again meanwhile.
inline constexpr Duration expired_key_extension = std::chrono::minutes{15};

/// How long after a credential was fetched the next one is, by what is left of it; SDKs on the
/// same machine ask a few minutes before its end. Nothing left: that of one without an end.
Duration next_fetch_after(std::optional<Duration> left);

/// The AWS keys of one shard: those of the file, and of a metadata endpoint the credential it has
/// now and those it had, until they expire, for clients may hold on to them.
class AwsKeys final : public proxy::CredentialSource, private loop::Expirable {
public:
    enum class Level : bool { info, warning };
    using WallClock = aws::WallTime (*)();

    /// All that is given outlives it; `metadata` may be nullptr. What is to be said about the
    /// endpoint goes to `tell`, once and not for each attempt.
    AwsKeys(loop::Loop& loop,
            std::shared_ptr<const aws::Credentials> file,
            MetadataClient* metadata,
            WallClock wall_clock,
            std::function<void(Level, std::string_view)> tell);
    ~AwsKeys() = default;

    /// The file was read again.
    void take_file(std::shared_ptr<const aws::Credentials> file) { file_ = std::move(file); }

    /// Fetches nothing more; who waits for it is let go when what is under way has ended.
    void stop() noexcept;

    [[nodiscard]] const aws::Credential* find(std::string_view access_key_id) const override;
    Task<void> refresh() override;

private:
    void begin_fetch();
    Task<void> fetch();
    void take(aws::Credential credential);
    void keep(aws::Credential credential, aws::WallTime now);
    void note_failure(const std::string& problem);
    void expire() noexcept override { begin_fetch(); }

    loop::Loop& loop_;
    // Immutable, and read by all shards.
    std::shared_ptr<const aws::Credentials> file_;
    MetadataClient* metadata_;
    WallClock wall_clock_;
    std::function<void(Level, std::string_view)> tell_;
    std::vector<aws::Credential> fetched_;
    std::vector<loop::Event*> waiting_;  // for the end of the fetch that is under way
    loop::Watchdog next_fetch_;
    bool is_fetching_ = false;
    bool stopped_ = false;
    bool is_failing_ = false;
    Duration retry_after_{};
    TimePoint fetched_at_ = TimePoint::min();
};

}  // namespace nikawa::daemon
