#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/options.hpp>
#include <hotline/protocol/command_id.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hotline::detail {

/// The result of a command whose id comes again.
enum class repeated : std::uint8_t {
  text,          ///< its first answer
  subscribed,    ///< an answer that is made again: a `subscribe` succeeded
  unsubscribed,  ///< the same of an `unsubscribe`
};

/// The latest answers of a session, so that a command whose id comes again does not run again. Each answer is one block of
/// memory, and a session without answers has none. For one loop.
///
///     remembered_answers known;
///     remembered_answers::answer kept = remembered_answers::prepare(id);   // takes all the memory that is needed
///     known.add(std::move(kept), text, limits);
///     known.find(id)->text();
class remembered_answers {
 public:
  /// An answer: its id and its text stand after it in its block.
  class block {
   public:
    [[nodiscard]] bool is_of(std::string_view other) const noexcept { return id() == other; }
    /// Returns the text, empty when it was forgotten.
    [[nodiscard]] std::string_view text() const noexcept { return {bytes() + id_size_, text_size_}; }
    [[nodiscard]] repeated when_repeated() const noexcept { return repeated_; }
    /// Has the answer made again when the id comes again. Its text is not kept.
    void make_again(repeated how) noexcept { repeated_ = how; }

   private:
    friend class remembered_answers;

    [[nodiscard]] std::string_view id() const noexcept { return {bytes(), id_size_}; }
    [[nodiscard]] const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    [[nodiscard]] char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }

    block* next_ = nullptr;
    std::uint32_t text_size_ = 0;
    std::uint16_t id_size_ = 0;
    repeated repeated_ = repeated::text;
  };

  struct free_block {
    void operator()(block* b) const noexcept { ::operator delete(static_cast<void*>(b)); }
  };
  using answer = std::unique_ptr<block, free_block>;

  remembered_answers() noexcept = default;
  remembered_answers(const remembered_answers&) = delete;
  remembered_answers& operator=(const remembered_answers&) = delete;
  ~remembered_answers() {
    while (count_ > 0) pop_oldest();
  }

  /// Returns all the memory that it takes to remember that `id` has run. To be called before it runs.
  [[nodiscard]] static answer prepare(const command_id& id) { return make(id.text(), {}); }

  /// Returns the answer of that id; null when it is not remembered. Valid until the next `add`.
  [[nodiscard]] const block* find(const command_id& id) const noexcept {
    const block* at = newest_;
    for (std::uint32_t left = count_; left > 0; --left) {
      at = at->next_;
      if (at->is_of(id.text())) return at;
    }
    return nullptr;
  }

  /// Adds an answer. When the texts are too long together the oldest texts are forgotten, and when there are too many answers
  /// the oldest answer is. Without memory for the text, the text is forgotten at once.
  void add(answer latest, std::string_view text, const session_limits& limits) noexcept {
    if (limits.remembered_answers == 0) return;
    if (count_ >= limits.remembered_answers) pop_oldest();
    if (latest->repeated_ == repeated::text && !text.empty() && text.size() <= most(limits)) try {
        latest = make(latest->id(), text);
      } catch (const std::bad_alloc&) {
        // The answer without its text stays.
      }
    text_bytes_ += latest->text_size_;
    push(latest.release());
    if (text_bytes_ > most(limits)) forget_texts(most(limits));
  }

 private:
  [[nodiscard]] static answer make(std::string_view id, std::string_view text) {
    static_assert(std::is_trivially_destructible_v<block>);
    void* const memory = ::operator new(sizeof(block) + id.size() + text.size());
    answer made(new (memory) block);
    made->id_size_ = static_cast<std::uint16_t>(id.size());
    made->text_size_ = static_cast<std::uint32_t>(text.size());
    std::memcpy(made->bytes(), id.data(), id.size());
    if (!text.empty()) std::memcpy(made->bytes() + id.size(), text.data(), text.size());
    return made;
  }

  [[nodiscard]] static std::size_t most(const session_limits& limits) noexcept {
    return std::min<std::size_t>(limits.remembered_bytes, std::numeric_limits<std::uint32_t>::max() / 2);
  }

  void push(block* latest) noexcept {
    latest->next_ = count_ == 0 ? latest : std::exchange(newest_->next_, latest);
    newest_ = latest;
    ++count_;
  }

  void pop_oldest() noexcept {
    block* const oldest = newest_->next_;
    newest_->next_ = oldest->next_;
    text_bytes_ -= oldest->text_size_;
    --count_;
    free_block()(oldest);
  }

  /// Forgets the oldest texts, and frees their memory where there is memory for the ids alone.
  void forget_texts(std::size_t most) noexcept {
    block* before = newest_;
    for (std::uint32_t left = count_; left > 0 && text_bytes_ > most; --left) {
      block* const at = before->next_;
      if (at->text_size_ > 0) {
        text_bytes_ -= at->text_size_;
        at->text_size_ = 0;
        replace_after(*before);
      }
      before = before->next_;
    }
  }

  /// Makes the block after `before` as small as it may be.
  void replace_after(block& before) noexcept {
    block* const old = before.next_;
    try {
      block* const shorter = make(old->id(), {}).release();
      shorter->repeated_ = old->repeated_;
      if (old == &before) {  // the only one
        shorter->next_ = shorter;
      } else {
        shorter->next_ = old->next_;
        before.next_ = shorter;
      }
      if (old == newest_) newest_ = shorter;
      free_block()(old);
    } catch (const std::bad_alloc&) {
      // It keeps its memory until it is forgotten itself.
    }
  }

  block* newest_ = nullptr;  // in a circle: the next one of the newest is the oldest
  std::uint32_t count_ = 0;
  std::uint32_t text_bytes_ = 0;
};

}  // namespace hotline::detail
#endif
