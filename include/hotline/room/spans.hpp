#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/log/entry.hpp>
#include <hotline/session/filter.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hotline::detail {

/// Whether an entry that a newer one of its key supersedes is sent: only to members that are current when it comes.
enum class superseded : bool { skipped, sent };

/// Whether a batch's entry is sent to members with this filter.
[[nodiscard]] inline bool is_heard(const log_entry& entry, const filter& wanted, superseded old) noexcept {
  return (old == superseded::sent || !entry.superseded) && wanted.matches(entry);
}

/// The part of a batch that passes one filter, as few spans: computed once, sent to every session that stands at the
/// same place with the same filter.
class span_list {
 public:
  /// The views are valid as long as the batch's, and until the next `select`.
  void select(const log_batch& batch, const filter& wanted, superseded old) {
    spans_.clear();
    scratch_.clear();
    bytes_ = 0;
    last_ = 0;
    for (const log_entry& entry : batch.entries) {
      if (!is_heard(entry, wanted, old)) continue;
      bytes_ += entry.frame.size();
      last_ = entry.seq;
      if (!spans_.empty() && spans_.back().data() + spans_.back().size() == entry.frame.data())
        spans_.back() = {spans_.back().data(), spans_.back().size() + entry.frame.size()};
      else
        spans_.push_back(entry.frame);
    }
    if (spans_.size() > most_spans) gather();
  }

  [[nodiscard]] std::span<const std::string_view> spans() const noexcept { return spans_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// The number of the last entry that passes; 0 when none does.
  [[nodiscard]] sequence last() const noexcept { return last_; }

 private:
  // A sparse filter would make a span of every frame; past this many, one copy for all members is cheaper than
  // a longer gather-write for each.
  static constexpr std::size_t most_spans = 8;

  void gather() {
    scratch_.reserve(bytes_);
    for (const std::string_view span : spans_) scratch_.append(span);
    spans_.assign(1, scratch_);
  }

  std::vector<std::string_view> spans_;
  std::string scratch_;
  std::size_t bytes_ = 0;
  sequence last_ = 0;
};

}  // namespace hotline::detail
#endif
