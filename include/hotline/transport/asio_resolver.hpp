#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/asio/asio_error.hpp>

#include <asio/error.hpp>
#include <asio/ip/basic_resolver.hpp>
#include <asio/ip/tcp.hpp>

#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline {

namespace detail {

/// Asio's errors of a resolver as hotline has them.
[[nodiscard]] inline std::error_code as_resolver_error(const std::error_code& e) noexcept {
  if (e == asio::error::host_not_found || e == asio::error::no_data) return errc::host_not_found;
  if (e == asio::error::host_not_found_try_again)
    return std::make_error_code(std::errc::resource_unavailable_try_again);
  return as_standard(e);
}

}  // namespace detail

/// Returns a resolver over Asio's own, for `dialer_options::resolve`. Asio starts a thread for it, one for each io_context, with
/// the first name; hotline itself starts none. The io_context has work until a name that it has begun with is resolved, also
/// after the dialer has stopped.
///
///     hotline::asio_dialer dialer(io, {.resolve = hotline::asio_resolver(io.get_executor())});
template <class Executor>
[[nodiscard]] name_resolver asio_resolver(const Executor& executor) {
  using resolver_type = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
  return [executor](const std::string& name, resolve_done done) {
    // The operation alone keeps it, so it is gone with its io_context.
    const auto resolver = std::make_shared<resolver_type>(executor);
    resolver->async_resolve(
        name, "",
        [resolver, done = std::move(done)](std::error_code failed, const typename resolver_type::results_type& found) {
          std::vector<std::string> addresses;
          try {
            for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
          } catch (const std::bad_alloc&) {
            failed = std::make_error_code(std::errc::not_enough_memory);
          }
          done(detail::as_resolver_error(failed), std::move(addresses));
        });
  };
}

}  // namespace hotline
#endif
