# `conan create` with the recipe in cmake/packaging/conan, over packages of this system's headers, so that nothing is
# fetched. Included by run_case.cmake.

set(ENV{CONAN_HOME} "${build}/home")
set(ENV{CXX} "${CXX}")
run("${CONAN}" profile detect --force)
foreach(package IN ITEMS asio/1.28.1 rapidjson/1.1.0 websocketpp/0.8.2 zlib/1.2.13 openssl/3.0.15)
  string(REPLACE "/" ";--version;" arguments "${package}")
  run("${CONAN}" export "${CMAKE_CURRENT_LIST_DIR}/conan" --name ${arguments})
endforeach()
run("${CONAN}" create "${SOURCE}/cmake/packaging/conan" --no-remote --build=missing -s compiler.cppstd=20
  -o "hotline/*:deflate=True" -o "hotline/*:tls=True"
  -c "tools.cmake.cmake_layout:test_folder=${build}/test_package" -c "tools.cmake.cmaketoolchain:generator=${GENERATOR}")
