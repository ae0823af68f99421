#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/metrics.hpp>
#include <hotline/transport/asio/asio_listener.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/socket/adopted_listeners.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// All that one transport listens at.
template <class Executor>
class asio_listeners {
 public:
  using on_accept = typename asio_listener<Executor>::on_accept;

  /// Opens all, or none. The number of its options is that of a listener's door; `adopted` have theirs with them.
  std::error_code open(const Executor& executor, const std::vector<listen_options>& options,
                       const adopted_listeners& adopted) {
    std::error_code failed;
    for (std::size_t which = 0; !failed && which < options.size(); ++which)
      if (options[which].listen) failed = add(executor, options[which], which);
    for (const adopted_listeners::entry& e : adopted.entries())
      if (!failed) failed = add(executor, e.options, e.door);
    if (failed) abandon();
    return failed;
  }

  /// Before anything was accepted: as if nothing had been opened.
  void abandon() noexcept {
    for (const auto& listener : open_) listener->abandon();
    open_.clear();
    port_ = 0;
  }

  /// Opens one more. It is silent until `start`.
  std::error_code add(const Executor& executor, const listen_options& options, std::size_t which) {
    open_.reserve(open_.size() + 1);  // so that nothing fails once it is open
    const auto listener = std::make_shared<asio_listener<Executor>>(executor, turned_away_, which);
    if (const std::error_code failed = listener->open(options)) return failed;
    if (port_ == 0) port_ = listener->port();
    open_.push_back(listener);
    return {};
  }

  void start(const on_accept& accepted) {
    for (const auto& listener : open_) listener->start(accepted);
  }

  void start_last(on_accept accepted) { open_.back()->start(std::move(accepted)); }

  void close() noexcept {
    for (const auto& listener : open_) listener->close();
    open_.clear();
  }

  /// The descriptors of all, which listen on, and are the caller's. On Windows there are none, and all are closed.
  [[nodiscard]] std::vector<int> release() {
    std::vector<int> descriptors;
    descriptors.reserve(open_.size());
    for (const auto& listener : open_)
      if (const int descriptor = listener->release(); descriptor >= 0) descriptors.push_back(descriptor);
    open_.clear();
    return descriptors;
  }

  /// The first TCP port; 0 without one, and before `open`.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  /// Any thread. Sockets that were closed at once, for there was no descriptor for them.
  [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_.value(); }

 private:
  counter turned_away_;
  std::vector<std::shared_ptr<asio_listener<Executor>>> open_;
  std::uint16_t port_ = 0;
};

}  // namespace hotline::detail
#endif
