#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/keyed_hash.hpp>
#include <hotline/log/conflation.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/log/ledger.hpp>
#include <hotline/log/rendition.hpp>
#include <hotline/log/slab.hpp>
#include <hotline/options.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hotline {

namespace detail {
struct entry_draft;
}  // namespace detail

/// Receives a call for each entry that a stream gets.
class log_watcher {
 public:
  /// The appending thread calls this with the stream's lock held, so it notes that there is something new and returns.
  virtual void on_append() noexcept = 0;

 protected:
  ~log_watcher() = default;
};

/// One project's events: finished frames in slabs, numbered within an epoch, bounded by count, bytes and age, and, with
/// all other projects' of its log, by a ledger. `memory_event_log::open` returns it. Every member may be called from
/// any thread.
///
///     const std::shared_ptr<hotline::memory_stream> stream = log->open("p1");
///     hotline::log_batch batch;
///     stream->read(stream->bounds().oldest - 1, stream->end(), 64 * 1024, batch);
///     for (const hotline::log_entry& entry : batch.entries) send(entry.frame);
class memory_stream final : public detail::ledger_holder {
 public:
  /// `own_cost`: the bytes that the stream costs without its events; they are reserved for it already.
  memory_stream(const log_options& limits, environment& env, std::string project, std::string epoch,
                std::shared_ptr<detail::log_ledger> ledger, std::size_t own_cost = 0, const detail::hash_key& key = {});

  memory_stream(const memory_stream&) = delete;
  memory_stream& operator=(const memory_stream&) = delete;

  ~memory_stream();

  /// Returns the name of its project.
  [[nodiscard]] const std::string& project() const noexcept { return project_; }

  /// The name of this numbering: another stream of the same project, which numbers from 1 again, has another one.
  [[nodiscard]] std::string_view epoch() const noexcept { return epoch_; }

  /// Where the stream begins and ends now. Entries that are too old do not count, even where no sweep has removed them
  /// yet.
  [[nodiscard]] log_bounds bounds() const;

  /// The number of the newest event, 0 before the first. Costs less than `bounds()`, which reads the clock.
  [[nodiscard]] sequence end() const {
    const std::lock_guard lock(mutex_);
    return end_;
  }

  /// Bytes that a stream costs beside its events and its own object: its epoch, its place on the ledger.
  static constexpr std::size_t more_memory = 128;
  [[nodiscard]] std::size_t own_cost() const noexcept { return own_cost_; }

  /// Bytes that its events occupy now, index included.
  [[nodiscard]] std::size_t footprint() const {
    const std::lock_guard lock(mutex_);
    return held();
  }

  /// Numbers the record, frames it, keeps it, and notifies the watchers. Returns its number, or an error: then nothing
  /// of it is kept and no watcher is notified. Older entries that made room for it are gone either way. Errors:
  /// `event_too_big`, `key_too_long` (over 256 bytes), `invalid_event_type` (over 255 bytes), `log_full` (only while
  /// other threads append: what is under way takes all the room there is), `out_of_memory`.
  result<sequence> append(const log_record& record);

  /// Fills `batch` with the entries after `after` up to `up_to`: at least one if there is one, else until `max_bytes`
  /// of frames. The first of them is `after + 1` unless entries between were evicted. Throws `std::bad_alloc`, with
  /// `batch` empty.
  void read(sequence after, sequence up_to, std::size_t max_bytes, log_batch& batch) const;

  /// Returns the oldest number after which no more than `bytes` bytes of frames follow; never one before what is kept.
  [[nodiscard]] sequence tail(std::size_t bytes) const;

  /// The same entries, compressed for the subscribers that take them so. Lives as long as the stream.
  [[nodiscard]] log_rendition& rendition() noexcept { return rendition_; }

  /// Notifies `watcher` of every append from here on, until `detach`. Throws `std::bad_alloc`.
  void attach(log_watcher& watcher);

  /// Ends what `attach` began. After it returns, no call to `watcher` is under way and none follows.
  void detach(log_watcher& watcher);

  struct swept {
    steady_time due;    ///< when there is, or may be, something to sweep again
    std::size_t freed;  ///< bytes
  };

