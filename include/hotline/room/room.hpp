#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/compiled.hpp>
#include <hotline/concepts.hpp>
#include <hotline/connection/subscriber.hpp>
#include <hotline/log/memory_stream.hpp>
#include <hotline/log/rendition.hpp>
#include <hotline/options.hpp>
#include <hotline/room/room_group.hpp>
#include <hotline/room/room_output.hpp>
#include <hotline/room/spans.hpp>
#include <hotline/session/filter.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The subscribers of one project on one loop. Does no I/O: bytes go out through `room_output`. For the loop's thread.
///
/// All *current* members stand at the same place in the log, `flushed()`, and a flush takes them all to its end with
/// one write each. A member whose socket takes less, or whose lane is not empty, lags: it goes on alone, from its own
/// cursor, until it has caught up. Nothing is queued for a member.
///
/// When memory is short no member loses an event or receives one twice: a call that throws `std::bad_alloc` has changed
/// nothing but that some members lag, and is to be tried again. Leaving, and moving members between the lists, takes no
/// memory.
class room {
 public:
  room(std::shared_ptr<memory_stream> stream, room_output& output, std::size_t catch_up_bytes,
       const hash_key& key = {});

  room(const room&) = delete;
  room& operator=(const room&) = delete;

  [[nodiscard]] memory_stream& stream() noexcept { return *stream_; }
  [[nodiscard]] sequence flushed() const noexcept { return flushed_; }
  [[nodiscard]] std::size_t size() const noexcept { return members_; }
  [[nodiscard]] std::size_t groups() const noexcept { return plain_.size() + compressed_.size(); }
  [[nodiscard]] const filter& filter_of(const subscriber& s) const noexcept { return s.place.group->wanted; }

  /// The session receives what is appended from here on and, before that, the last `back` events of the log. Sets its
  /// cursor. The bytes in its outbox go first.
  void join(subscriber& s, const filter& wanted, sequence back = 0);

  /// The session receives what comes after event `after`.
  void rejoin(subscriber& s, const filter& wanted, sequence after);

  /// The session receives nothing more. Changes nothing when it is not a member.
  void leave(subscriber& s);

  /// Applies to everything after the session's cursor, so that no event is doubled or missed between two filters.
  void set_filter(subscriber& s, const filter& wanted);

  /// Takes all current members to the log's end.
  void flush();

  /// Sends what the session is owed: its lane, then the log up to `flushed()`. To be called after something was queued
  /// in its lane, and, with `blocked` cleared, when its socket can take more.
  void resume(subscriber& s);

  /// Goes on with the members that lag but do not wait for their socket. Returns whether some are left for the next
  /// turn.
  bool resume_busy();

  /// Calls `f(subscriber&)` with each member, in no order. `f` may change nothing of the room.
  template <class F>
  void for_each(F f) {
    for_each_group([&](const room_group& group) {
      for (subscriber* const s : group.current) f(*s);
    });
    for (subscriber* const s : lagging_) f(*s);
  }

  /// The members that are not current.
  [[nodiscard]] const std::vector<subscriber*>& lagging() const noexcept { return lagging_; }

  [[nodiscard]] bool has_busy() const noexcept { return !busy_.empty(); }

  /// The last event that the session was sent, or that its filter left out.
  [[nodiscard]] sequence position(const subscriber& s) const noexcept { return s.place.current ? flushed_ : s.cursor; }

  /// Whether the log has evicted what comes next for the session, so that `resume` will find a gap.
  [[nodiscard]] bool is_overtaken(const subscriber& s) const;

  /// Returns where the session stands when its client cannot know: events that its filter left out came after the last
  /// one that it was sent, or after the position that it was last told.
  [[nodiscard]] std::optional<sequence> untold(const subscriber& s) const noexcept;

 private:
  static constexpr std::size_t flush_bytes = 1024 * 1024;
  static constexpr std::size_t kept_entries = 1024;
  using group_map = std::unordered_map<filter, std::unique_ptr<room_group>, filter_hash>;

