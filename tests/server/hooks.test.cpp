#include <catch2_any.hpp>
#include <hotline/server/hooks.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace hotline;
using detail::hooks;

namespace {

using list = std::vector<std::string>;

/// A host that notes what its hooks for errors and for the log receive.
struct noting_host {
  noting_host()
      : errors(calls.on_error.add([this](std::string_view where, const std::exception_ptr&) {
          told.push_back("error " + std::string(where));
        })),
        lines(calls.on_log.add(
            [this](log_level, std::string_view line) { told.push_back("log " + std::string(line)); })) {}

  detail::live_metrics counted;
  hooks calls{counted};
  list told;
  subscription errors;
  subscription lines;
};

}  // namespace

TEST_CASE("an exception of the host's code is counted and goes to its error hook, and nowhere else", "[server]") {
  noting_host h;
  CHECK(h.calls.guard("fine", [] {}));
  CHECK(h.told.empty());
  CHECK_FALSE(h.calls.guard("broken", [] { throw std::runtime_error("x"); }));
  CHECK(h.told == list{"error broken"});
  CHECK(h.counted.host_failures.value() == 1);
  SECTION("also where there is no error hook") {
    h.errors = subscription();
    CHECK_FALSE(h.calls.guard("broken", [] { throw 1; }));
    CHECK(h.counted.host_failures.value() == 2);
  }
  SECTION("an error hook that throws is not called for that") {
    const subscription second = h.calls.on_error.add([](std::string_view, const std::exception_ptr&) { throw 1; });
    CHECK_FALSE(h.calls.guard("broken", [] { throw 1; }));
    CHECK(h.told == list{"error broken", "error broken"});
    CHECK(h.counted.host_failures.value() == 2);
  }
}

TEST_CASE("each that observes is called, and one that throws is reported by the hook's name", "[server]") {
  noting_host h;
  int called = 0;
  const subscription first = h.calls.on_connect.add([](const connection_info&) { throw 1; });
  const subscription second = h.calls.on_connect.add([&](const connection_info&) { ++called; });
  h.calls.tell("on_connect", h.calls.on_connect, connection_info());
  CHECK(called == 1);
  CHECK(h.told == list{"error on_connect"});
}

TEST_CASE("no stranger's text begins another line of the log", "[server]") {
  noting_host h;
  h.calls.log(log_level::info, "one\nline");
  CHECK(h.told == list{"log one?line"});
}

TEST_CASE("a page is the host's, within its bound", "[server]") {
  constexpr std::size_t most = 10;
  noting_host h;
  const http_request request;
  CHECK(h.calls.answer_http(request, most).status == 404);
  CHECK(h.calls.answer_http(request, most, 204).status == 204);
  std::optional<http_response> page;
  h.calls.on_http = [&](const http_request&) { return page; };
  SECTION("or none") { CHECK(h.calls.answer_http(request, most).status == 404); }
  SECTION("when it fits") {
    page = http_response{.body = std::string(most, 'x')};
    CHECK(h.calls.answer_http(request, most).status == 200);
    CHECK(h.calls.answer_http(request, most).body == std::string(most, 'x'));
  }
  SECTION("and 500 when it does not, in the log too") {
    page = http_response{.body = std::string(most + 1, 'x')};
    CHECK(h.calls.answer_http(request, most).status == 500);
    CHECK(h.told == list{"log a page is over http_response_bytes"});
    CHECK(h.counted.limits[limit::http_response_bytes].value() == 1);
  }
  SECTION("and 500 when it throws") {
    h.calls.on_http = [](const http_request&) -> std::optional<http_response> { throw 1; };
    CHECK(h.calls.answer_http(request, most).status == 500);
    CHECK(h.told == list{"error on_http"});
  }
}

TEST_CASE("a host that is forgotten is not called", "[server]") {
  noting_host h;
  h.calls.on_http = [](const http_request&) { return http_response{.body = "page"}; };
  h.calls.client_address = [](const http_request&) { return std::string("there"); };
  h.calls.forget_host();
  CHECK(h.calls.are_gone);
  CHECK(h.calls.answer_http({}, 100).status == 404);
  CHECK_FALSE(h.calls.client_address);
  h.calls.log(log_level::info, "line");
  CHECK_FALSE(h.calls.guard("broken", [] { throw 1; }));
  CHECK(h.told.empty());
}
