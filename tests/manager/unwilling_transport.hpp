#pragma once

#include <hotline/transport/memory_transport.hpp>

#include <functional>
#include <memory>
#include <new>
#include <utility>

namespace hotline_test {

/// Has no memory for what is posted, while it is told so.
class unwilling_transport : public hotline::memory_transport {
 public:
  using hotline::memory_transport::memory_transport;

  void post(std::function<void()> f) {
    if (unwilling) throw std::bad_alloc();
    ++posts;
    memory_transport::post(std::move(f));
  }

  bool unwilling = false;
  int posts = 0;
};

}  // namespace hotline_test
