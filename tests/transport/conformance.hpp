#pragma once

// The installed suite of promises that every transport keeps, as tests of Catch2.

#include <catch2_any.hpp>
#include <hotline/testing/transport_conformance.hpp>

namespace conformance {

using namespace hotline::testing::transport_conformance;

/// Fails the test that is running, which goes on.
inline void fail(const hotline::testing::failed_check& failed) { FAIL_CHECK(failed.what()); }

/// A started transport that fails the test that is running.
template <class Fixture>
class subject_of final : public hotline::testing::transport_conformance::subject_of<Fixture> {
 public:
  subject_of() : hotline::testing::transport_conformance::subject_of<Fixture>(fail) {}
};

/// The whole suite, each test a section, over the model that `Fixture` brings.
template <class Fixture>
void run() {
  for (const test& each : tests()) DYNAMIC_SECTION(each.name) {
      CHECK(hotline::testing::transport_conformance::run<Fixture>(each, fail) == 0);
    }
}

}  // namespace conformance