  void join_after(subscriber& s, const filter& wanted, sequence after);

  template <class F>
  void for_each_group(F f) {
    for (auto& [wanted, group] : plain_) f(*group);
    for (auto& [wanted, group] : compressed_) f(*group);
  }

  // The group of that filter, and all the memory that one more in it can need.
  [[nodiscard]] room_group& prepare(const subscriber& s, const filter& wanted);

  static void reserve(std::vector<subscriber*>& list, std::size_t size) {
    if (list.capacity() < size) list.reserve(std::max(size, 2 * list.capacity()));
  }

  void enter(subscriber& s, room_group& group) noexcept;

  void exit(subscriber& s) noexcept;

  void make_current(subscriber& s);

  void make_busy(subscriber& s) {
    if (s.place.busy || s.blocked) return;
    s.place.busy = true;
    busy_.push_back(&s);
  }

  // Takes the session out of the current ones; it stands where they stand, on its own.
  void lag(subscriber& s);

  // All of a group go on by themselves.
  void scatter(room_group& group) noexcept;

  void start_lagging(subscriber& s) {
    s.place.index = static_cast<std::uint32_t>(lagging_.size());
    lagging_.push_back(&s);
  }

  void stop_lagging(subscriber& s) {
    lagging_[s.place.index] = lagging_.back();
    lagging_[s.place.index]->place.index = s.place.index;
    lagging_.pop_back();
  }

  void flush_group(room_group& group) {
    if (group.wanted.hears_nothing() || group.current.empty()) return;
    const log_batch& batch = as_sent_to(group, superseded::sent);
    spans_.select(batch, group.wanted, superseded::sent);
    if (spans_.bytes() == 0) return;
    group.last_sent = spans_.last();
    // Backwards: a member that begins to lag is replaced by the last, which was served already.
    for (std::size_t i = group.current.size(); i-- > 0;) {
      subscriber& s = *group.current[i];
      if (!s.out.empty() && !write_outbox(s)) continue;
      const std::size_t taken = output_.write(s, spans_.spans());
      if (taken == spans_.bytes()) continue;
      lag(s);
      s.blocked = true;
      stand_after(s, batch, superseded::sent, taken);
    }
  }

  // The batch, with the group's share of it compressed if the group takes it so.
  [[nodiscard]] const log_batch& as_sent_to(const room_group& group, superseded old);

  // Sets the cursor to the last entry of the batch that `taken` bytes reached, and keeps the rest of a torn frame.
  void stand_after(subscriber& s, const log_batch& batch, superseded old, std::size_t taken);

  bool write_outbox(subscriber& s) {
    if (send_outbox(s, output_)) return true;
    if (s.place.current) lag(s);
    return false;
  }

  void catch_up(subscriber& s);

  [[nodiscard]] std::size_t batch_bytes() const noexcept;

  struct cleanup {
    explicit cleanup(room& r) noexcept : of(r) {}
    cleanup(const cleanup&) = delete;
    cleanup& operator=(const cleanup&) = delete;
    ~cleanup() { of.release_batch(); }
    room& of;
  };

  // Entries that the log evicts should be freed, not wait here for the next turn.
  void release_batch();

  const std::shared_ptr<memory_stream> stream_;
  room_output& output_;
  const std::size_t catch_up_bytes_;
  group_map plain_;
  group_map compressed_;
  std::vector<subscriber*> lagging_;  // all that are not current
  std::vector<subscriber*> busy_;     // those of them that do not wait for their socket
  std::vector<subscriber*> turn_;     // those that were busy when the turn began
  log_batch batch_;
  log_batch rendered_;  // the same for members that take it compressed; empty until one does
  span_list spans_;
  sequence flushed_;
  std::size_t members_ = 0;
};

}  // namespace hotline::detail

#if !HOTLINE_DETAIL_COMPILED
#include <hotline/room/room.ipp>
#endif
#endif
