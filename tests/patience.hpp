#pragma once

#include <chrono>

/// How long a test waits for what may never come. It only ends a hang: however slow the machine is, no test gets near it.
inline constexpr std::chrono::minutes patience{10};
