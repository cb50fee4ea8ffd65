// Prints for people. Everything but the format itself may come from a database or from another
// node, so texts among the arguments are made visible first (base/visible_text.h). JSON is printed
// with fmt::print: JsonText() spells such characters itself.
//
// Threads: any; lines of several threads may mix.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <type_traits>

#include "base/visible_text.h"

namespace harmonylite::cli {

template <typename T>
auto Shown(const T& argument) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>)
    return Visible(argument);
  else
    return argument;
}

template <typename... Args>
void Print(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}", fmt::format(fmt::runtime(fmt::string_view(format)), Shown(args)...));
}

}  // namespace harmonylite::cli
