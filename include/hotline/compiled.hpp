#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

/// \file
/// Where the library's bodies are compiled. By default each file that includes a header compiles them. A program that
/// defines `HOTLINE_COMPILED` in all of its files compiles them once: one of its source files includes <hotline/src.hpp>,
/// or it links the CMake target `hotline::compiled`, which does both. The macro changes no layout.

#if defined(HOTLINE_COMPILED)
#define HOTLINE_DETAIL_COMPILED 1
#define HOTLINE_DETAIL_INLINE
#else
#define HOTLINE_DETAIL_COMPILED 0
#define HOTLINE_DETAIL_INLINE inline
#endif

#endif
