#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/log/entry.hpp>
#include <hotline/types.hpp>
#include <hotline/wire/frame.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace hotline {

/// The second rendition of one project's log: each entry is compressed when somebody first wants it so, and once, for
/// all clients of all managers. It holds compressed frames only of what the log has, and so less than the log does: at
/// most as much again for those that went by after they were asked for out of their order. Any thread.
class log_rendition {
 public:
  /// Makes `out` the entries of `plain`, those that are `wanted` compressed where that is worth it. `out` may hold some
  /// of them already, from an earlier call with the same `plain`. Throws `std::bad_alloc`; what was done so far is
  /// good, and may be gone on with.
  template <class Wanted>
  void render(const log_batch& plain, Wanted wanted, message_compression& compression, log_batch& out) {
    if (out.entries.empty()) {
      out.pins = plain.pins;
      out.entries = plain.entries;  // last: they say that it was done
    }
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < plain.entries.size(); ++i) {
      const log_entry& entry = plain.entries[i];
      if (!wanted(entry)) continue;
      slot& s = slot_of(entry.seq);
      if (s.what == slot::unknown) compress(entry.frame, compression, s);
      if (s.what == slot::not_worth_it) continue;
      if (out.pins.empty() || out.pins.back() != s.block) out.pins.push_back(s.block);
      out.entries[i].frame = s.frame;
    }
  }

  /// Forgets the entries before `oldest`, which the log has evicted.
  void forget_before(sequence oldest) {
    const std::lock_guard lock(mutex_);
    while (slots_ && !slots_->empty() && first_ < oldest) {
      slots_->pop_front();
      ++first_;
    }
    if (slots_ && !slots_->empty()) return;
    slots_.reset();
    block_.reset();
    std::string().swap(scratch_);
  }

  /// How many entries it has looked at and still knows.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    if (!slots_) return 0;
    return static_cast<std::size_t>(
        std::count_if(slots_->begin(), slots_->end(), [](const slot& s) { return s.what != slot::unknown; }));
  }

 private:
  struct slot {
    enum { unknown, not_worth_it, compressed } what = unknown;
    std::shared_ptr<const char[]> block{};
    std::string_view frame{};
  };

  static constexpr std::size_t first_block = 512;
  static constexpr std::size_t largest_block = 64 * 1024;

  slot& slot_of(sequence seq) {
    if (!slots_) slots_.emplace();  // not before, for a deque is not small when it is empty
    if (slots_->empty()) first_ = seq;
    while (seq < first_) {
      slots_->emplace_front();
      --first_;
    }
    const auto at = static_cast<std::size_t>(seq - first_);
    if (at >= slots_->size()) slots_->resize(at + 1);
    return (*slots_)[at];
  }

  void compress(std::string_view frame, message_compression& compression, slot& s) {
    scratch_.clear();
    const bool is_smaller = compression.deflate(frame.substr(detail::frame_header_size(frame)), scratch_);
    const auto header = detail::make_frame_header(detail::opcode::text, scratch_.size(), detail::compressed::yes);
    const std::size_t size = header.view().size() + scratch_.size();
    if (!is_smaller || size >= frame.size()) {
      s.what = slot::not_worth_it;
      if (scratch_.capacity() > largest_block) std::string().swap(scratch_);
      return;
    }
    if (!block_ || capacity_ - used_ < size) {
      const std::size_t capacity = std::max(size, block_ ? std::min(largest_block, 2 * capacity_) : first_block);
      block_ = std::make_shared_for_overwrite<char[]>(capacity);
      capacity_ = capacity;
      used_ = 0;
    }
    char* const at = block_.get() + used_;
    std::memcpy(at, header.view().data(), header.view().size());
    std::memcpy(at + header.view().size(), scratch_.data(), scratch_.size());
    used_ += size;
    s = {slot::compressed, block_, {at, size}};
    if (scratch_.capacity() > largest_block) std::string().swap(scratch_);
  }

  mutable std::mutex mutex_;
  sequence first_ = 0;  // the number of the first of slots_
  std::optional<std::deque<slot>> slots_;
  std::shared_ptr<char[]> block_;  // in which frames are written one behind the other, so that they are sent as one
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::string scratch_;
};

}  // namespace hotline
#endif
