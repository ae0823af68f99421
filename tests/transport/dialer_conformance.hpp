#pragma once

// The installed suite of promises that every dialer keeps, as tests of Catch2.

#include <catch2_any.hpp>
#include <hotline/testing/dialer_conformance.hpp>

namespace dialer_conformance {

using namespace hotline::testing::dialer_conformance;

/// Fails the test that is running, which goes on.
inline void fail(const hotline::testing::failed_check& failed) { FAIL_CHECK(failed.what()); }

/// The whole suite, each test a section, over the model that `Fixture` brings.
template <class Fixture>
void run() {
  for (const test& each : tests()) DYNAMIC_SECTION(each.name) {
      CHECK(hotline::testing::dialer_conformance::run<Fixture>(each, fail) == 0);
    }
}

}  // namespace dialer_conformance
