#include <catch2_any.hpp>
#include <hotline/session/client_names.hpp>

#include <string>
#include <utility>

using hotline::detail::client_names;

TEST_CASE("the names of a client are its principal and its remote address", "[session]") {
  const client_names ada("ada", "192.0.2.1:50123");
  CHECK(ada.principal() == "ada");
  CHECK(ada.remote_address() == "192.0.2.1:50123");
  const client_names nobody("", "unix"), hidden("bob", "");
  CHECK(nobody.principal().empty());
  CHECK(nobody.remote_address() == "unix");
  CHECK(hidden.principal() == "bob");
  CHECK(hidden.remote_address().empty());
  CHECK(client_names("", "").principal().empty());
  CHECK(client_names().remote_address().empty());
}

TEST_CASE("the names of a client keep any bytes", "[session]") {
  const std::string principal(100'000, '\0');
  const client_names names(principal, std::string("\0a", 2));
  CHECK(names.principal() == principal);
  CHECK(names.remote_address() == std::string("\0a", 2));
}

TEST_CASE("a remote address that is too long is cut", "[session]") {
  const client_names names("ada", std::string(70'000, 'x'));
  CHECK(names.principal() == "ada");
  CHECK(names.remote_address() == std::string(65'535, 'x'));
}

TEST_CASE("names that were moved are gone", "[session]") {
  client_names from("ada", "unix");
  const client_names to = std::move(from);
  CHECK(to.principal() == "ada");
  CHECK(from.principal().empty());  // NOLINT(bugprone-use-after-move)
}
