// ASSERT_OK, EXPECT_OK and ASSERT_VALUE, which print the error's message on a failure.
#pragma once

#include <gtest/gtest.h>

#include "base/result.h"

#define ASSERT_OK(expr)                                                  \
  do {                                                                   \
    const auto& hl_r = (expr);                                           \
    ASSERT_TRUE(hl_r.ok()) << (hl_r.ok() ? "" : hl_r.error().message()); \
  } while (false)
#define EXPECT_OK(expr)                                                  \
  do {                                                                   \
    const auto& hl_r = (expr);                                           \
    EXPECT_TRUE(hl_r.ok()) << (hl_r.ok() ? "" : hl_r.error().message()); \
  } while (false)
#define ASSERT_VALUE(decl, expr) ASSERT_VALUE_IMPL(HL_CONCAT(hl_value_, __LINE__), decl, expr)
#define ASSERT_VALUE_IMPL(temp, decl, expr)                            \
  auto temp = (expr);                                                  \
  ASSERT_TRUE(temp.ok()) << (temp.ok() ? "" : temp.error().message()); \
  decl = std::move(temp).value()
