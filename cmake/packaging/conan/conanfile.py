"""Conan 2 recipe. From a checkout of hotline:

    conan create cmake/packaging/conan -o "hotline/*:deflate=True" -o "hotline/*:tls=True" --build=missing

A host requires "hotline/<version>", and its CMake says find_package(hotline CONFIG REQUIRED) as with any other installation:
the package has hotline's own CMake files, which find the packages below through CMakeDeps.
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class HotlineConan(ConanFile):
    name = "hotline"
    description = "Keeps the screens of a C++ service's users live over WebSocket"
    license = "MIT"
    topics = ("websocket", "realtime", "pubsub", "asio", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"deflate": [True, False], "tls": [True, False]}
    # websocketpp is a codec here: nothing of it that hotline includes needs Asio, OpenSSL or zlib.
    default_options = {
        "deflate": False,
        "tls": False,
        "websocketpp/*:asio": False,
        "websocketpp/*:with_openssl": False,
        "websocketpp/*:with_zlib": False,
    }

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir, os.pardir)

    def set_version(self):
        header = load(self, os.path.join(self._checkout, "include", "hotline", "version.hpp"))
        self.version = re.search(r'#define HOTLINE_VERSION_STRING "([0-9.]+)"', header).group(1)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "README.md", "CHANGELOG.md", "cmake/*", "include/*", "docs/*",
                        "examples/*"):
            copy(self, pattern, src=self._checkout, dst=self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("asio/[>=1.22 <2]")
        self.requires("websocketpp/0.8.2")
        self.requires("rapidjson/1.1.0")
        if self.options.deflate:
            self.requires("zlib/[>=1.2.11 <2]")
        if self.options.tls:
            self.requires("openssl/[>=3.0 <4]")

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        for name in ("BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_BENCHMARKS"):
            toolchain.cache_variables["HOTLINE_" + name] = False
        toolchain.cache_variables["HOTLINE_INSTALL"] = True
        toolchain.generate()

    def build(self):
        CMake(self).configure()    # finds what is required; there is nothing to compile

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "doc"))
        rmdir(self, os.path.join(self.package_folder, "share", "pkgconfig"))    # Conan's PkgConfigDeps writes its own

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        # hotline's own files define hotline::hotline, hotline::compiled, hotline::deflate and hotline::tls.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "hotline")]
        # And for hosts without CMake.
        self.cpp_info.set_property("pkg_config_name", "hotline")
        self.cpp_info.defines = ["ASIO_STANDALONE"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
