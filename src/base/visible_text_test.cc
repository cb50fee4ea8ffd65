#include "base/visible_text.h"

#include <gtest/gtest.h>

#include "base/logger.h"

namespace harmonylite {
namespace {

TEST(VisibleText, WhatActsOnATerminalIsSpelled) {
  EXPECT_EQ(Visible("größe 漢字 \xF0\x9F\x98\x80 'x'"), "größe 漢字 \xF0\x9F\x98\x80 'x'");
  EXPECT_EQ(Visible("a\x1b[2Jb\rc\n\x7f"), "a\\u{1b}[2Jb\\u{d}c\\u{a}\\u{7f}");
  EXPECT_EQ(Visible("\xC2\x9B"
                    "31m"),
            "\\u{9b}31m");  // CSI as one character
  EXPECT_EQ(Visible("\xE2\x80\xAE"
                    "cod"),
            "\\u{202e}cod");  // right to left
  EXPECT_EQ(Visible("\xE2\x81\xA6\xD8\x9C\xE2\x80\xA8"), "\\u{2066}\\u{61c}\\u{2028}");
  EXPECT_EQ(Visible("\x9b\xff\xC2"), "\\x9b\\xff\\xc2");  // no UTF-8
  EXPECT_EQ(Visible(""), "");
}

TEST(VisibleText, LinesMayStay) {
  EXPECT_EQ(VisibleLines("a\x1b\nb\r\n"), "a\\u{1b}\nb\\u{d}\n");
  EXPECT_EQ(VisibleLines(""), "");
}

TEST(VisibleText, JsonEscapesTheSame) {
  EXPECT_EQ(JsonEscape("\x1b\xC2\x9B\xE2\x80\xAE\x7fö"), "\\u001b\\u009b\\u202e\\u007fö");
}

}  // namespace
}  // namespace harmonylite
