"""A Conan package of headers of this system, so that hotline's recipe is tried without a network:

    conan create . --name asio --version 1.28.1
"""

import os

from conan import ConanFile
from conan.tools.files import copy

# For each package: the files that are copied, the name that find_package uses, and the targets with their libraries.
PACKAGES = {
    "asio": ("asio*", "asio", {"asio::asio": []}),
    "websocketpp": ("websocketpp/*", "websocketpp", {"websocketpp::websocketpp": []}),
    "rapidjson": ("rapidjson/*", "RapidJSON", {"rapidjson": []}),
    "zlib": ("zlib.h", "ZLIB", {"ZLIB::ZLIB": ["z"]}),
    "openssl": ("openssl/*", "OpenSSL", {"OpenSSL::Crypto": ["crypto"], "OpenSSL::SSL": ["ssl", "crypto"]}),
}


class SystemHeadersConan(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    options = {"asio": ["boost", "standalone", False], "with_openssl": [True, False], "with_zlib": [True, False]}
    default_options = {"asio": "boost", "with_openssl": True, "with_zlib": True}

    def config_options(self):
        if self.name != "websocketpp":
            for name in ("asio", "with_openssl", "with_zlib"):
                delattr(self.options, name)

    def validate(self):
        if self.name == "websocketpp" and (self.options.asio or self.options.with_openssl or self.options.with_zlib):
            raise Exception("hotline needs websocketpp's codec alone")

    def package(self):
        copy(self, PACKAGES[self.name][0], src="/usr/include", dst=os.path.join(self.package_folder, "include"))

    def package_info(self):
        _, file_name, targets = PACKAGES[self.name]
        self.cpp_info.set_property("cmake_file_name", file_name)
        self.cpp_info.set_property("cmake_find_mode", "both")
        if len(targets) == 1:
            (target, libraries), = targets.items()
            self.cpp_info.set_property("cmake_target_name", target)
            self.cpp_info.system_libs = libraries
            return
        for target, libraries in targets.items():
            component = self.cpp_info.components[target.split("::")[1].lower()]
            component.set_property("cmake_target_name", target)
            component.system_libs = libraries
