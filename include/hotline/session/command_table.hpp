#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// One session's commands: those under way, and the answers that repeated ids get.

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/session/pending_command.hpp>
#include <hotline/types.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Makes each id run once and be answered once. Small: linear searches over bounded lists. A member that throws,
/// because there is no memory, has changed nothing. For one loop.
class command_table {
 public:
  explicit command_table(const session_limits& limits) : limits_(limits) {}

  enum class admission {
    run,           ///< new: run it
    under_way,     ///< this id runs already: its one answer is still to come
    answered,      ///< this id was answered: `remembered` is the answer, empty when its text was forgotten
    subscribed,    ///< this id was a `subscribe` that succeeded: its answer is the client's types as they are now
    unsubscribed,  ///< the same of an `unsubscribe`
    too_many,      ///< over `commands_in_flight`
  };

  struct verdict {
    admission what;
    std::string_view remembered{};
  };

  /// Returns whether a command with this id is to be run.
  [[nodiscard]] verdict admit(const std::optional<command_id>& id) const {
    if (id) {
      for (const auto& pending : under_way_)
        if (pending->id == id) return {admission::under_way};
      for (const answer& known : answers_)
        if (known.is_of(*id)) return {known.again(), known.text()};
    }
    return {under_way_.size() < limits_.commands_in_flight ? admission::run : admission::too_many};
  }

  /// Adds a command that is answered later, by `complete`.
  void add(std::shared_ptr<pending_command> pending) { under_way_.push_back(std::move(pending)); }

  /// Ends a command that was `add`ed, and keeps its answer. Returns false when it is not under way.
  bool complete(std::uint64_t serial, std::string_view text) {
    for (auto it = under_way_.begin(); it != under_way_.end(); ++it) {
      if ((*it)->serial != serial) continue;
      if ((*it)->id) remember(*(*it)->id, text);
      const std::shared_ptr<pending_command> done = std::move(*it);
      under_way_.erase(it);
      return true;
    }
    return false;
  }

  /// Lets a command be answered once more: its answer was lost.
  void reopen(std::uint64_t serial) noexcept {
    for (const auto& pending : under_way_)
      if (pending->serial == serial) pending->answered.store(false, std::memory_order_release);
  }

  [[nodiscard]] bool is_under_way(std::uint64_t serial) const noexcept {
    for (const auto& pending : under_way_)
      if (pending->serial == serial) return true;
    return false;
  }

  /// An answer that is kept for its id's next coming. The id and the text are one string: that takes one block of memory.
  class answer {
   public:
    explicit answer(const command_id& id) : kept_(id.text()), id_size_(static_cast<std::uint32_t>(kept_.size())) {}

    [[nodiscard]] bool is_of(const command_id& id) const noexcept {
      return std::string_view(kept_).substr(0, id_size_) == id.text();
    }
    /// Returns the text, empty when it was forgotten.
    [[nodiscard]] std::string_view text() const noexcept { return std::string_view(kept_).substr(id_size_); }
    /// Adds the text. Nothing has changed when it throws.
    void keep(std::string_view text) { kept_.append(text); }
    /// Removes the text, and frees its memory where there is memory for the id alone.
    void forget() noexcept {
      try {
        std::string(kept_, 0, id_size_).swap(kept_);  // an assignment may keep the memory
      } catch (...) {
        kept_.resize(id_size_);
      }
    }

    /// Has the answer made again, of the client's types, when the id comes again; its text is not kept. `after`:
    /// `admission::subscribed` or `unsubscribed`.
    void make_again(admission after) noexcept { again_ = after; }
    /// Returns what the id is when it comes again.
    [[nodiscard]] admission again() const noexcept { return again_; }

   private:
    std::string kept_;
    std::uint32_t id_size_;
    admission again_ = admission::answered;
  };

  /// Returns all the memory that it takes to remember that `id` has run. To be called before it runs.
  [[nodiscard]] answer prepare(const command_id& id) {
    if (answers_.size() == answers_.capacity() && answers_.size() < limits_.remembered_answers)
      answers_.reserve(std::min(limits_.remembered_answers, 2 * answers_.size() + 1));
    return answer(id);
  }

  /// Keeps an answer for the id's next coming. When they are too long together the oldest texts are forgotten, and when
  /// they are too many the oldest ids. Where there is no memory for the text it is forgotten at once.
  void remember(answer latest, std::string_view text) noexcept {
    if (limits_.remembered_answers == 0) return;
    try {
      if (latest.again() == admission::answered && text.size() <= limits_.remembered_bytes) latest.keep(text);
    } catch (...) {
      // Its text is forgotten.
    }
    remembered_bytes_ += latest.text().size();
    if (answers_.size() < limits_.remembered_answers) {
      answers_.push_back(std::move(latest));
    } else {
      remembered_bytes_ -= answers_[oldest_].text().size();
      std::swap(answers_[oldest_], latest);  // an assignment may keep the former text's memory
      oldest_ = (oldest_ + 1) % answers_.size();
    }
    for (std::size_t i = oldest_; remembered_bytes_ > limits_.remembered_bytes; i = (i + 1) % answers_.size()) {
      remembered_bytes_ -= answers_[i].text().size();
      answers_[i].forget();
    }
  }
  void remember(const command_id& id, std::string_view text) { remember(prepare(id), text); }

  /// Returns the command with this id, null when it is not under way.
  [[nodiscard]] std::shared_ptr<pending_command> find(const command_id& id) const {
    for (const auto& pending : under_way_)
      if (pending->id && *pending->id == id) return pending;
    return nullptr;
  }

  /// Returns the commands whose deadline has passed.
  [[nodiscard]] std::vector<std::shared_ptr<pending_command>> overdue(steady_time now) const {
    std::vector<std::shared_ptr<pending_command>> late;
    for (const auto& pending : under_way_)
      if (pending->deadline <= now) late.push_back(pending);
    return late;
  }

  /// Returns copies of all pointers, so that stop callbacks may change the table.
  [[nodiscard]] std::vector<std::shared_ptr<pending_command>> all() const { return under_way_; }
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_.size(); }

 private:
  const session_limits& limits_;
  std::vector<std::shared_ptr<pending_command>> under_way_;
  std::vector<answer> answers_;  // a ring once it is full
  std::size_t oldest_ = 0;       // where it begins
  std::size_t remembered_bytes_ = 0;
};

}  // namespace hotline::detail
#endif