  /// Removes entries that are older than the options allow, at most one slab of them; another call removes more.
  swept sweep(steady_time now);

  swept sweep() { return sweep(env_.now()); }

  /// Removes its oldest slab, because all projects together need the room.
  [[nodiscard]] HOTLINE_DETAIL_INLINE std::size_t give() override;

  /// Whether it ever had an event.
  [[nodiscard]] bool has_begun() const {
    const std::lock_guard lock(mutex_);
    return end_ > 0;
  }

  /// Whether nothing was ever appended, or nothing for as long as the options call idle.
  [[nodiscard]] bool is_idle() const;

 private:
  static constexpr std::size_t first_slab = 1024;
  static constexpr std::size_t largest_slab = 256 * 1024;

  [[nodiscard]] static std::size_t slab_footprint(std::size_t size) noexcept {
    return detail::slab::footprint_of(size);
  }

  [[nodiscard]] std::size_t most_bytes() const noexcept { return std::min(limits_.bytes, limits_.total_bytes); }
  [[nodiscard]] std::size_t held() const noexcept {
    return footprint_ + (keys_ ? keys_->footprint() + detail::conflation_index::own_cost : 0);
  }

  [[nodiscard]] std::uint64_t end_position() const noexcept {
    return slabs_.empty() ? dropped_position_ : slabs_.back()->end_position();
  }

  // Only for an entry that is still there.
  [[nodiscard]] std::vector<std::shared_ptr<detail::slab>>::const_iterator slab_of(sequence seq) const;

  // The needs of an entry: a slab of that capacity unless that is 0, and bytes that are not held yet.
  struct demand {
    std::size_t capacity = 0;
    std::size_t bytes = 0;
  };

  result<sequence> try_append(const log_record& record);

  // A quiet project holds little; a busy one grows its slabs, so that a turn's events are one or two spans.
  [[nodiscard]] demand make_room(std::size_t size, std::size_t key_cost, detail::log_ledger::share& room);

  // Does all that can throw, or nothing. Answers which entry this one supersedes.
  [[nodiscard]] std::optional<sequence> take_place(const detail::entry_draft& entry, const demand& needed);

  void fill(sequence after, sequence up_to, std::size_t max_bytes, log_batch& batch) const;

  // How many bytes that were; they stay reserved.
  std::size_t evict_front() noexcept;

  std::size_t drop_front() noexcept;

  // Frees memory that is only there for events, where an append does not need it for the next one.
  void let_go_of_the_rest() noexcept;

  [[nodiscard]] bool is_too_old(const detail::slab::entry& e, steady_time now) const noexcept {
    return now > detail::later(e.at, limits_.age);
  }

  // The first of its entries that is not too old; the one behind its last when all are.
  [[nodiscard]] sequence first_kept(const detail::slab& block, steady_time now) const noexcept;

  [[nodiscard]] sequence oldest_at(steady_time now) const noexcept;

  void evict_one() noexcept;

  void evict_beyond_limits(steady_time now) noexcept;

  void tell_ledger() noexcept {
    told_ = held();
    ledger_->note(*this, told_);
  }

  const log_options limits_;
  environment& env_;
  const std::string project_;
  const std::string epoch_;
  const std::shared_ptr<detail::log_ledger> ledger_;
  const std::size_t own_cost_;
  const detail::hash_key key_;

  // The members below are empty before an event needs them: a project that has none must cost little.
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<detail::slab>> slabs_;
  std::vector<log_watcher*> watchers_;
  std::unique_ptr<detail::conflation_index> keys_;  // from the first entry with a key on
  sequence oldest_ = 1;
  sequence end_ = 0;
  std::size_t footprint_ = 0;           // that of slabs_; with that of keys_ it is what is reserved for this stream
  std::size_t told_ = 0;                // the bytes that it holds, as far as the ledger knows
  std::uint64_t dropped_position_ = 0;  // where the last slab that is gone ended
  steady_time last_append_;
  log_rendition rendition_;
};

}  // namespace hotline

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/log/memory_stream.ipp>
#endif
#endif
