// Catch2 v3 brings a main of its own (Catch2::Catch2WithMain); v2 has it made here, once.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
