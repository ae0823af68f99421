#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/dialer.hpp>
#include <hotline/error.hpp>

#include <cerrno>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace hotline {

namespace detail {

/// Returns an error of `getaddrinfo` as one of ours.
[[nodiscard]] inline std::error_code resolver_error(int failed) noexcept {
  switch (failed) {
    case 0: return {};
    case EAI_AGAIN: return std::make_error_code(std::errc::resource_unavailable_try_again);
    case EAI_MEMORY: return std::make_error_code(std::errc::not_enough_memory);
    case EAI_SYSTEM: return {errno, std::system_category()};
    default: return errc::host_not_found;
  }
}

/// Returns the addresses of `name`, the preferred one first (RFC 6724). It blocks. Throws without memory.
[[nodiscard]] inline std::vector<std::string> resolve_now(const std::string& name, std::error_code& failed) {
  ::addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  ::addrinfo* first = nullptr;
  failed = resolver_error(::getaddrinfo(name.c_str(), nullptr, &wanted, &first));
  if (failed) return {};
  const std::unique_ptr<::addrinfo, void (*)(::addrinfo*)> own(first, &::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const ::addrinfo* at = first; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text);
  }
  return addresses;
}

}  // namespace detail

/// Returns a resolver that asks the system (getaddrinfo), for `dialer_options::resolve`. That may block for seconds, so it is
/// done in a function that is given to `run`: a thread pool of the host's say. hotline starts no thread. `run` is called on the
/// dialer's loop. Without a `run` that goes elsewhere the loop itself is blocked.
///
///     hotline::epoll_dialer dialer({.resolve = hotline::system_resolver([&](std::function<void()> f) {
///       pool.submit(std::move(f));
///     })});
[[nodiscard]] inline name_resolver system_resolver(std::function<void(std::function<void()>)> run) {
  return [run = std::move(run)](const std::string& name, resolve_done done) {
    std::function<void()> asking = [name, done = std::move(done)] {
      std::error_code failed;
      std::vector<std::string> addresses;
      try {
        addresses = detail::resolve_now(name, failed);
      } catch (const std::bad_alloc&) {
        failed = std::make_error_code(std::errc::not_enough_memory);
      }
      done(failed, std::move(addresses));
    };
    run ? run(std::move(asking)) : asking();
  };
}

}  // namespace hotline
#endif
