#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/native_socket.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace hotline::detail {

/// Sockets that a transport took over before its start. It owns their descriptors until it listens at them.
class adopted_listeners {
 public:
  struct entry {
    listen_options options;  ///< with the descriptor
    std::size_t door;
  };

  adopted_listeners() = default;
  adopted_listeners(const adopted_listeners&) = delete;
  adopted_listeners& operator=(const adopted_listeners&) = delete;
  ~adopted_listeners() { close(); }

  void add(listen_options options, std::size_t door) { entries_.push_back({std::move(options), door}); }
  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }

  /// The transport listens at all of them.
  void forget() noexcept { entries_.clear(); }

  void close() noexcept {
    for (const entry& e : entries_) native_socket::close(*e.options.descriptor);
    entries_.clear();
  }

  /// Appends the descriptors to `descriptors`. They are the caller's.
  void release(std::vector<int>& descriptors) {
    descriptors.reserve(descriptors.size() + entries_.size());
    for (const entry& e : entries_) descriptors.push_back(*e.options.descriptor);
    entries_.clear();
  }

 private:
  std::vector<entry> entries_;
};

}  // namespace hotline::detail
#endif
