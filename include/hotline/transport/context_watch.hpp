#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>

#include <algorithm>
#include <mutex>
#include <vector>

namespace hotline::detail {

/// Notified when the execution context that it was added to is about to be destroyed.
class context_watcher {
 public:
  virtual void context_ends() noexcept = 0;

 protected:
  ~context_watcher() = default;
};

/// Asio's sockets may not outlive their io_context, but a host's transport may. So the context tells its transports
/// when it is destroyed, and they let go of everything that is Asio's.
class context_watch final : public asio::execution_context::service {
 public:
  using key_type = context_watch;
  inline static asio::execution_context::id id;

  explicit context_watch(asio::execution_context& context) : asio::execution_context::service(context) {}

  /// The watch of the context that `executor` runs on.
  template <class Executor>
  [[nodiscard]] static context_watch& of(const Executor& executor) {
    return asio::use_service<context_watch>(asio::query(executor, asio::execution::context));
  }

  void add(context_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(&watcher);
  }

  void remove(context_watcher& watcher) {
    const std::lock_guard lock(mutex_);
    std::erase(watchers_, &watcher);
  }

 private:
  void shutdown() noexcept override {
    std::vector<context_watcher*> watchers;
    {
      const std::lock_guard lock(mutex_);
      watchers.swap(watchers_);
    }
    for (context_watcher* const watcher : watchers) watcher->context_ends();
  }

  std::mutex mutex_;
  std::vector<context_watcher*> watchers_;
};

}  // namespace hotline::detail
#endif
