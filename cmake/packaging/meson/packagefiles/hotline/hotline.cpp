#include <hotline/src.hpp>
