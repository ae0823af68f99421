#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// One session's commands: those under way, and the answers that repeated ids get.

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>
#include <hotline/session/pending_command.hpp>
#include <hotline/session/remembered_answers.hpp>
#include <hotline/types.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Makes each id run once and be answered once. Small: linear searches over bounded lists, and no memory before the first
/// command. `limits` are those of the session, the same in each call. A member that throws, because there is no memory, has
/// changed nothing. For one loop.
class command_table {
 public:
  using answer = remembered_answers::answer;

  enum class admission : std::uint8_t {
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
  [[nodiscard]] verdict admit(const std::optional<command_id>& id, const session_limits& limits) const {
    if (id) {
      if (is_under_way(*id)) return {admission::under_way};
      if (const remembered_answers::block* const known = answers_.find(*id)) return repeat(*known);
    }
    return {under_way() < limits.commands_in_flight ? admission::run : admission::too_many};
  }

  /// Adds a command that is answered later, by `complete`.
  void add(std::shared_ptr<pending_command> pending) {
    if (!under_way_) under_way_ = std::make_unique<pending_commands>();
    under_way_->push_back(std::move(pending));
  }

  /// Ends a command that was `add`ed, and keeps its answer. Returns false when it is not under way.
  bool complete(std::uint64_t serial, std::string_view text, const session_limits& limits) {
    if (!under_way_) return false;
    for (auto it = under_way_->begin(); it != under_way_->end(); ++it) {
      if ((*it)->serial != serial) continue;
      if ((*it)->id) remember(*(*it)->id, text, limits);
      const std::shared_ptr<pending_command> done = std::move(*it);
      under_way_->erase(it);
      return true;
    }
    return false;
  }

  /// Lets a command be answered once more: its answer was lost.
  void reopen(std::uint64_t serial) noexcept {
    for (const auto& pending : all())
      if (pending->serial == serial) pending->answered.store(false, std::memory_order_release);
  }

  [[nodiscard]] bool is_under_way(std::uint64_t serial) const noexcept {
    for (const auto& pending : all())
      if (pending->serial == serial) return true;
    return false;
  }

  /// Returns all the memory that it takes to remember that `id` has run. To be called before it runs.
  [[nodiscard]] static answer prepare(const command_id& id) { return remembered_answers::prepare(id); }

  /// Keeps an answer for the id's next coming. When they are too long together the oldest texts are forgotten, and when
  /// they are too many the oldest ids. Where there is no memory for the text it is forgotten at once.
  void remember(answer latest, std::string_view text, const session_limits& limits) noexcept {
    answers_.add(std::move(latest), text, limits);
  }
  void remember(const command_id& id, std::string_view text, const session_limits& limits) {
    remember(prepare(id), text, limits);
  }

  /// Returns the command with this id, null when it is not under way.
  [[nodiscard]] std::shared_ptr<pending_command> find(const command_id& id) const {
    for (const auto& pending : all())
      if (pending->id && *pending->id == id) return pending;
    return nullptr;
  }

  /// Returns the commands whose deadline has passed.
  [[nodiscard]] std::vector<std::shared_ptr<pending_command>> overdue(steady_time now) const {
    std::vector<std::shared_ptr<pending_command>> late;
    for (const auto& pending : all())
      if (pending->deadline <= now) late.push_back(pending);
    return late;
  }

  /// Returns the commands that are under way. Copy them where stop callbacks may change the table.
  [[nodiscard]] const std::vector<std::shared_ptr<pending_command>>& all() const noexcept {
    static const pending_commands none;
    return under_way_ ? *under_way_ : none;
  }
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_ ? under_way_->size() : 0; }

 private:
  using pending_commands = std::vector<std::shared_ptr<pending_command>>;

  [[nodiscard]] bool is_under_way(const command_id& id) const noexcept {
    if (!under_way_) return false;
    for (const auto& pending : *under_way_)
      if (pending->id == id) return true;
    return false;
  }

  [[nodiscard]] static verdict repeat(const remembered_answers::block& known) noexcept {
    switch (known.when_repeated()) {
      case repeated::subscribed: return {admission::subscribed};
      case repeated::unsubscribed: return {admission::unsubscribed};
      case repeated::text: break;
    }
    return {admission::answered, known.text()};
  }

  std::unique_ptr<pending_commands> under_way_;  // from the first command that was answered later on
  remembered_answers answers_;
};

}  // namespace hotline::detail
#endif
