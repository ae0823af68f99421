#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

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

/// Asio's sockets may not outlive their io_context, but a host's transport may. So the context tells its transports when it
/// is destroyed, and they let go of everything that is Asio's. `ExecutionContext`: Asio's, or Boost.Asio's, of that name.
template <class ExecutionContext>
class context_watch final : public ExecutionContext::service {
 public:
  using key_type = context_watch;
  inline static typename ExecutionContext::id id;

  explicit context_watch(ExecutionContext& context) : ExecutionContext::service(context) {}

  /// Returns the watch of `context`.
  [[nodiscard]] static context_watch& of(ExecutionContext& context) { return use_service<context_watch>(context); }

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
    while (context_watcher* const watcher = take()) watcher->context_ends();  // which may end others
  }

  [[nodiscard]] context_watcher* take() noexcept {
    const std::lock_guard lock(mutex_);
    if (watchers_.empty()) return nullptr;
    context_watcher* const last = watchers_.back();
    watchers_.pop_back();
    return last;
  }

  std::mutex mutex_;
  std::vector<context_watcher*> watchers_;
};

}  // namespace hotline::detail
#endif
