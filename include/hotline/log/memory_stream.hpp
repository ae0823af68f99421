#pragma once
// Outbound 4/6: one project's log in memory. Numbers, keeps and evicts; knows nothing of clients.

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/log/conflation.hpp>
#include <hotline/log/rendition.hpp>
#include <hotline/log/slab.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/frame.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

/// One project's events: finished frames in slabs, numbered within an epoch, bounded by count, bytes and age.
/// Models `event_stream`; every member may be called from any thread.
class memory_stream {
 public:
  memory_stream(const log_options& limits, environment& env, std::string epoch)
      : limits_(limits), env_(env), epoch_(std::move(epoch)), last_append_(env.now()) {}

  memory_stream(const memory_stream&) = delete;
  memory_stream& operator=(const memory_stream&) = delete;

  [[nodiscard]] std::string_view epoch() const noexcept { return epoch_; }

  [[nodiscard]] log_bounds bounds() const {
    const std::lock_guard lock(mutex_);
    return {oldest_, end_};
  }

  /// Bytes that are held now, index included.
  [[nodiscard]] std::size_t footprint() const {
    const std::lock_guard lock(mutex_);
    return held();
  }

  result<sequence> append(const log_record& record) {
    if (record.type.size() > 255) return errc::invalid_event_type;
    if (record.key.size() > detail::conflation_index::longest_key) return errc::key_too_long;
    const std::uint32_t hash = hash_type(record.type);
    const auto type_in_head = static_cast<std::size_t>(record.type.data() - record.head.data());
    const steady_time now = env_.now();

    const std::lock_guard lock(mutex_);
    const sequence seq = end_ + 1;
    std::array<char, 20> digits;
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), seq);
    const std::string_view number(digits.data(), static_cast<std::size_t>(written.ptr - digits.data()));
    const std::size_t payload = record.head.size() + number.size() + record.tail.size();
    const auto header = detail::make_frame_header(detail::opcode::text, payload);
    const std::size_t size = header.view().size() + payload;
    const std::size_t key_cost = detail::conflation_index::cost_of(record.type, record.key);
    if (size > limits_.event_bytes || slab_footprint(size) + key_cost > limits_.bytes) return errc::event_too_big;

    make_room(size, key_cost);
    std::optional<sequence> older;
    if (!record.key.empty()) older = keys_.add(seq, record.type, record.key);
    const std::array<std::string_view, 4> parts{header.view(), record.head, number, record.tail};
    slabs_.back()->append(parts, header.view().size() + type_in_head, record.type, hash, now);
    end_ = seq;
    last_append_ = now;
    while (end_ - oldest_ + 1 > limits_.events) evict_one();
    evict_older_than(now);
    if (older && *older >= oldest_) (*slab_of(*older))->supersede(*older);
    for (log_watcher* const watcher : watchers_) watcher->on_append();
    return seq;
  }

  void read(sequence after, sequence up_to, std::size_t max_bytes, log_batch& batch) const {
    batch.entries.clear();
    batch.pins.clear();
    const std::lock_guard lock(mutex_);
    sequence seq = std::max(after + 1, oldest_);
    const sequence last = std::min(up_to, end_);
    if (seq > last) return;
    std::size_t bytes = 0;
    for (auto block = slab_of(seq); block != slabs_.end() && seq <= last; ++block) {
      batch.pins.push_back(*block);
      for (; seq <= last && seq < (*block)->first() + (*block)->count(); ++seq) {
        const detail::slab::entry& e = (*block)->at(seq);
        const std::string_view frame = (*block)->frame(e);
        if (bytes != 0 && bytes + frame.size() > max_bytes) return;
        bytes += frame.size();
        batch.entries.push_back({seq, frame, frame.substr(e.type_begin, e.type_size), e.type_hash, e.superseded});
      }
    }
  }

  [[nodiscard]] sequence tail(std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    if (oldest_ > end_ || bytes >= end_position()) return oldest_ - 1;
    const std::uint64_t position = end_position() - bytes;
    const auto ends_before = [&](const auto& block) { return block->end_position() < position; };
    const detail::slab& block = **std::partition_point(slabs_.begin(), slabs_.end(), ends_before);
    const auto entries = block.entries();
    const auto found = std::partition_point(
        entries.begin(), entries.end(), [&](const detail::slab::entry& e) { return block.end_position(e) < position; });
    return std::max(oldest_ - 1, block.first() + static_cast<sequence>(found - entries.begin()));
  }

  [[nodiscard]] log_rendition& rendition() noexcept { return rendition_; }

  void attach(log_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(&watcher);
  }

  void detach(log_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    std::erase(watchers_, &watcher);
  }

  /// Lets go of what is older than the age that the options allow.
  void sweep() {
    const steady_time now = env_.now();
    const std::lock_guard lock(mutex_);
    evict_older_than(now);
    rendition_.forget_before(oldest_);
  }

  /// Whether nothing was appended for as long as the options call idle, or ever.
  [[nodiscard]] bool is_idle() const {
    const steady_time now = env_.now();
    const std::lock_guard lock(mutex_);
    return end_ == 0 || now - last_append_ >= limits_.idle;
  }

 private:
  static constexpr std::size_t first_slab = 4 * 1024;
  static constexpr std::size_t largest_slab = 256 * 1024;

  [[nodiscard]] static std::size_t slab_footprint(std::size_t size) noexcept {
    return detail::slab::footprint_of(size);
  }

  [[nodiscard]] std::size_t held() const noexcept { return footprint_ + keys_.footprint(); }

  [[nodiscard]] std::uint64_t end_position() const noexcept {
    return slabs_.empty() ? dropped_position_ : slabs_.back()->end_position();
  }

  // Only for an entry that is still there.
  [[nodiscard]] std::deque<std::shared_ptr<detail::slab>>::const_iterator slab_of(sequence seq) const {
    return std::upper_bound(slabs_.begin(), slabs_.end(), seq,
                            [](sequence s, const auto& candidate) { return s < candidate->first(); }) -
           1;
  }

  // A quiet project holds little; a busy one grows its slabs, so that a turn's events are one or two spans.
  void make_room(std::size_t size, std::size_t key_cost) {
    if (!slabs_.empty() && slabs_.back()->has_room(size)) {
      while (slabs_.size() > 1 && held() + key_cost > limits_.bytes) evict_front();
      return;
    }
    std::size_t capacity = slabs_.empty() ? first_slab : std::min(largest_slab, slabs_.back()->capacity() * 2);
    capacity = std::max(std::min(capacity, limits_.bytes / 8), size);
    const std::size_t cost = slab_footprint(capacity);
    while (!slabs_.empty() && held() + cost + key_cost > limits_.bytes) evict_front();
    slabs_.push_back(std::make_shared<detail::slab>(end_ + 1, end_position(), capacity));
    footprint_ += cost;
  }

  void evict_front() {
    const detail::slab& front = *slabs_.front();
    oldest_ = front.first() + front.count();
    drop_front();
  }

  void drop_front() {
    keys_.forget_before(oldest_);
    dropped_position_ = slabs_.front()->end_position();
    footprint_ -= slabs_.front()->footprint();
    slabs_.pop_front();
  }

  void evict_one() {
    ++oldest_;
    const detail::slab& front = *slabs_.front();
    if (front.first() + front.count() <= oldest_) drop_front();
  }

  void evict_older_than(steady_time now) {
    while (oldest_ <= end_ && now - slabs_.front()->at(oldest_).at > limits_.age) evict_one();
  }

  const log_options limits_;
  environment& env_;
  const std::string epoch_;

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<detail::slab>> slabs_;
  std::vector<log_watcher*> watchers_;
  detail::conflation_index keys_;
  sequence oldest_ = 1;
  sequence end_ = 0;
  std::size_t footprint_ = 0;
  std::uint64_t dropped_position_ = 0;  // where the last slab that is gone ended
  steady_time last_append_;
  log_rendition rendition_;
};

}  // namespace hotline
