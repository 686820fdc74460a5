#include "daemon/aws_keys.hpp"

#include <algorithm>
#include <utility>

namespace nikawa::daemon {
namespace {

// A request with a key that is not known has the endpoint asked, but not more often than this.
constexpr Duration least_between_fetches = std::chrono::seconds{5};

constexpr Duration first_retry = std::chrono::seconds{5};
constexpr Duration last_retry = std::chrono::minutes{5};

}  // namespace

Duration next_fetch_after(std::optional<Duration> left) {
    constexpr Duration ahead = std::chrono::minutes{15};
    constexpr Duration soonest = std::chrono::minutes{1};
    constexpr Duration latest = std::chrono::hours{1};
    if (!left) return latest;
    return std::clamp(*left - ahead, soonest, latest);
}

AwsKeys::AwsKeys(loop::Loop& loop,
                 std::shared_ptr<const aws::Credentials> file,
                 MetadataClient* metadata,
                 WallClock wall_clock,
                 std::function<void(Level, std::string_view)> tell)
    : loop_(loop),
      file_(std::move(file)),
      metadata_(metadata),
      wall_clock_(wall_clock),
      tell_(std::move(tell)),
      next_fetch_(loop.deadlines(), *this) {
    if (metadata_ != nullptr) next_fetch_.arm(Deadline{loop.now()});
}

void AwsKeys::stop() noexcept {
    stopped_ = true;
    next_fetch_.disarm();
    if (metadata_ != nullptr) metadata_->close();
}

const aws::Credential* AwsKeys::find(std::string_view access_key_id) const {
    if (file_ != nullptr) {
        if (const auto* const found = file_->find(access_key_id)) return found;
    }
    const auto found = std::ranges::find(fetched_, access_key_id, &aws::Credential::access_key_id);
    return found == fetched_.end() ? nullptr : &*found;
}

Task<void> AwsKeys::refresh() {
    if (metadata_ == nullptr || stopped_) co_return;
    if (!is_fetching_) {
        const bool was_just_done =
            fetched_at_ != TimePoint::min() && loop_.now() - fetched_at_ < least_between_fetches;
        if (was_just_done) co_return;
        begin_fetch();
    }
    loop::Event ended{loop_};
    waiting_.push_back(&ended);
    co_await ended.wait();
}

void AwsKeys::begin_fetch() {
    if (is_fetching_ || stopped_) return;
    is_fetching_ = true;
    next_fetch_.disarm();
    loop_.spawn(fetch());
}

Task<void> AwsKeys::fetch() {
    auto got = co_await metadata_->fetch();
    is_fetching_ = false;
    fetched_at_ = loop_.now();
    if (auto* const credential = std::get_if<aws::Credential>(&got)) {
        take(std::move(*credential));
    } else if (!stopped_) {
        note_failure(std::get<std::string>(got));
    }
    for (auto* const waiter : std::exchange(waiting_, {})) waiter->notify();
}

void AwsKeys::take(aws::Credential credential) {
    const auto now = wall_clock_();
    const std::string key = "access key " + credential.access_key_id + " from the endpoint";
    const bool is_new = find(credential.access_key_id) == nullptr;
    std::optional<Duration> left;
    if (credential.expires_at) left = *credential.expires_at - now;
    if (left && *left <= Duration::zero()) {
        credential.expires_at = now + expired_key_extension;
        keep(std::move(credential), now);
        if (!stopped_) note_failure(key + " has expired");
        return;
    }
    keep(std::move(credential), now);
    if (std::exchange(is_failing_, false) || is_new) tell_(Level::info, key);
    retry_after_ = Duration::zero();
    if (!stopped_) next_fetch_.arm(Deadline::after(loop_.now(), next_fetch_after(left)));
}

void AwsKeys::keep(aws::Credential credential, aws::WallTime now) {
    std::erase_if(fetched_, [&](const aws::Credential& old) {
        return old.access_key_id == credential.access_key_id ||
               (old.expires_at && *old.expires_at <= now);
    });
    fetched_.push_back(std::move(credential));
}

void AwsKeys::note_failure(const std::string& problem) {
    if (!std::exchange(is_failing_, true)) {
        tell_(Level::warning, problem + "; it is asked again until that is mended");
    }
    retry_after_ = std::clamp(2 * retry_after_, first_retry, last_retry);
    next_fetch_.arm(Deadline::after(loop_.now(), retry_after_));
}

}  // namespace nikawa::daemon
