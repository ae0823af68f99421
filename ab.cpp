#include <hotline/hotline.hpp>
