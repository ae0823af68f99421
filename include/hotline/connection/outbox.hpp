#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE
// Frames that belong to one connection alone and wait for its socket. No I/O here.

#include <hotline/wire/frame.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace hotline::detail {

/// Answers, pongs, close frames, and the rest of a frame that the socket took a part of: bytes that go before the
/// log's, always up to a frame's end. `append` is bounded; that rest, `append_unbounded` and `append_frames` are not.
///
///     outbox out;
///     if (!out.append(opcode::text, answer, limits.control_lane_bytes)) close_slow_reader();
///     out.consume(socket_write(out.pending()));
class outbox {
 public:
  outbox() noexcept = default;
  outbox(const outbox&) = delete;
  outbox& operator=(const outbox&) = delete;
  ~outbox() { clear(); }

  [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }
  /// Returns how many bytes wait.
  [[nodiscard]] std::size_t size() const noexcept { return empty() ? 0 : block_->size - block_->sent; }
  /// Returns the bytes that wait, valid until the next call that changes the outbox.
  [[nodiscard]] std::string_view pending() const noexcept {
    return empty() ? std::string_view() : std::string_view(bytes() + block_->sent, size());
  }

  /// Returns how many of the bytes count towards the limit of `append`.
  [[nodiscard]] std::size_t queued() const noexcept { return empty() ? 0 : size() - block_->torn; }

  /// Appends a frame with `payload`. Returns false, with nothing appended, when more than `limit` bytes would be
  /// queued.
  [[nodiscard]] bool append(opcode op, std::string_view payload, std::size_t limit) {
    if (queued() + payload.size() + max_header > limit) return false;
    append_unbounded(op, payload);
    return true;
  }

  /// Appends a frame whatever is queued already.
  void append_unbounded(opcode op, std::string_view payload) {
    const frame_header header = make_frame_header(op, payload.size());
    reserve(header.size + payload.size());
    put(header.view());
    put(payload);
  }

  /// Begins with the rest of a frame that the socket took a part of, or with an HTTP response. These bytes count
  /// towards no limit here: their own bounds limit them. The outbox must be empty.
  void start_with(std::string_view bytes) {
    append_frames(bytes);
    if (!empty()) block_->torn = bytes.size();
  }

  /// Appends finished frames.
  void append_frames(std::string_view frames) {
    if (frames.empty()) return;
    reserve(frames.size());
    put(frames);
  }

  /// Removes the first `taken` bytes of `pending()`: the socket took them.
  void consume(std::size_t taken) noexcept {
    if (empty()) return;
    block_->sent += taken;
    block_->torn -= std::min(block_->torn, taken);
    // An idle connection keeps no buffer.
    if (block_->sent == block_->size) return clear();
    // Half of the bytes are gone: moving the rest costs no more than sending them did.
    if (block_->sent <= block_->size / 2) return;
    block_->size -= block_->sent;
    std::memmove(bytes(), bytes() + block_->sent, block_->size);
    block_->sent = 0;
  }

  /// Removes everything and frees the memory.
  void clear() noexcept {
    block* const freed = std::exchange(block_, nullptr);
    if (freed != nullptr) ::operator delete(static_cast<void*>(freed));
  }

 private:
  // Its bytes follow it in memory, so that an outbox is one pointer, and an empty one has no memory.
  struct block {
    std::size_t capacity;
    std::size_t size;
    std::size_t sent;
    std::size_t torn;  // the part of the pending bytes that `start_with` brought
  };

  static constexpr std::size_t max_header = 10;

  [[nodiscard]] char* bytes() const noexcept { return reinterpret_cast<char*>(block_ + 1); }

  void reserve(std::size_t more) {
    const std::size_t had = empty() ? 0 : block_->size;
    if (!empty() && had + more <= block_->capacity) return;
    const std::size_t capacity = empty() ? more : std::max(had + more, 2 * block_->capacity);
    void* const memory = ::operator new(sizeof(block) + capacity);
    if (empty()) {
      block_ = new (memory) block{capacity, 0, 0, 0};
      return;
    }
    block* const grown = new (memory) block{capacity, had, block_->sent, block_->torn};
    std::memcpy(grown + 1, bytes(), had);
    clear();
    block_ = grown;
  }

  void put(std::string_view more) noexcept {
    if (!more.empty()) std::memcpy(bytes() + block_->size, more.data(), more.size());
    block_->size += more.size();
  }

  block* block_ = nullptr;
};

}  // namespace hotline::detail
#endif
